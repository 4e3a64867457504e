"""What tests of `migrate-storage` share: new databases of each kind, one that has something in every table, and how to
hold two against each other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from levqor_errors.storage import NewEvent, StoredEvent, open_storage
from levqor_errors.storage.alerts.outbox import Alert
from levqor_errors.storage.source_maps import new_map
from levqor_errors.storage.transfer import TABLES
from storage_support import do, new_event, write
from support import Database, check_sound, execute, rows

#: Makes a database of a kind, `sqlite` or `postgres`, in which there is nothing yet.
NewDatabase = Callable[[str], Database]
#: What is not to be told by anyone: it stands in the address of each PostgreSQL database here.
PASSWORD = "hunter2-of-the-database"
#: What COPY, CSV, SQL, formatting or a terminal could take for something else.
HOSTILE = (
    "\\N", "\\.", ".", "\\", "\\\\x41", "a\tb\nc\rd\\ne", '"', "'; DROP TABLE issues; --", "%s ? {} $1 :x", "🧨" * 2000,
    "\u202eright\u200b to left", "Ähre und Öl", "e\u0301", "  x  ", "NULL", "\x1b[2J\x07", "\ufeffbom", "x" * 8_192,
)  # fmt: skip
#: As bytes they come in another order than in any language.
SERVICES = ("zebra", "Zebra", "ähre", "_a", "B", "b", "a-b", "a b", "%", "日本", "🧨")


def fill(database: Database) -> int:
    """Something in every table, over several days, with what is most likely to be changed on the way.

    Returns:
        the highest id of an event that was given out; that event is gone.
    """
    with closing(open_storage(str(database))) as storage:
        stored = [one.id for one in write(storage, _events()) if isinstance(one, StoredEvent)]
        assert len(stored) == len(_events())
        storage.add_refusals({(f"2026-11-2{day}T13:00:00.000Z", "rate"): (3, 4 + day) for day in range(3)})
        for number in range(3):
            storage.add_session(f"hash{number}", created_at="2026-11-23T00:00:00.000Z", expires_at="2027")
        with storage.alerts() as store:
            for number, text in enumerate(HOSTILE):
                alert = Alert(f"key {number}", "critical", "error", text[:90], number, {"title": text})
                store.outbox.add(alert, ("telegram", "email"), now="2026-11-23T13:06:00.000Z")
                store.ledger.note("sent", text, now="2026-11-23T13:06:01.000Z", alert_id=number, channel="email")
                store.memory.put(f"key {number}", text, now="2026-11-23T13:06:01.000Z")
        with storage.source_maps() as maps:
            for number, text in enumerate((*HOSTILE, "\x00".join(HOSTILE))):
                body = (text * 3).encode()
                new = new_map(text.replace("\x00", "0")[:200], f"~/{number}.js", f"{number:064x}", body)
                maps.put(new, most_bytes=10**9, now="2026-11-23T13:06:01.000Z")
        issues = [id_ for (id_,) in rows(database, "SELECT id FROM issues ORDER BY id")]
        for number, text in enumerate(HOSTILE):
            do(storage, "note", issues[number], note=text[:4_000])
            assert storage.add_share(f"hash{number}", issues[number], created_at="2026", expires_at="2999")
        do(storage, "resolve_in_next_release", *issues[:3])
        do(storage, "mute", *issues[3:6], events=5)
        do(storage, "merge", *issues[7:9], into=issues[6])
    execute(
        database,
        "INSERT INTO grouping_rules (service, kind, parts, position, treat, created_at)"
        " VALUES ('shop', 'message', '[\"user <number>\"]', 1, 'constant', '2026')",
    )
    # As if it had been stopped in the middle of regrouping.
    execute(database, "INSERT INTO grouping_version VALUES (7)")
    execute(database, "INSERT INTO regroup_services VALUES ('shop', 3), ('Zebra', 0)")
    execute(database, "INSERT INTO regroup (issue_id, from_id, asked, changed, opened) VALUES (3, 0, 1, 1, 2)")
    execute(
        database,
        "UPDATE alert_outbox SET decided_at = '2026-11-23T13:06:00.000Z', decision = 'told', why = 'x', alert_id = 1"
        " WHERE id % 2 = 0",
    )
    execute(
        database,
        "UPDATE issues SET state = 'muted', muted_until = '2026-12-01T00:00:00.000Z' WHERE id % 3 = 0 AND id > 9",
    )
    execute(database, "UPDATE issues SET state = 'resolved', regressions = 9000000000 WHERE id % 3 = 1 AND id > 9")
    # Gaps, one of them at the end: an id is not given out again.
    execute(database, "DELETE FROM error_events WHERE id IN (3, 4, (SELECT MAX(id) FROM error_events))")
    empty = [table.name for table in TABLES if not rows(database, f"SELECT * FROM {table.name} LIMIT 1")]
    assert empty == [], "say above what is to be in it"
    return max(stored)


def _events() -> list[NewEvent]:
    events = [
        new_event(
            f"hostile {number}",
            days_ago=number % 4,
            message=text,
            stack=text * 3,
            path_or_screen=text[:2_000],
            user_email=text[:300],
            environment=text[:60],
            release=text[:200],
            context={"tags": {"text": text, text[:200]: [None, True, 1.5, -(2**63)]}},
            severity=("critical", "error")[number % 2],
        )
        for number, text in enumerate(HOSTILE)
    ]
    events += [new_event("of a service", service=service, source="frontend") for service in SERVICES]
    # As little and as much as an event can have.
    events += [new_event("small", message="m"), new_event("large", context={"parts": ["🧨" * 8_192] * 40})]
    return events


def many(database: Database, number: int) -> None:
    """So many small events."""
    with closing(open_storage(str(database))) as storage:
        for start in range(0, number, 1_000):
            write(storage, [new_event(f"of {start + one}", days_ago=one % 3) for one in range(1_000)])


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    return {table.name: sorted(rows(database, f"SELECT * FROM {table.name}"), key=repr) for table in TABLES}


def check_same(source: Database, target: Database) -> None:
    """Both have the same rows, and the target's own structure is whole."""
    assert content(target) == content(source)
    check_sound(target)
