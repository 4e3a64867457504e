"""Source maps of the shop's built scripts, as a bundler would have left them. From `scripts.txt`, for `fill.py`.

A block begins with `=== script source line`, the number of its first line; `«line:column»` at the end of a line is
where that line is in the script. Frames in `browser.py` name those places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

_HEAD: Final = re.compile(r"=== (\S+) (\S+) (\d+)")
_MARK: Final = re.compile(r"(.*?)  «(\d+):(\d+)»")
#: Where browsers find the scripts (`events.py`), as names of maps say it.
_FOLDER: Final = "~/assets/"
#: The digits of base 64; a digit with the sixth bit is followed by another one.
_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class _Place(NamedTuple):
    """All from 0."""

    line: int
    column: int
    source: int
    source_line: int
    source_column: int


def source_maps() -> dict[str, bytes]:
    """A map for each script, by its name (`source_map.name_of`)."""
    sources: dict[str, dict[str, list[str]]] = {}
    places: dict[str, list[_Place]] = {}
    script, lines = "", [""]
    for line in (Path(__file__).parent / "scripts.txt").read_text(encoding="utf-8").splitlines():
        if (head := _HEAD.fullmatch(line)) is not None:
            script = head[1]
            # What is above the block is never shown.
            lines = sources.setdefault(script, {})[head[2]] = [""] * (int(head[3]) - 1)
            continue
        mark = _MARK.fullmatch(line)
        text = line if mark is None else mark[1]
        if mark is not None:
            indent = len(text) - len(text.lstrip())
            place = _Place(int(mark[2]) - 1, int(mark[3]) - 1, len(sources[script]) - 1, len(lines), indent)
            places.setdefault(script, []).append(place)
        lines.append(text)
    return {_FOLDER + script: _map(texts, places[script]) for script, texts in sources.items()}


def _map(sources: dict[str, list[str]], places: Iterable[_Place]) -> bytes:
    fields = {
        "version": 3,
        "sources": list(sources),
        "sourcesContent": ["\n".join(lines) for lines in sources.values()],
        "names": [],
        "mappings": _mappings(places),
    }
    return json.dumps(fields).encode()


def _mappings(places: Iterable[_Place]) -> str:
    """As ECMA-426 has it: each number is the difference to the one before, columns anew in each line."""
    text = ""
    before = _Place(0, 0, 0, 0, 0)
    for place in sorted(places):
        if place.line > before.line:
            text += ";" * (place.line - before.line)
            before = before._replace(column=0)
        elif text and text[-1] != ";":
            text += ","
        text += "".join(_digits(now - then) for now, then in zip(place[1:], before[1:], strict=True))
        before = place
    return text


def _digits(number: int) -> str:
    rest = (-number << 1 | 1) if number < 0 else number << 1
    text = ""
    while rest > 31:
        text += _DIGITS[rest & 31 | 32]
        rest >>= 5
    return text + _DIGITS[rest]
