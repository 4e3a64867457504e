"""C7: `__str__`/`__repr__` that raise, recurse, take long or return 100 MB; cyclic and huge extras; lone surrogates;
ExceptionGroup; chained exceptions in a cycle.

Passes when: an event still arrives, bounded; the host sees nothing.
"""

# ruff: noqa: N818 - these exceptions are named after what they do

from __future__ import annotations

import collections
import itertools
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from client_support import attached, group, no_client_yet, refusing, spool_lines
from levqor_errors import (
    ErrorHandler,
    add_breadcrumb,
    flush,
    init,
    log_error,
    log_exception,
    scope,
    set_tag,
    set_user,
    stats,
)
from levqor_errors.client.api import report
from levqor_errors.testing import capture_events
from support import rows

LINE_BYTES = 1_000_000
Events = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with no_client_yet():
        yield


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The host sees nothing: no output, and no warning of the client's own."""
    yield
    assert [record.getMessage() for record in caplog.records if record.name.startswith("levqor_errors")] == []
    assert tuple(capfd.readouterr()) == ("", "")


def size(event: Mapping[str, Any]) -> int:
    return len(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))


# -- strangers ----------------------------------------------------------------------------------------------------


class Raises:
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class Recurses:
    def __str__(self) -> str:
        return f"{self}"

    __repr__ = __str__


class Slow:
    shown = 0

    def __str__(self) -> str:
        Slow.shown += 1
        time.sleep(0.005)
        return "slow"

    __repr__ = __str__


class Huge:
    def __str__(self) -> str:
        return "x" * 100_000_000

    __repr__ = __str__


class Text(str):
    """A text that lies about itself in every way that cutting, searching or joining could ask for."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> str:
        raise ValueError("no part of it")

    def __iter__(self) -> Iterator[str]:
        raise ValueError("no characters")

    def __format__(self, spec: str) -> str:
        raise ValueError("no format")

    def lower(self) -> str:
        raise ValueError("no lower case")

    def __str__(self) -> str:
        return self


class ReturnsText:
    def __str__(self) -> str:
        return Text("x" * 2_000_000)

    __repr__ = __str__


class ReturnsNumber:
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]

    __repr__ = __str__


class Classless:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise ValueError("no class")


class NoTruth:
    def __bool__(self) -> bool:
        raise ValueError("neither true nor false")

    __len__ = __bool__


class Itemless(dict[str, object]):
    def items(self) -> Any:
        raise ValueError("no items")


class Lengthless(dict[str, object]):
    def __len__(self) -> int:
        raise ValueError("no length")


class Endless(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return map(str, itertools.count())

    def __len__(self) -> int:
        return sys.maxsize


def nested(wrap: Callable[[Any], Any], depth: int = 10_000) -> Any:
    value: Any = "the innermost"
    for _ in range(depth):
        value = wrap(value)
    return value


def cyclic_list() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


def cyclic_dict() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["itself"] = [value]
    return value


#: Made when they are needed: some take a hundred megabytes.
OBJECTS: dict[str, Callable[[], Any]] = {
    "str raises": Raises,
    "str recurses": Recurses,
    "slow": Slow,
    "100 MB": Huge,
    "a str subclass": lambda: Text("sneaky"),
    "a str subclass from __str__": ReturnsText,
    "not a str from __str__": ReturnsNumber,
    "no class": Classless,
    "no truth": NoTruth,
    "lone surrogates": lambda: "half a pair: \ud800 and \udfff",
    "NUL and newlines": lambda: "a\x00b\nc\r\u2028d",
    "100 MB of text": lambda: "é" * 50_000_000,
    "emoji": lambda: "\N{COLLISION SYMBOL}" * 1_000_000,
    "bytes": lambda: b"\xff\x00" * 5_000_000,
    "a cyclic list": cyclic_list,
    "a cyclic dict": cyclic_dict,
    "a million items": lambda: list(range(1_000_000)),
    "a million entries": lambda: dict.fromkeys(range(1_000_000), "x"),
    "lists, 10,000 deep": lambda: nested(lambda inner: [inner]),
    "dicts, 10,000 deep": lambda: nested(lambda inner: {"inner": inner}),
    "tuples of dicts, 10,000 deep": lambda: nested(lambda inner: ({"inner": inner},)),
    "no items": lambda: Itemless(a=1),
    "no length": lambda: Lengthless(a=1),
    "no end": Endless,
    "an endless generator": itertools.count,
    "NaN and infinities": lambda: [float("nan"), float("inf"), -float("inf")],
    "huge integers": lambda: [10**5_000, -(10**5_000), 2**63, 2**64, -(2**63)],
    "sets": lambda: {frozenset({1, "a"}), b"b", None},
    "keys of all kinds": lambda: {1: 1, None: 2, (1, 2): 3, b"\xff": 4, 1.5: 5, False: 6, Raises(): 7, "\ud800": 8},
    "a deque": lambda: collections.deque([1, 2, 3]),
    "a huge key": lambda: {"k" * 10_000_000: 1},
    "many long texts": lambda: [[["x" * 4_000] * 100] * 10] * 10,
    "many long emoji texts": lambda: {str(n): "\N{COLLISION SYMBOL}" * 4_000 for n in range(100)},
    "long keys": lambda: {f"{n} {'k' * 10_000}": {f"{m} {'k' * 10_000}": 1 for m in range(100)} for n in range(100)},
    "a class": lambda: Raises,
    "a module": lambda: sys,
    "strangers in a list": lambda: [Raises(), Recurses(), ReturnsText(), ReturnsNumber(), NoTruth()],
}
objects = pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS.keys())


@objects
@pytest.mark.usefixtures("quiet")
def test_c7_any_object_as_the_message(make: Callable[[], Any]) -> None:
    stranger = make()
    with capture_events() as events:
        assert log_error("shop", stranger) is not None
    (event,) = events
    assert type(event["message"]) is str
    assert event["message"]
    assert size(event) < LINE_BYTES


@objects
@pytest.mark.usefixtures("quiet")
def test_c7_any_object_in_the_extras(make: Callable[[], Any]) -> None:
    stranger = make()
    with capture_events() as events:
        assert log_error("shop", "it broke", extra={"kept": 1, "stranger": stranger}) is not None
    (event,) = events
    # One bad value does not take its neighbours along.
    assert event["context"]["extra"]["kept"] == 1
    assert "stranger" in event["context"]["extra"]
    assert size(event) < LINE_BYTES


@pytest.mark.parametrize("make", [Itemless, Lengthless, Endless, NoTruth, Raises, Classless, cyclic_dict, Huge])
@pytest.mark.usefixtures("quiet")
def test_c7_any_object_instead_of_extras(make: Callable[[], Any]) -> None:
    stranger = make()
    if issubclass(type(stranger), dict):
        dict.__setitem__(stranger, "a", 1)
    with capture_events() as events:
        assert log_error("shop", "it broke", extra=stranger) is not None
    assert [event["message"] for event in events] == ["it broke"]
    assert size(events[0]) < LINE_BYTES


@objects
@pytest.mark.usefixtures("quiet")
def test_c7_any_object_around_the_event(make: Callable[[], Any]) -> None:
    stranger = make()
    with capture_events() as events, scope():
        set_user("a@example.com", stranger=stranger)
        set_tag("stranger", stranger)
        for _ in range(12):
            add_breadcrumb("a step", data={"stranger": stranger})
        add_breadcrumb(stranger)
        assert log_error("shop", "it broke") is not None
    (event,) = events
    context = event["context"]
    assert set(context["user"]) == {"stranger"}
    assert set(context["tags"]) == {"stranger"}
    # The latest of them, as many as there is room for.
    assert 1 <= len(context["breadcrumbs"]) <= 13
    assert context["breadcrumbs"][-1]["message"] != "a step"
    assert size(event) < LINE_BYTES


@pytest.mark.parametrize("field", ["user_email", "path", "stack", "fingerprint", "severity", "service"])
@pytest.mark.parametrize("name", ["str raises", "100 MB", "a str subclass", "lone surrogates", "a cyclic list"])
@pytest.mark.usefixtures("quiet")
def test_c7_any_object_as_a_field(field: str, name: str) -> None:
    given: dict[str, Any] = {"service": "shop", field: OBJECTS[name]()}
    with capture_events() as events:
        assert log_error(message="it broke", **given) is not None
    (event,) = events
    assert event["message"] == "it broke"
    # Anything that is no text here would be refused by the collector, and with it the event.
    assert all(isinstance(value, str) for key, value in event.items() if key not in ("context", "created_at"))
    assert size(event) < LINE_BYTES


@pytest.mark.usefixtures("quiet")
def test_c7_slow_objects_share_one_budget_of_time() -> None:
    Slow.shown = 0
    with capture_events() as events:
        assert log_error("shop", "it broke", extra={"all": [Slow() for _ in range(100)]}) is not None
    assert len(events) == 1
    # 0.02 s is four of them; all hundred would hold up the host for half a second.
    assert 1 <= Slow.shown < 50


# -- exceptions ---------------------------------------------------------------------------------------------------


class StrRaises(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class GetattrRaises(Exception):
    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


class GetattrRecurses(Exception):
    def __getattr__(self, name: str) -> Any:
        return self.values[name]


class GetattrAnswers(Exception):
    """As a proxy or a mock does: has every attribute that it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return f"the {name}"


class GetattributeRaises(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise OSError(name)


class SetattrRaises(Exception):
    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("frozen")


class ClassRaises(Exception):
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise ValueError("no class")


class TracebackRaises(Exception):
    @property
    def _fails(self) -> Any:
        raise ValueError("not even this")

    __cause__: Any = _fails
    __context__: Any = _fails
    __notes__: Any = _fails
    __traceback__: Any = _fails
    __suppress_context__: Any = _fails


class NotesAreAText(Exception):
    __notes__: Any = "not a list"


class NotesAreANumber(Exception):
    __notes__: Any = 5


class NotesAreEndless(Exception):
    __notes__: Any = itertools.repeat("note")


class NotesAreAMillion(Exception):
    __notes__: Any = ["n" * 100] * 1_000_000


class NotesAreStrange(Exception):
    __notes__: Any = [Raises(), Huge(), None, Text("sneaky"), "\ud800", 5]  # noqa: RUF012


class NotesHaveNoTruth(Exception):
    class Notes(list[str]):
        __bool__ = __len__ = NoTruth.__bool__

    __notes__: Any = Notes(["a"])


class ManyMembers(Exception):
    """What ExceptionGroup is to us, on every version of Python."""

    def __init__(self, members: tuple[Any, ...]) -> None:
        super().__init__("several")
        self.exceptions = members


class MembersRaise(Exception):
    @property
    def exceptions(self) -> Any:
        raise ValueError("no members")


class ModuleIsNoText(Exception):
    __module__ = None  # type: ignore[assignment]


def chain(*exceptions: BaseException) -> BaseException:
    for one, following in itertools.pairwise(exceptions):
        following.__cause__ = one
    return exceptions[-1]


def cycle() -> BaseException:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    one.__context__ = two.__context__ = one
    return one


def group_in_itself() -> BaseException:
    inner = ManyMembers(())
    outer = ManyMembers((inner, ValueError("a member")))
    inner.exceptions = (outer, outer)
    return outer


def deep_group() -> BaseException:
    inner: BaseException = ValueError("the innermost")
    for _ in range(2_000):
        inner = ManyMembers((inner,))
    return inner


def heavy_chain() -> BaseException:
    links = [ValueError("\N{COLLISION SYMBOL}" * 20_000) for _ in range(40)]
    for link in links:
        link.__notes__ = ["\N{COLLISION SYMBOL}" * 20_000] * 40
    return chain(*links)


def recursion_error() -> BaseException:
    def endless(depth: int) -> int:
        return 1 + endless(depth + 1)

    try:
        endless(0)
    except RecursionError as error:
        return error
    raise AssertionError


EXCEPTIONS: dict[str, Callable[[], BaseException]] = {
    "str raises": StrRaises,
    "getattr raises": GetattrRaises,
    "getattr recurses": GetattrRecurses,
    "getattr answers": GetattrAnswers,
    "getattribute raises": GetattributeRaises,
    "setattr raises": SetattrRaises,
    "class raises": ClassRaises,
    "dunders raise": TracebackRaises,
    "notes: a text": NotesAreAText,
    "notes: a number": NotesAreANumber,
    "notes: endless": NotesAreEndless,
    "notes: a million": NotesAreAMillion,
    "notes: strange": NotesAreStrange,
    "notes: no truth": NotesHaveNoTruth,
    "arguments: strange": lambda: ValueError(Raises(), Huge()),
    "arguments: 100 MB": lambda: ValueError("x" * 100_000_000),
    "arguments: lone surrogates": lambda: ValueError("\ud800"),
    "arguments: a str subclass": lambda: ValueError(Text("sneaky")),
    "members raise": MembersRaise,
    "members: no exceptions": lambda: ManyMembers((1, "two", None, Raises())),
    "members: a million": lambda: ManyMembers((ValueError("one"),) * 1_000_000),
    "members: a cycle": group_in_itself,
    "members: 2,000 deep": deep_group,
    "members: an ExceptionGroup": lambda: group("g", [ValueError("v"), group("h", [KeyError("k"), StrRaises()])]),
    "module is no text": ModuleIsNoText,
    "a name of 2 MB": lambda: type("N" * 2_000_000, (Exception,), {})("x"),
    "a chain in a cycle": cycle,
    "a chain of 1,000": lambda: chain(*(ValueError(str(n)) for n in range(1_000))),
    "a heavy chain": heavy_chain,
    "strangers in a chain": lambda: chain(GetattrRaises(), StrRaises(), MembersRaise(), ValueError("outermost")),
    "1,000 frames": recursion_error,
}
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


# -- logging ------------------------------------------------------------------------------------------------------

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "a text for %d": ("%d", "x"),
    "too few": ("%s and %s", 1),
    "too many": ("%s", 1, 2),
    "no such key": ("%(missing)s", {"there": 1}),
    "no place for them": ("no place", 1),
    "str raises": ("it is %s", Raises()),
    "repr raises": ("it is %r", Raises()),
    "repr recurses": ("it is %r", Recurses()),
    "message raises": (Raises(),),
    "message recurses": (Recurses(),),
    "100 MB": ("it is %s", Huge()),
    "a str subclass": ("it is %s", Text("sneaky")),
    "message is a str subclass": (Text("sneaky"),),
    "message is huge, with an argument": ("%s" + "x" * 50_000_000, 1),
    "lone surrogates": ("it is %s", "\ud800"),
}


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_c7_log_arguments_that_do_not_fit(
    arguments: tuple[Any, ...], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with capture_events() as events, attached(ErrorHandler(service="shop"), "c7") as logger:
        logger.error(*arguments)
    (event,) = events
    assert type(event["message"]) is str
    assert event["message"]
    assert size(event) < LINE_BYTES
    assert [record.name for record in caplog.records] == []
    out, err = capfd.readouterr()
    assert out == ""
    # logging's own words for arguments that do not fit are the programmer's, and stay.
    assert err == "" or err.startswith("--- Logging error ---")


@pytest.mark.parametrize("name", ["str raises", "a cyclic list", "lone surrogates", "a million items", "no class"])
@pytest.mark.usefixtures("quiet")
def test_c7_any_object_in_loggings_extra(name: str) -> None:
    with capture_events() as events, attached(ErrorHandler(service="shop"), "c7") as logger:
        logger.error("it broke", extra={"kept": 1, "stranger": OBJECTS[name]()})
    (event,) = events
    assert event["context"]["extra"]["kept"] == 1
    assert size(event) < LINE_BYTES


@pytest.mark.parametrize("arguments", [("%d", "x"), (Raises(),), ("it is %s", Raises())])
def test_c7_breadcrumbs_whose_arguments_do_not_fit(
    arguments: tuple[Any, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    with capture_events() as events, scope(), attached(ErrorHandler(service="shop"), "c7") as logger:
        logger.info(*arguments)
        logger.error("it broke")
    assert [event["message"] for event in events] == ["it broke"]
    err = capfd.readouterr().err
    assert err == "" or err.startswith("--- Logging error ---")


# -- before_send --------------------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], Any]
CHANGES: dict[str, Change] = {
    "context: None": lambda event: {**event, "context": None},
    "context: a text": lambda event: {**event, "context": "text"},
    "context: a list": lambda event: {**event, "context": []},
    "exceptions: a number": lambda event: {**event, "exceptions": 5},
    "exceptions: no frames": lambda event: {**event, "exceptions": [{}]},
    "exceptions: a number for a file": lambda event: {
        **event, "exceptions": [{"type": "E", "value": "", "frames": [[5, 1, "f", "m"]]}],
    },
    "exceptions: a text for a line": lambda event: {
        **event, "exceptions": [{"type": "E", "value": "", "frames": [["f.py", "1", "f", "m"]]}],
    },
    "stack: a list": lambda event: {**{k: v for k, v in event.items() if k != "exceptions"}, "stack": ["a"]},
    "created_at: a text": lambda event: {**event, "created_at": "2026-11-23T13:05:39Z"},
    "created_at: gone": lambda event: {key: value for key, value in event.items() if key != "created_at"},
    "breadcrumbs: a number": lambda event: {**event, "context": {"breadcrumbs": 5}},
    "breadcrumbs: no JSON": lambda event: {**event, "context": {"breadcrumbs": ["{"]}},
    "an object": lambda event: {**event, "context": {"extra": Raises()}},
    "NaN": lambda event: {**event, "context": {"extra": float("nan")}},
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_c7_what_before_send_returns_never_stops_the_shipper(
    change: Change, collector_url: str, tmp_path: Path, database: Path
) -> None:
    """A line that cannot be read as it was meant, by a before_send or by another's hand in the spool directory."""
    init(url=collector_url, spool_dir=tmp_path / "own-spool", before_send=change)
    try:
        raise ValueError("it broke")
    except ValueError:
        log_error("shop", "first")
    assert flush(30)
    refused = stats().get("lost_refused", 0)
    init(url=collector_url, spool_dir=tmp_path / "own-spool")
    log_error("shop", "second")
    assert flush(30)
    stored = [message for (message,) in rows(database, "SELECT message FROM error_events ORDER BY id")]
    assert "second" in stored
    # What the collector cannot take is set aside and counted; all else is there.
    assert stored.count("first") + refused == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda event: {**event, "context": {"extra": cyclic_dict()}},
        lambda event: {**event, "context": {"extra": {(1, 2): 3}}},
        lambda event: {**event, "context": {"extra": nested(lambda inner: [inner])}},
        lambda event: [event],
        lambda event: 1 / 0,
    ],
    ids=["a cycle", "a tuple as a key", "too deep", "a list", "it raises"],
)
def test_c7_what_before_send_breaks_is_left_out_and_counted(change: Change) -> None:
    init(before_send=change)
    with capture_events() as events:
        log_error("shop", "it broke")
        assert stats()["lost_before_send_failed"] == 1
    assert events == []


# -- a real journal, and a real collector -------------------------------------------------------------------------


def tell_of_everything() -> list[str]:
    """Every stranger once; the ids that were given for them."""
    ids: list[str | None] = []
    for make in OBJECTS.values():
        stranger = make()
        with scope():
            set_user("a@example.com", stranger=stranger)
            set_tag("stranger", stranger)
            add_breadcrumb("a step", data={"stranger": stranger})
            ids.append(log_error("shop", stranger, extra={"stranger": stranger}))
    ids += [log_exception(make_exception(), "shop") for make_exception in EXCEPTIONS.values()]
    assert None not in ids
    return [str(event_id) for event_id in ids]


@pytest.mark.usefixtures("quiet")
def test_c7_through_a_real_collector(collector_url: str, api: httpx.Client, tmp_path: Path, database: Path) -> None:
    init(url=collector_url, spool_dir=tmp_path / "own-spool")
    ids = tell_of_everything()
    assert flush(60)
    assert rows(database, "SELECT event_id FROM error_events ORDER BY event_id") == sorted((given,) for given in ids)
    for (number,) in rows(database, "SELECT id FROM error_events"):
        answer = api.get(f"/api/errors/{number}")
        assert answer.status_code == 200
        assert answer.json()["event"]["message"]
    # In pages too, whatever is in them.
    assert api.get("/api/errors/recent", params={"limit": 500}).json()["count"] > 1


def test_c7_lines_on_disk_are_bounded(tmp_path: Path) -> None:
    with refusing() as url:
        init(url=url, spool_dir=tmp_path / "own-spool")
        logging.getLogger("levqor_errors.client").disabled = True
        try:
            ids = tell_of_everything()
            lines = spool_lines(tmp_path / "own-spool")
        finally:
            logging.getLogger("levqor_errors.client").disabled = False
    assert sorted(json.loads(line)["event_id"] for line in lines) == sorted(ids)
    assert [json.loads(line)["message"][:50] for line in lines if len(line) >= LINE_BYTES] == []
