"""Events to measure with: as our clients send them, many kinds, sizes and services, none like another. And scripts for
wrk that post them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from levqor_errors.ids import uuid7

KINDS = 400
_VERBS = ("reading", "writing", "sending", "charging", "rendering", "refunding", "indexing", "syncing")
_NOUNS = ("order", "cart", "invoice", "user", "session", "parcel", "message", "report", "label", "voucher")
_SERVICES = ("shop", "mail", "search", "billing", "web")


def make_event(number: int, *, event_id: str | None = None) -> dict[str, Any]:
    """The `number`th event; those 400 apart are of one issue, with other ids and values in them."""
    chance = random.Random(number % KINDS)
    verb, noun = chance.choice(_VERBS), chance.choice(_NOUNS)
    frontend = chance.random() < 0.4
    module = f"app.{chance.choice(_NOUNS)}s.{chance.choice(_VERBS)}"
    frames = [
        {"file": f"/srv/app/{module.replace('.', '/')}.py", "module": module, "function": f"{verb}_{noun}_{level}",
         "line": chance.randrange(10, 900), "in_app": level > 1,
         "code": f"    {noun} = {verb}({noun}_id, retry={level})"}
        for level in range(chance.randrange(2, 7))
    ]  # fmt: skip
    stack = "\n".join(f'  File "{frame["file"]}", line {frame["line"]}, in {frame["function"]}' for frame in frames)
    event: dict[str, Any] = {
        "service": chance.choice(_SERVICES),
        "source": "frontend" if frontend else "backend",
        "severity": chance.choices(("info", "warning", "error", "critical"), (2, 3, 10, 1))[0],
        "message": f"{verb} {noun} {number} of customer {number * 7919 % 1_000_003} failed after {number % 60} s",
        "path_or_screen": f"/{noun}s/{number}",
        "user_email": f"user{number % 5000}@example.com",
        "stack": stack,
        "environment": "production",
        "release": f"2026.11.{chance.randrange(1, 5)}",
    }
    if not frontend:
        event["context"] = {
            "exceptions": [{"type": f"{noun.title()}Error", "value": f"{noun} {number} is gone", "frames": frames}],
            "tags": {"region": chance.choice(("eu", "us"))},
        }
    if event_id is not None:
        event["event_id"] = event_id
    return event


def event_rows(numbers: Iterable[int]) -> list[tuple[Any, ...]]:
    """Events as they are stored: rows of `error_events`, with ids from 1 on as the numbers are from 0."""
    return [
        (
            number + 1, "2026-11-24T03:00:00.000Z", event["source"], event["service"], event["path_or_screen"],
            event["user_email"], event["severity"], event["message"], event["stack"], uuid7(),
            "2026-11-24T03:00:00.000Z", number % KINDS + 1, event["environment"], event["release"],
            json.dumps(event["context"], separators=(",", ":")) if "context" in event else None,
        )
        for number, event in ((number, make_event(number)) for number in numbers)
    ]  # fmt: skip


MARK = "00000000-0000-7000-8000-000000000000"

#: wrk runs it for each request; `body()` is put in front. Ids are of this run, so that none was ever sent before.
_LUA = """
local run, n = tonumber(os.getenv("BENCH_RUN")), 0
function next_id()
  n = n + 1
  return string.format("%08x-%04x-7000-8000-%012x", run, math.random(0, 0xffff), n)
end
math.randomseed(os.time() + os.clock() * 1e6)
function request() return wrk.format("POST", nil, headers, body()) end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "bad": %d, "p50": %f, "p99": %f}\\n', summary.requests, summary.duration / 1e6,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


def write_lua(path: Path, *, count: int = 2_000) -> None:
    """A wrk script: single events, `count` different ones in turn, each time with an event_id of its own."""
    path.write_text(
        f"""{_halves(count)}
headers = {{["Content-Type"] = "application/json"}}
local turn = 0
function body()
  turn = turn % {count} + 1
  return heads[turn] .. next_id() .. tails[turn]
end
{_LUA}"""
    )


def write_batch_lua(path: Path, batch: int, *, count: int = 2_000) -> None:
    """The same, so many events a request, as NDJSON."""
    path.write_text(
        f"""{_halves(count)}
headers = {{["Content-Type"] = "application/x-ndjson"}}
local turn = 0
function body()
  local lines = {{}}
  for i = 1, {batch} do
    turn = turn % {count} + 1
    lines[i] = heads[turn] .. next_id() .. tails[turn]
  end
  return table.concat(lines, "\\n")
end
{_LUA}"""
    )


def _halves(count: int) -> str:
    events = [json.dumps(make_event(number, event_id=MARK), separators=(",", ":")) for number in range(count)]
    halves = [event.partition(MARK) for event in events]
    heads = "\n".join(f"  [=[{head}]=]," for head, _, _ in halves)
    tails = "\n".join(f"  [=[{tail}]=]," for _, _, tail in halves)
    return f"local heads = {{\n{heads}\n}}\nlocal tails = {{\n{tails}\n}}"
