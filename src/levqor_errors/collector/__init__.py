"""The collector: takes events over HTTP, commits them, and shows them to their owner.

protocol.py   a connection, with deadlines and bounds; connections.py, all of them
proxies.py    who the client is; keys.py, cors.py and limiter.py, whether he may send, and how much
body.py       a request's bytes: bounded, inflated, decoded
ingest.py     POST /api/errors/log: through the gate and the grouping, to the writer; answers after the commit
writer.py     many requests to a commit
refusals.py   what was not taken, counted
janitor.py    retention, quota, and writing down what was refused
regrouping.py the rules of grouping in force; has what is stored follow. grouping.py, what the owner says of it
queries.py    the JSON API for reading
source_maps.py  maps of built JavaScript, taken and listed; original_frames.py, an event's frames by them
pages.py      the owner's pages: their templates, headers and the bar at the top; assets.py, their scripts and styles
errors_page.py  the list of errors: ranges.py and timeline.py, of which time; chart.py, errors_view.py, what is shown
event_page.py  one of them; export.py, all of a list as a file
strip.py      how the collector does, in one line above the pages
auth.py       who is the owner: secret, sessions, one-time links
health.py     GET /healthz; metrics.py, GET /metrics; facts.py, what both ask the database
logs.py       our own log, a line a record
app.py        all of it as one ASGI application
server.py     that application under uvicorn
"""

from __future__ import annotations

from .app import create_app

__all__ = ["create_app"]
