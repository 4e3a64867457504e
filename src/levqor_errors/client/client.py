"""The client: makes one line of an event and appends it to the journal. Everything before the append is the caller's
time; everything after it is the shipper's.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..config import ClientSettings
from ..ids import uuid7
from ..limits import SERVICE_CHARS, STACK_CHARS
from ..severity import SEVERITY_ALIASES, Severity
from . import scopes
from .capture import capture_exception, safe_str
from .flood import FloodLimit
from .journal import RANKS, Journal, directory_of
from .losses import Losses
from .options import ClientOptions
from .shipper import Shipper
from .snapshot import Snapshot

if TYPE_CHECKING:
    from .delivery import Delivery

logger = logging.getLogger("levqor_errors.client")

#: Set on an exception once it is reported, so that a handler and a middleware do not report it again.
_MARK: Final = "__levqor_errors_event__"
#: How long: one that is kept and raised again later is another error.
_MARK_SECONDS: Final = 60.0
#: Seconds that a fork may wait for an import on the shipper's thread.
_FORK_WAIT: Final = 5.0

# No text can hold a newline that would end the line: JSON escapes it. The default makes sure that no value fails here.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=safe_str).encode
# For lone surrogates, which UTF-8 cannot carry: they become escapes, which the collector knows how to read.
_encode_ascii = json.JSONEncoder(separators=(",", ":"), default=safe_str).encode

#: A line of the journal.
LINE_BYTES: Final = 900_000
_DISPENSABLE: Final = (("context", "breadcrumbs"), ("context", "extra"), ("stack",), ("exceptions",), ("context",))


class Client:
    """One journal, and the shipper that delivers it. A service's calls share one: `api.current_client()`.

    Args:
        settings: addresses and names.
        options: what to leave out and what to hide.
        sink: where lines go instead of the journal; for tests of services.
    """

    def __init__(
        self,
        settings: ClientSettings,
        options: ClientOptions | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> None:
        self.settings = settings
        self.options = options = options or ClientOptions.check()
        spool = directory_of(settings.spool_dir, settings.url)
        self.losses = Losses()
        self._service = safe_str(settings.service, SERVICE_CHARS)
        self.journal = Journal(spool, _process(self._service), self.losses)
        self._importing = threading.Lock()
        self.shipper = Shipper(self.journal, self._make_delivery)
        self._sink = sink
        self._flood = FloodLimit(options.flood_limit) if options.flood_limit else None
        self._redact = options.redactor.text
        self._fixed = {
            name: value
            for name, value in (("environment", settings.environment), ("release", settings.release))
            if value is not None
        }
        self.recorded = 0
        self._before_send_failed = False

    def record(
        self,
        service: str | None,
        message: object,
        severity: str,
        *,
        exception: BaseException | None = None,
        automatic: bool = False,
        fields: Mapping[str, object] | None = None,
        extra: Mapping[str, object] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> str | None:
        """Append one event to the journal.

        Args:
            service: its name; `None`: that of the settings.
            message: what happened.
            severity: a name of `SEVERITY_ALIASES`; anything else is an error.
            exception: what was raised.
            automatic: the exception is what matters: if it is reported already, that event stands for this one.
            fields: further fields of the event, texts; `None` is not given.
            extra: the caller's own data, of any shape.
            context: more of the event's context; must be JSON and without secrets already.

        Returns:
            The event's id, or that of the event that stands for it; `None` if it was left out.
        """
        level = _level(severity)
        # Not isinstance(): it asks the object itself for its class.
        if exception is not None and not issubclass(type(exception), BaseException):
            exception = None
        if exception is not None and automatic:
            mark = _attributes(exception).get(_MARK)
            if mark is not None and time.monotonic() - mark[1] < _MARK_SECONDS:
                return mark[0] or None
        event_id = self._record(service, message, level, exception, fields, extra, context)
        if exception is not None:
            # Left out counts too: the next one that meets it must not draw another lot.
            _attributes(exception)[_MARK] = (event_id or "", time.monotonic())
        return event_id

    def _record(
        self,
        service: str | None,
        message: object,
        level: str,
        exception: BaseException | None,
        fields: Mapping[str, object] | None,
        extra: Mapping[str, object] | None,
        context: Mapping[str, Any] | None,
    ) -> str | None:
        options = self.options
        if options.sample_rates and not _drawn(options.sample_rates.get(level, 1.0)):
            self.losses.add("sampled")
            return None
        event_id = uuid7()
        around = scopes.current()
        event: dict[str, Any] = {
            "event_id": event_id,
            "created_at": time.time(),
            "service": (safe_str(service, SERVICE_CHARS) if service is not None else "") or self.settings.service,
            "severity": level,
            "message": self._message(message, exception),
            **self._fixed,
        }
        if around.user_email is not None:
            event["user_email"] = around.user_email
        if around.path is not None:
            event["path_or_screen"] = self._redact(around.path)
        if fields is not None:
            for name, value in fields.items():
                if value is not None:
                    event[name] = self._redact(safe_str(value, STACK_CHARS))
        data = dict(context) if context else {}
        if around is not scopes.NOTHING:
            _surround(data, around)
        if exception is not None:
            snapshot = Snapshot(options.redactor) if options.include_locals else None
            event["exceptions"] = capture_exception(exception, self._redact, snapshot)
        if extra is not None:
            shown = Snapshot(options.redactor).of(extra)
            if shown != {}:
                data["extra"] = shown
        if self._flood is not None and not self._admit(event, data):
            return None
        if data:
            event["context"] = data
        line = _line(event) if options.before_send is None else self._before_send(event)
        if line is None:
            return None
        self._append(line, level)
        return event_id

    def stats(self) -> dict[str, int]:
        """What became of this process's events, and of those it delivered for others."""
        return {
            "recorded": self.recorded,
            "delivered": self.shipper.delivered,
            "waiting_bytes": self.journal.size(),
            **{f"lost_{reason}": count for reason, count in sorted(self.losses.total().items())},
        }

    def flush(self, timeout: float) -> bool:
        """Wait until all is delivered; False if the time was over first."""
        return self.shipper.flush(timeout)

    def close(self, timeout: float) -> None:
        """Deliver what goes out within the time; the rest stays in the journal."""
        self.shipper.stop(timeout)
        # Where the shipper could not: in the journal it outlives this process.
        losses = self.losses.due(final=True)
        if losses is not None:
            self._tell_losses(losses)
        self.journal.finish()

    def before_fork(self) -> tuple[bool, bool]:
        """Wait until no thread is importing or appending: in the child it would be doing so for ever.

        Returns:
            What `after_fork_in_parent` has to know.
        """
        return self._importing.acquire(timeout=_FORK_WAIT), self.journal.before_fork()

    def after_fork_in_parent(self, held: tuple[bool, bool]) -> None:
        """Go on."""
        if held[0]:
            self._importing.release()
        if held[1]:
            self.journal.after_fork_in_parent()

    def after_fork(self) -> None:
        """In a forked child: start over, with nothing of the parent's."""
        self._importing = threading.Lock()
        self.losses.after_fork()
        self.recorded = 0
        self.journal.after_fork(_process(self._service))
        self.shipper.after_fork()

    def _make_delivery(self, timeout: float) -> Delivery:
        # Imported on the shipper's thread: httpx and what formats stacks take longer to load than all else.
        # A fork waits for this: a module that is half imported stays so in the child. httpx imports some only later.
        with self._importing:
            import encodings.idna  # noqa: F401

            from .delivery import Delivery
            from .transport import Transport

            transport = Transport(self.settings.url, timeout, self.settings.key)
        # A key stands for one service.
        only_of = self._service if self.settings.key is not None else None
        return Delivery(self.journal, transport, self.losses, self._tell_losses, self._redact, only_of)

    def _append(self, line: bytes, level: str) -> None:
        self.recorded += 1
        if self._sink is not None:
            self._sink(line)
            return
        self.journal.append(RANKS[level], line)
        self.shipper.notify()

    def _admit(self, event: dict[str, Any], data: dict[str, Any]) -> bool:
        """Ask the flood limit; what it left out before is said on the event that goes on."""
        exceptions = event.get("exceptions")
        what = exceptions[0]["type"] if exceptions else data.get("message_template") or event["message"]
        where = exceptions[0]["frames"][-1][:2] if exceptions and exceptions[0]["frames"] else ()
        kind = (event["service"], what, *where)
        assert self._flood is not None
        left_out = self._flood.admit(kind)
        if left_out is None:
            self.losses.add("flood")
            return False
        if left_out:
            data["suppressed"] = left_out
        return True

    def _before_send(self, event: dict[str, Any]) -> bytes | None:
        """The service's own last word. If it fails the event is left out: it may be what takes out secrets."""
        assert self.options.before_send is not None
        kept = {"event_id": event["event_id"], "created_at": event["created_at"]}
        breadcrumbs = event.get("context", {}).get("breadcrumbs")
        if breadcrumbs:
            event["context"]["breadcrumbs"] = [json.loads(crumb) for crumb in breadcrumbs]
        try:
            changed = self.options.before_send(event)
            if changed is None:
                self.losses.add("before_send")
                return None
            if not isinstance(changed, dict):
                raise TypeError(f"it returned {type(changed).__name__}, not a dict or None")
            # With these a retry is known for one.
            return _line({**changed, **kept})
        except Exception as error:  # noqa: BLE001 - it is the service's own code
            self.losses.add("before_send_failed")
            if not self._before_send_failed:
                self._before_send_failed = True
                logger.warning(
                    "before_send failed (%s: %s), and its event is not sent; further failures are only counted",
                    type(error).__name__, safe_str(error),
                )  # fmt: skip
            return None

    def _message(self, message: object, exception: BaseException | None) -> str:
        """The message's text; the collector takes none without."""
        text = self._redact(safe_str(message))
        if text and not text.isspace():
            return text
        return "(no message)" if exception is None else type(exception).__name__[:200]

    def _tell_losses(self, losses: Mapping[str, int]) -> None:
        """Say on the dashboard, as an event, what was left out or lost."""
        named = ", ".join(f"{reason}: {count}" for reason, count in sorted(losses.items()))
        event = {
            "event_id": uuid7(),
            "created_at": time.time(),
            "service": self.settings.service,
            "severity": "warning",
            "message": f"the client of this service did not send {sum(losses.values())} events ({named})",
            "fingerprint": "levqor-errors client losses",
            **self._fixed,
            "context": {"losses": dict(losses)},
        }
        # Among the most severe, so that a full directory does not give up the count of what it gave up.
        self.journal.append(RANKS["critical"], _encoded(event))


def _drawn(rate: float) -> bool:
    import random

    return random.random() < rate  # noqa: S311


def _process(service: str) -> dict[str, Any]:
    return {
        "host": _host(),
        "pid": os.getpid(),
        "python": sys.version.partition(" ")[0],
        "service": service,
    }


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import platform

    return platform.node()


def _surround(data: dict[str, Any], around: scopes.Scope) -> None:
    for name in ("user", "tags", "request"):
        value = getattr(around, name)
        if value:
            data[name] = value
    if around.breadcrumbs:
        # Encoded texts, not objects: the shipper opens them up.
        data["breadcrumbs"] = around.breadcrumbs


def _attributes(exception: BaseException) -> dict[str, Any]:
    """An exception's own, past any __getattr__ and __setattr__ of its class."""
    attributes: dict[str, Any] = object.__getattribute__(exception, "__dict__")
    return attributes


def _level(severity: object) -> str:
    """A severity's name; anything that is none is an error."""
    name = (
        severity if type(severity) is str else safe_str(severity.value if isinstance(severity, Severity) else severity)
    )
    return (SEVERITY_ALIASES.get(name) or SEVERITY_ALIASES.get(name.lower(), Severity.ERROR)).value


def _line(event: dict[str, Any]) -> bytes:
    """An event's line, within bounds: what is most likely too large is left out first."""
    line = _encoded(event)
    if len(line) <= LINE_BYTES:
        return line
    event = dict(event)
    for path in _DISPENSABLE:
        inner: Any = event
        for name in path[:-1]:
            inner[name] = inner = dict(inner[name]) if isinstance(inner.get(name), dict) else {}
        if path[-1] in inner:
            inner[path[-1]] = "<left out: the event is too large>"
            line = _encoded(event)
            if len(line) <= LINE_BYTES:
                return line
    kept = ("event_id", "created_at", "service", "severity", "message")
    return _encoded({name: safe_str(event.get(name)) if name != "created_at" else event.get(name) for name in kept})


def _encoded(event: dict[str, Any]) -> bytes:
    try:
        return _encode(event).encode() + b"\n"
    except UnicodeEncodeError:
        return _encode_ascii(event).encode() + b"\n"
