"""What every channel can do. `channels/` has them, `sender.py` uses them, each on a thread of its own."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from .notice import Notice


class Sent(NamedTuple):
    """A message was taken by the other side."""

    #: What the other side calls it, if it is to be changed later; else `None`.
    reference: str | None
    #: What is worth to be remembered of how: "as plain text, since …". Empty: as meant.
    remark: str = ""


class Memory(Protocol):
    """What a channel wants to find again after a restart; kept in the database, so all collectors share it."""

    def get(self, key: str) -> str | None:
        """What was put, or `None`."""
        ...

    def put(self, key: str, value: str) -> None:
        """Remember it."""
        ...


class Channel(Protocol):
    """A way to reach somebody. Its methods block, and are called from one thread at a time."""

    @property
    def name(self) -> str:
        """Short, without spaces, the same after a restart: `telegram`, `email`. Routes name it."""
        ...

    @property
    def target(self) -> str:
        """Whom it reaches, for the owner's eyes: `chat -100123`, `ops@example.com`. Never a secret."""
        ...

    def send(self, notice: Notice) -> Sent:
        """Tell somebody. A template that fails, or a form that is not taken, must not be the reason why nobody is told:
        the message goes out in a plainer form then.

        Raises:
            ChannelPassingError: not now.
            ChannelDownError: not until somebody acts.
            MessageRefusedError: not this message, in no form.
        """
        ...

    def check(self) -> str:
        """Sign in, as far as that can be done in silence; returns what the other side answered, for the owner's eyes.

        Raises:
            ChannelPassingError: not now.
            ChannelDownError: not until somebody acts.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
