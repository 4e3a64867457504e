"""How channels are, as the database remembers it, for all collectors; shown on the dashboard and in `/healthz`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from ..storage.alerts.memory import KeptMemory

_PREFIX: Final = "channel "


class ChannelHealth(NamedTuple):
    """How a channel is.

    Attributes:
        state: `ok`; `failing`: it takes nothing now, and is tried again; `down`: somebody has to act.
        since: when that began.
        why: what the other side said.
    """

    state: str
    since: str
    why: str = ""


def read(memory: KeptMemory | Mapping[str, str], name: str) -> ChannelHealth | None:
    """How a channel is, by the memory or by all that was in it; `None`: it was never tried."""
    text = memory.get(f"{_PREFIX}{name}")
    return ChannelHealth(**json.loads(text)) if text else None


def read_all(memory: KeptMemory) -> dict[str, ChannelHealth]:
    """How all channels are that were ever tried, by name."""
    return {name: ChannelHealth(**json.loads(text)) for name, text in memory.under(_PREFIX).items()}


def down(memory: KeptMemory) -> set[str]:
    """Names of channels that take nothing until somebody acts."""
    return {name for name, one in read_all(memory).items() if one.state == "down"}


def write(memory: KeptMemory, name: str, health: ChannelHealth, *, now: str) -> None:
    """Remember how a channel is."""
    memory.put(f"{_PREFIX}{name}", json.dumps(health._asdict()), now=now)
