"""The shop's source code (`sources.txt`), as the client's own renderer reads it; the places where it fails have names.

A block begins with `=== file module line`, the number of its first line; `«name»` at the end of a line marks a place.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from ..client.render import Sources

_HEAD: Final = re.compile(r"=== (\S+) (\S+) (\d+)")
_MARK: Final = re.compile(r"(.*?)  «([\w.]+)»")
_FUNCTION: Final = re.compile(r"\s*(?:async )?def (\w+)")
#: Blocks of one line are of libraries, and do not show which function they are in.
_FUNCTIONS: Final = {
    "lib.route": "app", "lib.session": "__call__", "lib.httpx.post": "post",
    "lib.httpx.mapped": "map_httpcore_exceptions",
    "lib.httpcore.connect": "connect_tcp", "lib.httpx.status": "raise_for_status", "lib.flask": "full_dispatch_request",
    "lib.pool": "_do_get", "lib.pil": "open", "lib.celery": "trace_task", "lib.jinja": "_fail_with_undefined_error",
    "lib.smtp": "getreply", "lib.psycopg": "execute", "sync.main": "main",
}  # fmt: skip


class Place(NamedTuple):
    """A line of the shop's code, as the client captures it."""

    file: str
    line: int
    function: str
    module: str


class ShopSources(Sources):
    """The files, in place of those on the disk."""

    def __init__(self) -> None:
        super().__init__(str)
        self.places: dict[str, Place] = {}
        self._texts: dict[str, list[str]] = {}
        self._parse((Path(__file__).parent / "sources.txt").read_text(encoding="utf-8"))

    def lines(self, file: str, happened_at: float) -> list[str]:
        """The file's lines; it never changed."""
        return self._texts.get(file, [])

    def _parse(self, text: str) -> None:
        lines: list[str] = []
        file = module = function = ""
        for line in text.splitlines():
            if (head := _HEAD.fullmatch(line)) is not None:
                file, module = head[1], head[2]
                # What is above the block is never shown.
                lines = self._texts[file] = [""] * (int(head[3]) - 1)
                continue
            if (found := _FUNCTION.match(line)) is not None:
                function = found[1]
            mark = _MARK.fullmatch(line)
            lines.append(line if mark is None else mark[1])
            if mark is not None:
                name = mark[2]
                self.places[name] = Place(file, len(lines), _FUNCTIONS.get(name, function), module)
