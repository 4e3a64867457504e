"""The client: what runs inside a service. Imports nothing of Starlette, sqlite-utils or the collector.

api.py       log_error, log_exception, init, flush: what services call
handler.py   the same for the logging module
capture.py   an exception as plain data, on the caller's thread: cheap
journal.py   one append to a file: from here on the event survives the process
shipper.py   the background thread: journal -> batches -> collector
render.py    that plain data as a stack text and frames with source lines, on the shipper's thread
transport.py one batch over HTTP, and what its answer means
"""

from __future__ import annotations

from .api import flush, init, log_error, log_exception
from .handler import ErrorHandler

__all__ = ["ErrorHandler", "flush", "init", "log_error", "log_exception"]
