"""The client: what runs inside a service. Imports nothing of Starlette, sqlite-utils or the collector.

api.py       log_error, log_exception, init, flush, …: what services call
handler.py   the same for the logging module
hooks.py     the same for exceptions that nobody handles
client.py    one line of an event, on the caller's thread: cheap
capture.py   an exception as plain data
snapshot.py  any object as plain data, bounded
options.py   what `init` can be told besides addresses
flood.py     at most so many events of one kind
losses.py    what was not sent, counted
scopes.py    user, tags and breadcrumbs around an event
journal.py   one append to a file: from here on the event survives the process
shipper.py   the background thread that delivers the journal
delivery.py  one pass over it, in batches
wire.py      a journal's line as the collector takes it
parse.py     a traceback's text read back into data
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
