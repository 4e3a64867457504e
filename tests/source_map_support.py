"""What tests of source maps share: a bundle made by a real bundler with its map, and a writer of maps."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: `make` in it says how it was made.
BUILT = Path(__file__).parent / "built"
BUNDLE = BUILT / "app.js"
MAP = (BUILT / "app.js.map").read_bytes()

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#: Column; or with source, line and column there; or with a name's index, too. From 0, as all in a map.
Segment = tuple[int, ...]


def vlq(value: int) -> str:
    """A number as maps have it."""
    rest = (-value << 1 | 1) if value < 0 else value << 1
    digits = ""
    while True:
        digit, rest = rest & 31, rest >> 5
        digits += _DIGITS[digit | (32 if rest else 0)]
        if not rest:
            return digits


def mappings(lines: Iterable[Sequence[Segment]]) -> str:
    """The segments of each line, as maps have them."""
    before = [0, 0, 0, 0, 0]
    texts = []
    for line in lines:
        before[0] = 0
        segments = []
        for segment in line:
            segments.append("".join(vlq(value - before[at]) for at, value in enumerate(segment)))
            before[: len(segment)] = segment
        texts.append(",".join(segments))
    return ";".join(texts)


def map_of(lines: Iterable[Sequence[Segment]] = ([(0, 0, 0, 0)],), **fields: Any) -> dict[str, Any]:
    """A map, as an object."""
    return {"version": 3, "sources": ["a.js"], "names": [], "mappings": mappings(lines), **fields}


def dump(fields: object) -> bytes:
    """That as JSON."""
    return json.dumps(fields).encode()


@contextmanager
def nobody_asks() -> Iterator[str]:
    """The address of a server that listens; at the end nobody must have connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.setblocking(False)
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        connection.close()
        raise AssertionError("somebody has connected")


def place_of(text: str, after: int = 0) -> tuple[int, int]:
    """Line and column, from 1, where a text stands in the bundle."""
    built = BUNDLE.read_text(encoding="utf-8")
    at = built.index(text) + after
    return built.count("\n", 0, at) + 1, at - (built.rfind("\n", 0, at) + 1) + 1
