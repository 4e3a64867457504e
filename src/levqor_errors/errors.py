"""The exception tree. Everything this package raises on purpose is a `LevqorError`.

The client's public functions raise none of these: they count and warn instead (see `client/api.py`).
"""

from __future__ import annotations


class LevqorError(Exception):
    """Base of every error that levqor-errors raises on purpose."""


class ConfigError(LevqorError):
    """A setting cannot be used. Names the setting and what is allowed, never the value, which may be a secret.

    Args:
        key: the environment variable or option at fault.
        why: what is wrong and what to do, as the end of a sentence that begins with the key.
    """

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key} {why}")
        self.key = key


class InvalidEventError(LevqorError):
    """An event that the gate (`event.normalize`) does not take. Names the field and what is allowed.

    Args:
        field: the field at fault, as the sender spells it.
        why: the end of a sentence that begins with the field.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field = field


class RequestRefusedError(LevqorError):
    """A request that the collector does not take as a whole.

    Args:
        status: the HTTP status to answer with (4xx).
        why: what to tell the sender.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class RateLimitedError(LevqorError):
    """A request over a limit of how much may be sent; the same request passes later.

    Args:
        limit: which one, by its name in `collector.refusals.Reason`.
        why: what to tell the sender.
        retry_after: seconds after which trying again makes sense.
    """

    def __init__(self, limit: str, why: str, retry_after: int) -> None:
        super().__init__(why)
        self.limit = limit
        self.retry_after = retry_after


class SourceMapError(LevqorError):
    """What was given is no source map, or not one within the bounds. Says what is wrong with it."""


class StorageError(LevqorError):
    """Base of what goes wrong with the database."""


class StorageUnavailableError(StorageError):
    """The database cannot take or give data now, but may later: locked, disk full, restarting.

    Args:
        why: what is wrong, fit for an answer to anyone (no path, no address).
        retry_after: seconds after which trying again makes sense.
    """

    def __init__(self, why: str, retry_after: int = 2) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class StorageUnusableError(StorageError):
    """The database cannot be used until somebody acts: no permission, not a database, damaged, from the future."""


class StorageTransferError(StorageError):
    """A database cannot be copied into another one, or is not the same there afterwards."""


class EventUnstorableError(StorageError):
    """The database refused this one event for its content; the others of its batch are not affected."""


class OverloadedError(LevqorError):
    """The writer's queue is full: more arrives than the disk takes.

    Args:
        retry_after: seconds after which trying again makes sense.
    """

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__("the collector has more events waiting than it may hold; send again later")
        self.retry_after = retry_after


class CollectorError(LevqorError):
    """Base of what the command line meets when it talks to a collector."""


class CollectorUnreachableError(CollectorError):
    """No collector answers at the address."""


class CollectorRefusedError(CollectorError):
    """The collector answered, but not with what was asked for.

    Args:
        status: its HTTP status.
        why: what it said, or what to do about it.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class TriageError(LevqorError):
    """What the owner wants to have done with issues cannot be. Says what is allowed."""


class AlertError(LevqorError):
    """Base of what goes wrong when somebody is to be told. Its text is fit for the owner: no token, no password."""


class ChannelPassingError(AlertError):
    """A channel does not take a message now, but may later: busy, restarting, not reachable.

    Args:
        why: what the other side said.
        retry_after: seconds that it told us to wait; `None`: it told nothing.
    """

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class ChannelDownError(AlertError):
    """A channel takes nothing until somebody acts: a wrong token or password, a chat that has thrown the bot out."""


class MessageRefusedError(AlertError):
    """A channel works, but does not take this one message in any form."""
