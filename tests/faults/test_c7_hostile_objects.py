"""C7: `__str__`/`__repr__` that raise, recurse, take long or return 100 MB; cyclic and huge extras; lone surrogates.

Passes when: an event still arrives, bounded; the host sees nothing. Exceptions are in test_c7_exceptions.py.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from client_support import attached, no_client_yet, refusing, spool_lines
from hostile_exceptions import EXCEPTIONS
from hostile_objects import (
    LINE_BYTES,
    OBJECTS,
    Classless,
    Endless,
    Huge,
    Itemless,
    Lengthless,
    NoTruth,
    Raises,
    Recurses,
    Slow,
    Text,
    cyclic_dict,
    nested,
    size,
)
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
from levqor_errors.testing import capture_events
from support import rows, wait_until

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with no_client_yet():
        yield


# -- anything that a caller gives --------------------------------------------------------------------------------------

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

    def stored() -> list[str]:
        return [message for (message,) in rows(database, "SELECT message FROM error_events ORDER BY id")]

    # The shipper of before may have got hold of it, for which `flush` does not wait.
    wait_until(lambda: "second" in stored())
    # What the collector cannot take is set aside and counted; all else is there.
    assert stored().count("first") + refused == 1


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
