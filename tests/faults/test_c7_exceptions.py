"""C7, exceptions: their text, notes, members, chains and attributes may do anything; ExceptionGroup; chains in a cycle.

Passes when: an event still arrives, bounded; the host sees nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from client_support import attached, no_client_yet
from hostile_exceptions import EXCEPTIONS, SetattrRaises, recursion_error
from hostile_objects import LINE_BYTES, NoTruth, Raises, Recurses, ReturnsNumber, ReturnsText, cyclic_dict, nested, size
from levqor_errors import ErrorHandler, init, log_error, log_exception
from levqor_errors.client.api import report
from levqor_errors.testing import capture_events

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with no_client_yet():
        yield


exceptions = pytest.mark.parametrize("make", EXCEPTIONS.values(), ids=EXCEPTIONS.keys())


def through_logging(exception: BaseException) -> None:
    with attached(ErrorHandler(service="shop"), "c7") as logger:
        # logging itself asks for __traceback__ where it is given the exception alone.
        logger.error("it broke", exc_info=(type(exception), exception, None))


WAYS: dict[str, Callable[[BaseException], object]] = {
    "log_exception": lambda exception: log_exception(exception, "shop"),
    "log_error": lambda exception: log_error("shop", "it broke", exception=exception),
    "logging": through_logging,
    "report": lambda exception: report(exception, service="shop"),
}


@exceptions
@pytest.mark.parametrize("tell", WAYS.values(), ids=WAYS.keys())
@pytest.mark.usefixtures("quiet")
def test_c7_any_exception(tell: Callable[[BaseException], object], make: Callable[[], BaseException]) -> None:
    made = make()
    with capture_events() as events:
        # Raised, so that it has frames; some of these cannot even be raised without raising something else.
        try:
            raise made
        except BaseException as error:  # noqa: BLE001 - see above
            caught = error
        tell(caught)
    (event,) = events
    assert type(event["message"]) is str
    assert event["message"]
    (outermost, *_) = event["context"]["exceptions"]
    assert outermost["type"][:200].endswith(type(made).__qualname__[:100])
    assert size(event) < LINE_BYTES


@pytest.mark.usefixtures("quiet")
def test_c7_a_deep_recursion_keeps_both_ends_of_its_stack() -> None:
    with capture_events() as events:
        log_exception(recursion_error(), "shop")
    (error,) = events[0]["context"]["exceptions"]
    assert error["type"] == "RecursionError"
    assert error["frames"][0]["function"] == "recursion_error"
    assert error["frames"][-1]["function"] == "endless"
    assert f"  [{error['cut']} frames cut]" in events[0]["stack"].splitlines()
    assert error["cut"] > 500


def test_c7_reporting_where_the_stack_is_nearly_used_up() -> None:
    """What cannot be taken for want of stack is not; but the host's own handling goes on."""
    outcomes: list[str | None] = []

    def endless() -> None:
        try:
            endless()
        except RecursionError:
            # On the way up, each time with one frame more to spend.
            if len(outcomes) < 150:
                try:
                    outcomes.append(log_error("shop", "near the end"))
                except RecursionError:
                    outcomes.append("raised")
            raise

    with capture_events() as events, pytest.raises(RecursionError):
        endless()
    # Where there is no room for the call itself, it is the call that fails.
    assert "raised" not in outcomes[3:]
    assert len(outcomes) == 150
    assert None not in outcomes[100:]
    assert len(events) == len([outcome for outcome in outcomes if outcome not in (None, "raised")])


@pytest.mark.usefixtures("quiet")
def test_c7_an_exception_whose_mark_cannot_be_set_is_still_one_event_a_way() -> None:
    with capture_events() as events:
        report(SetattrRaises("frozen"), service="shop")
    assert len(events) == 1


@pytest.mark.usefixtures("quiet")
def test_c7_locals_of_all_kinds() -> None:
    init(include_locals=True)

    def fail() -> None:
        raises, recurses, text, number, no_truth = Raises(), Recurses(), ReturnsText(), ReturnsNumber(), NoTruth()
        cycle, deep, many = cyclic_dict(), nested(lambda inner: [inner]), dict.fromkeys(range(100_000))
        raise ValueError(id((raises, recurses, text, number, no_truth, cycle, deep, many)))

    with capture_events() as events:
        try:
            fail()
        except ValueError:
            assert log_error("shop", "it broke") is not None
    (event,) = events
    variables = event["context"]["exceptions"][0]["frames"][-1]["vars"]
    assert set(variables) == {"raises", "recurses", "text", "number", "no_truth", "cycle", "deep", "many"}
    assert size(event) < LINE_BYTES
