"""The client: what runs inside a service. Imports nothing of Starlette, sqlite-utils or the collector.

api.py       log_error, log_exception, init, flush, …: what services call
handler.py   the same for the logging module
hooks.py     the same for exceptions that nobody handles
client.py    one line of an event, on the caller's thread: cheap
capture.py   an exception as plain data
snapshot.py  any object as plain data, bounded
scope.py     user, tags and breadcrumbs around an event
journal.py   one append to a file: from here on the event survives the process
shipper.py   the background thread: journal -> batches -> collector
wire.py      a journal's line as the collector takes it
render.py    captured exceptions as a stack text and frames with source lines
transport.py one batch over HTTP, and what its answer means
"""

from __future__ import annotations

from .api import add_breadcrumb, flush, init, log_error, log_exception, scope, set_tag, set_user, stats
from .handler import ErrorHandler

__all__ = [
    "ErrorHandler",
    "add_breadcrumb",
    "flush",
    "init",
    "log_error",
    "log_exception",
    "scope",
    "set_tag",
    "set_user",
    "stats",
]
