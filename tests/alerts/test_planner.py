"""What of the outbox is told at once, later, in one message about many, or not at all; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from levqor_errors import instants
from levqor_errors.alert_rules import read_routes
from levqor_errors.alerts import planner
from levqor_errors.alerts.planner import Planned, Planner
from levqor_errors.alerts.routes import Routes
from levqor_errors.config import AlertSettings
from levqor_errors.storage import Storage
from levqor_errors.storage.base import CANARY_SERVICE
from storage_support import NOW, do, new_event, write
from support import Database, rows

MINUTE = timedelta(minutes=1)
CHANNELS = ("telegram", "email")
Plan = Callable[..., Planned]


def plan(storage: Storage, minutes: float = 0, **options: Any) -> Planned:
    """A look at the outbox so many minutes after the events."""
    routes = Routes(read_routes("R", options.pop("routes", "")), CHANNELS)
    settings = AlertSettings(cooldown=options.pop("cooldown", 900), cap=options.pop("cap", 10))
    given = {"down": (), "canary": None} | options
    with storage.alerts() as store:
        return Planner(settings, routes).plan(store, NOW + minutes * MINUTE, **given)


def critical(issue: str = "a", service: str = "shop", number: int = 1, **fields: Any) -> list[Any]:
    return [new_event(issue, severity="critical", service=service, **fields) for _ in range(number)]


def decisions(database: Database) -> list[tuple[Any, ...]]:
    return rows(database, "SELECT count, decision FROM alert_outbox ORDER BY id")


def whys(database: Database) -> list[str | None]:
    return [why for (why,) in rows(database, "SELECT why FROM alert_outbox ORDER BY id")]


def alerts(database: Database) -> list[tuple[Any, ...]]:
    return rows(database, "SELECT kind, severity, service FROM alerts ORDER BY id")


def deliveries(database: Database) -> list[tuple[Any, ...]]:
    return rows(database, "SELECT alert_id, channel FROM alert_deliveries ORDER BY id")


def test_the_first_is_told_at_once_and_more_of_it_after_the_cool_down(storage: Storage, database: Database) -> None:
    write(storage, critical())
    assert plan(storage) == Planned(frozenset({"telegram"}), None)
    write(storage, critical(number=20))
    waits = plan(storage, 1)
    assert waits.channels == frozenset()
    assert waits.again == pytest.approx(14 * 60, abs=1)
    assert "cool-down" in str(whys(database)[1])
    # Another issue of the same service has its own.
    write(storage, critical("b"))
    assert plan(storage, 2).channels == {"telegram"}
    assert plan(storage, 15.1).channels == {"telegram"}
    assert decisions(database) == [(1, "told"), (20, "told"), (1, "told")]
    assert alerts(database) == [("critical", "critical", "shop")] * 3
    assert plan(storage, 16) == Planned(frozenset(), None)


def test_a_cool_down_begun_by_a_clock_that_is_a_little_ahead_holds(storage: Storage, database: Database) -> None:
    """Another collector's, or that of one who came later and was first to decide."""
    write(storage, critical())
    assert plan(storage, 0.1).channels == {"telegram"}
    write(storage, critical(number=20))
    assert plan(storage).channels == frozenset()
    # A whole hour was a clock that has been set back since.
    assert plan(storage, -60).channels == {"telegram"}


def test_what_was_resolved_and_comes_back_waits_for_no_cool_down(storage: Storage, database: Database) -> None:
    write(storage, critical())
    plan(storage)
    do(storage, "resolve", 1)
    write(storage, [new_event("a", severity="warning", service="shop")])
    assert plan(storage, 1).channels == {"telegram"}
    assert alerts(database) == [("critical", "critical", "shop"), ("regression", "warning", "shop")]
    # And has one of its own after that.
    write(storage, critical())
    assert plan(storage, 2).channels == frozenset()


def test_what_waits_is_not_told_when_its_issue_is_resolved_meanwhile(storage: Storage, database: Database) -> None:
    write(storage, critical())
    plan(storage)
    write(storage, critical(number=3))
    plan(storage, 1)
    do(storage, "resolve", 1)
    assert plan(storage, 20) == Planned(frozenset(), None)
    assert decisions(database) == [(1, "told"), (3, "resolved")]


@pytest.mark.parametrize("ends", [True, False])
def test_a_muted_issue_is_told_after_the_mute_with_all_that_came(
    storage: Storage, database: Database, ends: bool
) -> None:
    until = instants.to_text(NOW + 120 * MINUTE)
    write(storage, critical())
    do(storage, "mute", 1, **({"seconds": 7200} if ends else {"events": 9}))
    waits = plan(storage)
    assert waits.channels == frozenset()
    assert waits.again == pytest.approx(7200 if ends else 3600, abs=1)
    assert (until if ends else "more of its events") in str(whys(database)[0])
    write(storage, critical(number=4))
    assert plan(storage, 119).channels == frozenset()
    with storage.alert_reader() as store:
        # Its owner has said that he does not want it; nothing is wrong with that.
        assert store.deliveries.unsent() == 0
    if not ends:
        assert plan(storage, 10_000).channels == frozenset()
        do(storage, "reopen", 1)
    assert plan(storage, 120).channels == {"telegram"}
    assert decisions(database) == [(5, "told")]


def test_routes_to_nowhere_are_a_decision_and_begin_a_cool_down(storage: Storage, database: Database) -> None:
    routes = "environment=staging -> none; service=mail -> email"
    write(storage, critical(environment="staging") + critical("b", "mail"))
    assert plan(storage, routes=routes).channels == {"email"}
    assert sorted(decisions(database)) == [(1, "nowhere"), (1, "told")]
    assert deliveries(database) == [(1, "email")]
    write(storage, critical())
    assert plan(storage, 1, routes=routes).channels == frozenset()


def test_a_channel_that_is_down_is_left_out(storage: Storage, database: Database) -> None:
    write(storage, critical())
    assert plan(storage, down={"telegram"}).channels == {"email"}
    write(storage, critical("b"))
    # When none works they wait where they belong.
    assert plan(storage, 1, down=set(CHANNELS)).channels == {"telegram"}
    assert deliveries(database) == [(1, "email"), (2, "telegram")]


def test_past_the_cap_there_is_one_message_about_many(storage: Storage, database: Database) -> None:
    write(storage, [event for number in range(30) for event in critical(f"n{number}", "noise")])
    write(storage, critical("real", "checkout"))
    assert plan(storage, cap=6).channels == {"telegram"}
    # Half of the cap of one service, and the one that matters.
    told = alerts(database)
    assert sorted(told) == sorted(
        [("critical", "critical", "noise")] * 3 + [("critical", "critical", "checkout"), ("storm", "critical", None)]
    )
    ((content,),) = rows(database, "SELECT content FROM alerts WHERE kind = 'storm'")
    assert '"issues": 27' in content
    # The next of the kind waits for its window, but what has room does not.
    write(storage, [event for number in range(30, 40) for event in critical(f"n{number}", "noise")])
    write(storage, critical("other", "mail"))
    waits = plan(storage, 1, cap=6)
    assert waits.channels == {"telegram"}
    assert waits.again == pytest.approx(9 * 60, abs=1)
    assert alerts(database)[len(told) :] == [("critical", "critical", "mail")]
    assert "waits for the next message about many" in str(whys(database)[-2])
    assert plan(storage, 10.1, cap=6).channels == {"telegram"}
    # The window is over: three of their own, and one about the rest.
    assert [kind for kind, _, _ in alerts(database)[len(told) + 1 :]] == ["critical"] * 3 + ["storm"]
    assert {decision for _, decision in decisions(database)} == {"told", "storm"}


def test_new_rows_are_seen_however_many_wait(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "MOST_ROWS", 5)
    write(storage, [event for number in range(8) for event in critical(f"n{number}")])
    plan(storage, cap=100)
    plan(storage, cap=100)
    write(storage, [event for number in range(8) for event in critical(f"n{number}")])
    plan(storage, 1, cap=100)
    plan(storage, 1, cap=100)
    write(storage, critical("real"))
    assert plan(storage, 1, cap=100).channels == {"telegram"}


def test_a7_a_clock_that_was_set_back_silences_nothing_and_floods_nothing(storage: Storage, database: Database) -> None:
    write(storage, critical())
    plan(storage)
    for back in (60, 1500):
        write(storage, critical())
        # Told again, once, since nobody knows how long ago it was; and then there is a cool-down as ever.
        assert plan(storage, -back).channels == {"telegram"}
        write(storage, critical())
        assert plan(storage, 1 - back).channels == frozenset()
        assert plan(storage, 16 - back).channels == {"telegram"}


def test_the_canary_goes_to_all_channels_once(storage: Storage, database: Database) -> None:
    (canary,) = [new_event("canary", service=CANARY_SERVICE)]
    write(storage, [canary])
    planned = plan(storage, canary=canary.event.event_id)
    assert planned.channels == set(CHANNELS)
    assert alerts(database) == [("canary", "info", None)]
    assert decisions(database) == [(1, "canary")]


def test_impostors_of_the_canary_are_nothing_to_tell_nor_to_keep(storage: Storage, database: Database) -> None:
    write(storage, [new_event(f"n{number}", service=CANARY_SERVICE, severity="critical") for number in range(20)])
    assert plan(storage, canary="0192f0c1-0000-7000-8000-000000000000") == Planned(frozenset(), None)
    assert decisions(database) == []
    # Nor are they in its way.
    canary = new_event("canary", service=CANARY_SERVICE)
    write(storage, [new_event("canary", service=CANARY_SERVICE), new_event("b", service=CANARY_SERVICE)])
    write(storage, [canary])
    assert plan(storage, 1, canary=canary.event.event_id).channels == set(CHANNELS)
    assert alerts(database) == [("canary", "info", None)]
    assert [decision for _, decision in decisions(database)] == ["canary"]


def test_a4_many_planners_at_once_decide_once(storage: Storage, database: Database) -> None:
    write(storage, [event for number in range(8) for event in critical(f"n{number}", f"service {number}")])
    start = threading.Barrier(4)
    failed: list[BaseException] = []

    def decide() -> None:
        start.wait()
        try:
            plan(storage)
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=decide) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(alerts(database)) == [("critical", "critical", f"service {number}") for number in range(8)]
