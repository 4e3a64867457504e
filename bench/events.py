"""Events to measure with: as our clients send them, many kinds, sizes and services, none like another.

python bench/events.py LUA_FILE       writes a wrk script that posts them one by one
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

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
         "line": chance.randrange(10, 900), "in_app": level > 1, "code": f"    {noun} = {verb}({noun}_id, retry={level})"}
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


def write_lua(path: Path, *, count: int = 2_000) -> None:
    """A wrk script: `count` different bodies in turn, each request with an event_id that was never sent before."""
    mark = "00000000-0000-7000-8000-000000000000"
    bodies = [json.dumps(make_event(number, event_id=mark), separators=(",", ":")) for number in range(count)]
    lines = "\n".join(f"  [=[{body}]=]," for body in bodies)
    path.write_text(
        f"""local bodies = {{
{lines}
}}
local heads, tails = {{}}, {{}}
for i, body in ipairs(bodies) do
  local at = body:find("{mark}", 1, true)
  heads[i], tails[i] = body:sub(1, at - 1), body:sub(at + 36)
end
-- Of this run and thread: the same counter begins anew in each.
local run, thread, n = os.time() % 0xffffffff, 0, 0
function setup(t) thread = thread + 1; t:set("me", thread) end
local headers = {{["Content-Type"] = "application/json"}}
function request()
  n = n + 1
  local i = n % {count} + 1
  local id = string.format("%08x-%04x-7%03x-8%03x-%012x", run, n % 0x10000, me % 0x1000, 0, n)
  return wrk.format("POST", nil, headers, heads[i] .. id .. tails[i])
end
-- wrk's own count of answers that are neither 2xx nor 3xx is by request; this makes them loud.
function done(summary, latency, requests)
  io.write(string.format(
    '{{"requests": %d, "seconds": %f, "bad": %d, "p50": %f, "p99": %f}}\\n', summary.requests,
    summary.duration / 1e6, summary.errors.status + summary.errors.connect + summary.errors.read
    + summary.errors.write + summary.errors.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""
    )


if __name__ == "__main__":
    write_lua(Path(sys.argv[1]))
