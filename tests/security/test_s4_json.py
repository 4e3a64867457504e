"""S4 | JSON: 100,000 levels, 5,000-digit numbers, NaN, 1e999, 2^63, duplicate keys, NUL, surrogates, 100,000 keys |
400 or cleaned, never 500, memory flat
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from postgres_support import PostgresServer
from support import SECRET, CollectorProcess, Database, owner, rows, served

LOG = "/api/errors/log"
NDJSON = "application/x-ndjson"
DEEP = 100_000
ROUNDS = 20
#: The memory of the first rounds is the allocator's and SQLite's caches filling up, which they do once.
WARM_UP = 3
GROWTH_KB = 60 * 1024
#: Marks of what was cut come on top of the characters of a context.
MARKS_CHARS = limits.CONTEXT_CHARS // 10


class Case(NamedTuple):
    """One hostile body."""

    name: str
    body: bytes
    #: The statuses that it may be answered with.
    statuses: tuple[int, ...]
    content_type: str = "application/json"
    #: What the stored event has to look like: a path into it, and the value there.
    holds: tuple[tuple[str | int, ...], object] | None = None


def _event(rest: bytes) -> bytes:
    return b'{"message": "hostile", ' + rest + b"}"


def _arrays(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def _objects(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def _value(text: bytes) -> bytes:
    return _event(b'"context": {"value": ' + text + b"}")


_VALUE = ("context", "value")
_KEYS = b"{" + b",".join(b'"k%d":%d' % (number, number) for number in range(DEEP)) + b"}"
#: Forces the second reading by the standard library, which is laxer than orjson and so more dangerous.
_LAX = b'"lax": NaN, '
#: Few enough bits to be told in digits, and so many of them that together they are far over a context's characters.
_LONG_INTEGERS = b"[" + b",".join([b"9" * 1_200] * 1_000) + b"]"

CASES = [
    # -- depth
    Case("100,000 arrays", _arrays(DEEP), (400,)),
    Case("100,000 objects", _objects(DEEP), (400,)),
    Case("100,000 arrays never closed", b"[" * DEEP, (400,)),
    Case("100,000 objects never closed", b'{"a":' * DEEP, (400,)),
    Case("100,000 arrays in the context", _value(_arrays(DEEP)), (400,)),
    Case("100,000 objects in the context", _value(_objects(DEEP)), (400,)),
    Case("100,000 arrays for the second reader", _event(_LAX + b'"x": ' + _arrays(DEEP)), (400,)),
    Case("100,000 objects for the second reader", _event(_LAX + b'"x": ' + _objects(DEEP)), (400,)),
    Case("100,000 arrays after an escape", rb'["\ud800", ' + _arrays(DEEP) + b"]", (400,)),
    Case("900 arrays in the context", _value(_arrays(900)), (201,)),
    Case("900 objects in the context", _value(_objects(900)), (201,)),
    Case("900 arrays for the second reader", _event(_LAX + b'"x": ' + _arrays(900)), (201, 400)),
    Case("900 objects for the second reader", _event(_LAX + b'"x": ' + _objects(900)), (201, 400)),
    Case("a deep context within a batch", b'[{"message": "good"}, ' + _value(_arrays(DEEP)) + b"]", (400,)),
    Case("a fairly deep context within a batch", b'[{"message": "good"}, ' + _value(_arrays(900)) + b"]", (200,)),
    Case("a deep context in a line of many", b'{"message": "good"}\n' + _value(_arrays(DEEP)), (200,), NDJSON),
    # -- numbers
    Case("an integer of 5,000 digits", _value(b"9" * 5_000), (400,)),
    Case("a negative integer of 5,000 digits", _value(b"-" + b"9" * 5_000), (400,)),
    Case("an integer of 4,000 digits", _value(b"9" * 4_000), (201, 400)),
    Case("a fraction of 5,000 digits", _value(b"1." + b"9" * 5_000), (201, 400)),
    Case("5,000 digits as the time", _event(b'"created_at": ' + b"9" * 5_000), (400,)),
    Case("4,000 digits as the time", _event(b'"created_at": ' + b"9" * 4_000), (400,)),
    Case("an exponent of 5,000 digits", _value(b"1e" + b"9" * 5_000), (201, 400)),
    Case("long integers, many", _event(_LAX + b'"context": {"value": ' + _LONG_INTEGERS + b"}"), (201,)),
    Case("NaN", _value(b"NaN"), (201,), holds=(_VALUE, "nan")),
    Case("Infinity", _value(b"Infinity"), (201,), holds=(_VALUE, "inf")),
    Case("-Infinity", _value(b"-Infinity"), (201,), holds=(_VALUE, "-inf")),
    Case("NaN as the time", _event(b'"created_at": NaN'), (400,)),
    Case("NaN as the message", b'{"message": NaN}', (400,)),
    Case("1e999", _value(b"1e999"), (201,), holds=(_VALUE, "inf")),
    Case("-1e999", _value(b"-1e999"), (201,), holds=(_VALUE, "-inf")),
    Case("1e999 as the time", _event(b'"created_at": 1e999'), (400,)),
    Case("1e18 as the time", _event(b'"created_at": 1e18'), (400,)),
    Case("1e-999", _value(b"1e-999"), (201,), holds=(_VALUE, 0.0)),
    Case("2^63-1", _value(b"%d" % (2**63 - 1)), (201,), holds=(_VALUE, 2**63 - 1)),
    Case("2^63", _value(b"%d" % 2**63), (201,), holds=(_VALUE, str(2**63))),
    Case("-2^63", _value(b"%d" % -(2**63)), (201,), holds=(_VALUE, str(-(2**63)))),
    Case("2^64", _value(b"%d" % 2**64), (201,)),
    Case("2^64 for the second reader", _event(_LAX + b'"n": %d' % 2**64), (201,)),
    Case("a leading zero", _value(b"007"), (400,)),
    Case("hexadecimal", _value(b"0x10"), (400,)),
    # -- texts
    Case("NUL escaped in the message", rb'{"message": "a\u0000b"}', (201,), holds=(("message",), "a\ufffdb")),
    Case("NUL escaped in a key", rb'{"message": "x", "a\u0000b": 1}', (201,)),
    Case("NUL raw in a text", b'{"message": "a\x00b"}', (400,)),
    Case("NUL raw after the event", b'{"message": "a"}\x00', (400,)),
    Case("a lone surrogate", rb'{"message": "a\ud800b"}', (201,), holds=(("message",), "a\ufffdb")),
    Case("the low half of a pair", rb'{"message": "a\udfffb"}', (201,), holds=(("message",), "a\ufffdb")),
    Case("a pair the wrong way round", rb'{"message": "\ude00\ud83d"}', (201,), holds=(("message",), "\ufffd\ufffd")),
    Case("a pair", rb'{"message": "\ud83d\ude00"}', (201,), holds=(("message",), "\U0001f600")),
    Case("a pair and half of one", rb'{"message": "\ud83d\ude00\ud83d"}', (201,)),
    Case(
        "surrogates in every text field",
        rb'{"message": "\ud800", "service": "\ud800", "stack": "\ud800", "path_or_screen": "\ud800", "release": "\ud8'
        rb'00", "user_email": "\ud800", "environment": "\ud800", "fingerprint": ["\ud800"], "context": {"\ud800": "\u'
        rb'd800"}, "\ud800": ["\ud800"]}',
        (201,),
    ),
    Case("a surrogate as the severity", rb'{"message": "x", "severity": "\ud800"}', (400,)),
    Case("a surrogate as the source", rb'{"message": "x", "source": "\ud800"}', (400,)),
    Case("a surrogate in the time", rb'{"message": "x", "created_at": "2026-11-23T13:05:3\ud800"}', (400,)),
    # Python takes any character between date and time.
    Case("a surrogate within the time", rb'{"message": "x", "created_at": "2026-11-23\ud80013:05:39"}', (201, 400)),
    Case("a surrogate as the id", rb'{"message": "x", "event_id": "' + rb"\ud800" * 32 + b'"}', (400,)),
    Case("a surrogate as bytes", b'{"message": "\xed\xa0\x80"}', (400,)),
    Case("a surrogate as bytes and one escaped", b'{"message": "\xed\xa0\x80\\ud800"}', (201, 400)),
    Case("overlong UTF-8", b'{"message": "\xc0\x80"}', (400,)),
    Case("overlong UTF-8 and an escape", b'{"message": "\xc0\x80\\ud800"}', (400,)),
    Case("Latin-1", b'{"message": "\xe9"}', (400,)),
    Case("an unknown escape", rb'{"message": "\x41"}', (400,)),
    Case("half an escape", rb'{"message": "\u12"}', (400,)),
    Case("raw control characters", b'{"message": "a\x1b[31m\x07"}', (400,)),
    Case("escaped control characters", rb'{"message": "a\u001b[31m\u0007\u202e"}', (201,)),
    Case("a BOM", b'\xef\xbb\xbf{"message": "x"}', (201, 400)),
    Case("a BOM for the second reader", b'\xef\xbb\xbf{"message": "\\ud800"}', (201, 400)),
    Case("UTF-16", '{"message": "x"}'.encode("utf-16"), (400,)),
    Case("UTF-32", '{"message": "x"}'.encode("utf-32"), (400,)),
    # -- size
    Case("100,000 keys", _KEYS[:-1] + b', "message": "x"}', (201,)),
    Case("100,000 keys in the context", _event(b'"context": ' + _KEYS), (201,)),
    Case("100,000 keys in lists", _event(b'"context": {"a": [' + _KEYS + b"]}"), (201,)),
    Case("100,000 keys as the event in a batch", b"[" + _KEYS + b', {"message": "x"}]', (200,)),
    Case("100,000 values", _value(b"[" + b"0," * DEEP + b"0]"), (201,)),
    Case("100,000 lists", _value(b"[" + b"[]," * DEEP + b"[]]"), (201,)),
    Case("100,000 texts", _value(b"[" + b'"text",' * DEEP + b'""]'), (201,)),
    Case("a message of 2 MB", b'{"message": "%s"}' % (b"m" * 2_000_000), (201,)),
    Case("a key of 2 MB", b'{"message": "x", "%s": 1}' % (b"k" * 2_000_000), (201,)),
    Case("200 texts of 10,000 characters", _value(json.dumps(["t" * 10_000] * 200).encode()), (201,)),
    Case("all fields far over their limit", json.dumps(
        dict.fromkeys(("message", "service", "path_or_screen", "user_email", "stack", "environment", "release"),
                      "\N{GRINNING FACE}" * 20_000), ensure_ascii=False).encode(), (201,)),
    Case("20 fingerprint parts", _event(b'"fingerprint": ' + json.dumps(["p"] * 20).encode()), (400,)),
    Case("16 long fingerprint parts", _event(b'"fingerprint": ' + json.dumps(["p" * 10_000] * 16).encode()), (201,)),
    Case("a service of 2 MB of digits", b'{"message": "x", "service": "%s"}' % (b"7" * 2_000_000), (201,)),
    Case("an id of 1 MB", _event(b'"event_id": "%s"' % (b"0" * 1_000_000)), (400,)),
    Case("a time of 1 MB", _event(b'"created_at": "2026-11-23T13:05:39.%s"' % (b"0" * 1_000_000)), (201, 400)),
    Case("more than a body may have", b'{"message": "%s"}' % (b"m" * limits.BODY_BYTES), (413,)),
    Case("more events than a batch may have", b"[" + b"0," * limits.BATCH_EVENTS + b"0]", (413,)),
    Case("a batch of 100,000 lists", b"[" + b"[]," * DEEP + b"[]]", (413,)),
    # -- shape
    Case("the same key twice", b'{"message": "first", "message": "last"}', (201,), holds=(("message",), "last")),
    Case("the same key, bad at last", b'{"message": "first", "message": 7}', (400,)),
    Case("the same key 10,000 times", b'{"message": "x"' + b', "a": {"b": []}' * 10_000 + b"}", (201,)),
    Case("our own columns", _event(b'"id": {}, "received_at": [], "issue_id": "1"'), (201,)),
    Case("prototype keys", _event(b'"__proto__": {"a": 1}, "constructor": {"prototype": {}}, "toString": 1'), (201,)),
    Case("dunder keys", _event(b'"__class__": "x", "__init__": {"__globals__": {}}, "self": 1, "raw": 2'), (201,)),
    Case("empty keys", _event(b'"": {"": {"": ""}}'), (201,)),
    Case("an extra that is no object", _event(b'"context": {"extra": [1]}, "other": 2'), (201,)),
    Case("a context that is a list", _event(b'"context": [1]'), (400,)),
    Case("odd exceptions", _event(b'"context": {"exceptions": [{"type": "E", "frames": [1, {"file": {}}]}]}'), (201,)),
    Case("nothing but a text", b'"text"', (400,)),
    Case("nothing but a number", b"7", (400,)),
    Case("nothing but null", b"null", (400,)),
    Case("nothing but NaN", b"NaN", (400,)),
    Case("a batch of nonsense", b'[null, 7, "x", [], [[]], true, 1.5, {}]', (200,)),
    Case("a batch of nonsense for the second reader", b"[NaN, Infinity, -Infinity, 1e999, {}]", (200,)),
    Case("lines of nonsense", b'null\n7\n"x"\n[]\n{\n}\n\xff\nNaN\n\\u\n{"message": "good"}', (200,), NDJSON),
    Case("two values", b'{"message": "x"} {"message": "y"}', (400,)),
    Case("a comma too many", b'{"message": "x",}', (400,)),
    Case("a comment", b'{"message": "x" /* comment */}', (400,)),
    Case("single quotes", b"{'message': 'x'}", (400,)),
    Case("nothing but blanks", b" \t\r\n" * 1_000, (400,)),
    Case("nothing but an escape", rb"\u", (400,)),
]  # fmt: skip

#: Every field with every type that it is not, and some that it is: each is taken or refused by name.
_FIELDS = (
    "event_id", "created_at", "source", "service", "path_or_screen", "user_email", "severity", "message", "stack",
    "environment", "release", "fingerprint", "context", "id", "received_at", "issue_id", "anything",
)  # fmt: skip
_VALUES: tuple[object, ...] = (
    True,
    False,
    0,
    7,
    -1,
    1.5,
    2**63,
    "",
    " ",
    "\0",
    "x",
    "\ud800",
    [],
    {},
    [[]],
    [None],
    [7],
    {"a": {}},
    None,
)


class Running(NamedTuple):
    """A collector and its file."""

    url: str
    database: Database


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One collector for the whole table: what one body breaks, the next one shows."""
    with contextlib.ExitStack() as stack:
        database: Database = tmp_path_factory.mktemp("s4") / "levqor.db"
        if request.param == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            database = stack.enter_context(server.lent())
        url = stack.enter_context(served(create_app(CollectorSettings(str(database), SECRET))))
        yield Running(url, database)


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _last_id(database: Database) -> int:
    return int(rows(database, "SELECT COALESCE(MAX(id), 0) FROM error_events")[0][0])


def _read_back(client: httpx.Client, database: Database, after: int) -> list[dict[str, Any]]:
    """The events stored since, as the API gives them; each is checked to be clean and within the limits."""
    events = []
    for (id_,) in rows(database, "SELECT id FROM error_events WHERE id > ? ORDER BY id", [after]):
        answer = client.get(f"/api/errors/{id_}")
        assert answer.status_code == 200
        event = json.loads(answer.content.decode("utf-8"))["event"]
        for text in _texts(event):
            assert "\0" not in text
            text.encode("utf-8")
        assert len(event["message"]) <= limits.MESSAGE_CHARS
        assert len(event["service"]) <= limits.SERVICE_CHARS
        assert len(event["stack"] or "") <= limits.STACK_CHARS
        context_chars = sum(len(text) for text in _texts(event["context"]))
        assert context_chars <= limits.CONTEXT_CHARS + MARKS_CHARS
        events.append(event)
    if not isinstance(database, Path):
        # There is no NUL in a text of PostgreSQL's.
        return events
    # The file itself: its owner may open it with anything, and a text with NUL in it ends early in most tools.
    columns = ("message", "service", "stack", "path_or_screen", "user_email", "environment", "release", "context")
    for column in columns:
        nul = f"SELECT COUNT(*) FROM error_events WHERE id > ? AND instr({column}, char(0))"
        assert rows(database, nul, [after]) == [(0,)]
    return events


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_s4_hostile_json_is_refused_or_cleaned(running: Running, case: Case) -> None:
    before = _last_id(running.database)
    with owner(running.url) as client:
        answer = client.post(LOG, content=case.body, headers={"Content-Type": case.content_type})
        assert answer.status_code in case.statuses
        said = answer.json()
        assert said["ok"] is (answer.status_code < 300)
        events = _read_back(client, running.database, before)
        if answer.status_code >= 400:
            # A reason, and not the sender's own 2 MB back.
            assert 0 < len(said["error"]) < 300
            assert events == []
        elif answer.status_code == 201:
            assert [event["event_id"] for event in events] == [said["event_id"]]
        else:
            assert said["accepted"] == len(events)
        if case.holds is not None:
            path, wanted = case.holds
            found: Any = events[0]
            for step in path:
                found = found[step]
            assert found == wanted
            assert type(found) is type(wanted)
        assert client.get("/healthz").json()["ok"] is True


@pytest.mark.parametrize("field", _FIELDS)
def test_s4_wrong_types_in_every_field_are_refused_by_name_or_cleaned(running: Running, field: str) -> None:
    before = _last_id(running.database)
    events = [{"message": "typed", field: value} for value in _VALUES]
    with owner(running.url) as client:
        answer = client.post(LOG, content=json.dumps(events).encode())
        assert answer.status_code == 200
        said = answer.json()
        assert said["accepted"] + len(said["rejected"]) == len(events)
        for refusal in said["rejected"]:
            assert refusal["error"].startswith(f"{field} ")
        assert len(_read_back(client, running.database, before)) == said["accepted"]


def test_s4_one_bad_line_does_not_take_the_others_with_it(running: Running) -> None:
    lines = [
        b'{"message": "good"}',
        *(case.body for case in CASES if b"\n" not in case.body and len(case.body) < 9_000),
    ]
    before = _last_id(running.database)
    with owner(running.url) as client:
        answer = client.post(LOG, content=b"\n".join([*lines, lines[0]]), headers={"Content-Type": NDJSON})
        assert answer.status_code == 200
        events = _read_back(client, running.database, before)
    assert answer.json()["accepted"] == len(events)
    assert events[0]["message"] == events[-1]["message"] == "good"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_s4_memory_stays_flat(start_collector: Callable[..., CollectorProcess]) -> None:
    # Twenty rounds of the largest bodies are more than one client may send.
    collector = start_collector(RATE_LIMIT="off")

    def resident_kb() -> int:
        status = Path(f"/proc/{collector.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found.group(1))

    after_rounds: list[int] = []
    with httpx.Client(base_url=collector.url, timeout=60) as client:
        for _ in range(ROUNDS):
            for case in CASES:
                answer = client.post(LOG, content=case.body, headers={"Content-Type": case.content_type})
                assert answer.status_code in case.statuses
            after_rounds.append(resident_kb())
    assert max(after_rounds[WARM_UP:]) - after_rounds[WARM_UP - 1] < GROWTH_KB, after_rounds
