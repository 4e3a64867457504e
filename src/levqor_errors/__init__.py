"""levqor-errors: an error monitor that a small team owns whole.

The names here are the client's, for services; the collector is `levqor_errors.collector`.
"""

from __future__ import annotations

from .client import (
    ErrorHandler,
    add_breadcrumb,
    flush,
    init,
    log_error,
    log_exception,
    scope,
    set_tag,
    set_user,
    stats,
)
from .errors import LevqorError

__all__ = [
    "ErrorHandler",
    "LevqorError",
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
