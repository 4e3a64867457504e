"""C9, damage: a torn last line, garbage, lines that are not as the client writes them.

Passes when: torn lines set aside; others untouched.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_support import SHIP, Exchange, FakeCollector, Host, finish, stored
from levqor_errors.ids import uuid7
from spool_support import HEADER, line, prepared, segment
from support import CollectorProcess, wait_until

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

StartCollector = Callable[..., CollectorProcess]

GARBAGE: dict[str, tuple[bytes, Counter[str]]] = {
    "empty": (b"", Counter()),
    "header alone": (HEADER, Counter()),
    "torn header": (HEADER[:20], Counter(torn=1)),
    "torn line": (HEADER + line("good") + line("torn")[:50], Counter(torn=1)),
    "torn line of one byte": (HEADER + line("good") + b"{", Counter(torn=1)),
    "binary, no newline": (bytes(range(11, 256)) * 8, Counter(torn=1)),
    "binary lines": (HEADER + (bytes(range(11, 256)) + b"\n") * 3, Counter(damaged=3)),
    "zeros": (HEADER + bytes(4096) + b"\n" + line("good"), Counter(damaged=1)),
    "no objects": (HEADER + b'[]\n7\nnull\n"text"\n' + line("good"), Counter(damaged=4)),
    "no bottom": (HEADER + b"[" * 100_000 + b"\n" + line("good"), Counter(damaged=1)),
    "header without bottom": (b"[" * 100_000 + b"\n" + line("good"), Counter()),
    "header that is no object": (b"7\n" + line("good"), Counter()),
    "number without end": (HEADER + b'{"message": ' + b"7" * 10_000 + b"}\n" + line("good"), Counter(damaged=1)),
}
#: Objects, but not as we write them. How much of them arrives is open, as long as the others do.
WRONG: dict[str, dict[str, Any]] = {
    "context is a list": {"context": []},
    "context is null": {"context": None},
    "context is a text": {"context": "text"},
    "stack is a number": {"stack": 5},
    "stack is a list": {"stack": ["a", "b"]},
    "exceptions is a number": {"exceptions": 5},
    "exception is a text": {"exceptions": ["text"]},
    "exception without frames": {"exceptions": [{"type": "E"}]},
    "frame of numbers": {"exceptions": [{"type": "E", "value": "", "frames": [[1, 2, 3, 4]]}]},
    "frame of texts": {
        "exceptions": [{"type": "E", "value": "", "frames": [["/etc/hostname", "1", "f", "m"]]}],
    },
    "line below zero": {
        "exceptions": [{"type": "E", "value": "", "frames": [["/etc/hostname", -1, "f", "m"]]}],
    },
    "file with a NUL": {
        "exceptions": [{"type": "E", "value": "", "frames": [["/etc/\0", 1, "f", "m"]]}],
    },
    "created_at is a text": {"created_at": "now", "exceptions": [
        {"type": "E", "value": "", "frames": [["/etc/hostname", 1, "f", "m"]]},
    ]},
    "breadcrumbs is a number": {"context": {"breadcrumbs": 5}},
    "breadcrumb is no JSON": {"context": {"breadcrumbs": ["{"]}},
}  # fmt: skip


def test_c9_damaged_segments(tmp_path: Path) -> None:
    """What can be read of them arrives, the rest is set aside and counted, and those behind them arrive too."""
    with FakeCollector() as collector:
        host = Host(tmp_path, collector.url)
        directory = prepared(host)
        for kind, (content, _) in GARBAGE.items():
            segment(directory, content.replace(b'"good"', json.dumps(f"good: {kind}").encode()), rank=0)
        segment(directory, HEADER + line("other"), rank=1)
        counts = host.ship()
        good = [f"good: {kind}" for kind, (content, _) in GARBAGE.items() if b'"good"' in content]
        assert collector.messages() == Counter([*good, "other"])
        lost = sum((reasons for _, reasons in GARBAGE.values()), Counter[str]())
        assert {name: count for name, count in counts.items() if name.startswith("lost")} == {
            f"lost_{reason}": count for reason, count in lost.items()
        }
        assert collector.told_losses() == lost
    assert host.segments() == []
    # Each as it was, so that a person can make something of it.
    aside = host.set_aside()
    assert len(aside) == lost.total()
    everything = b"".join(content for content, _ in GARBAGE.values())
    assert all(one in everything for one in aside)


def test_c9_lines_that_are_not_as_we_write_them(tmp_path: Path) -> None:
    with FakeCollector() as collector:
        host = Host(tmp_path, collector.url)
        directory = prepared(host)
        for kind, fields in WRONG.items():
            wrong = {"event_id": uuid7(), "created_at": 1.7e9, "message": f"wrong: {kind}", **fields}
            content = HEADER + line(f"before: {kind}") + json.dumps(wrong).encode() + b"\n" + line(f"after: {kind}")
            segment(directory, content, rank=0)
        host.ship()
        arrived = collector.messages()
    for kind in WRONG:
        assert arrived[f"before: {kind}"] == arrived[f"after: {kind}"] == 1, kind
        # It is there, or it is set aside: it is nowhere lost.
        set_aside = sum(f"wrong: {kind}".encode() in one for one in host.set_aside())
        assert arrived[f"wrong: {kind}"] + set_aside == 1, kind
    assert host.segments() == []


def test_c9_lines_that_the_collector_cannot_read(
    start_collector: StartCollector, database: Path, tmp_path: Path
) -> None:
    """What is wrong may be found by the collector only; the others of its batch are stored all the same."""
    host = Host(tmp_path, start_collector().url)
    wrong = [
        {"context": {}},
        {"message": ""},
        {"message": ["no", "text"], "event_id": 7},
        {"message": "wrong", "event_id": "no UUID", "created_at": "now"},
    ]
    content = HEADER + line("before") + b"".join(json.dumps(one).encode() + b"\n" for one in wrong) + line("after")
    segment(prepared(host), content, rank=0)
    segment(host.journal, HEADER + line("other"), rank=1)
    host.ship()
    assert not Counter(["before", "after", "other"]) - stored(database)
    # Taken or set aside: nowhere lost.
    assert stored(database).total() + len(host.set_aside()) == 3 + len(wrong)
    assert host.segments() == []


def test_c9_before_send_that_spoils_events(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    """The host's own hook is the likeliest way for such lines into the journal."""
    host = Host(tmp_path, start_collector().url)
    host.run(
        """
def spoil(event):
    name, value = changes.pop(0)
    event[name] = value
    return event

changes = [("extra", 1), ("context", None), ("context", []), ("stack", ["a", "b"]), ("exceptions", {}), ("extra", 1)]
init(before_send=spoil)
for number in range(6):
    log_error("shop", f"event {number}")
sys.exit(0 if flush(20) else "not delivered")
"""
    )
    assert not Counter(["event 0", "event 5"]) - stored(database)


def test_c9_damage_is_counted_once_however_often_the_rest_is_tried(tmp_path: Path) -> None:
    """While the collector is down, each try comes by the damaged line again."""
    with FakeCollector(lambda exchange: exchange.answer(503)) as collector:
        host = Host(tmp_path, collector.url)
        segment(prepared(host), HEADER + line("good") + b"damaged\n" + line("good") + b"torn")
        with host.started(SHIP) as process:
            wait_until(lambda: len(collector.arrived) > 5)
            collector.behaviour = Exchange.take
            ended = finish(process)
        assert ended.code == 0, ended
        assert collector.messages() == Counter(good=2)
        assert collector.told_losses() == Counter(damaged=1, torn=1)
    assert host.set_aside() == [b"damaged", b"torn"]
