"""Source maps: from a place in a built JavaScript file to the one in its source. No I/O.

Reads what bundlers write (ECMA-426, https://tc39.es/ecma426/): maps, and index maps with sections. A map may come from
anybody's package, so all of it is bounded (`limits.py`) and nothing that it names is ever fetched. The command line
checks maps with this before it uploads them, the collector before it stores them, and to show the frames of an event.

No library: the one that is kept up (`ecma426` 0.2.0) takes 2.5 times as long and 8 times the memory, and has no bounds;
that of Sentry (`symbolic` 13.9.0) is 75 MB, and wants the built file too.
"""

from __future__ import annotations

import json
import re
import sys
from array import array
from bisect import bisect_right
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from . import limits
from .clean import clean_text
from .errors import SourceMapError

_DIGITS: Final = {
    digit: value for value, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
#: A value has 32 bits with its sign: seven digits of five bits.
_LAST_SHIFT: Final = 30
_SEGMENT_FIELDS: Final = (1, 4, 5)
_NONE: Final = -1
#: Segments repeat: a map of 190,000 has 40,000 different ones. So many are remembered while it is read.
_REMEMBERED: Final = 100_000
_SECTIONS: Final = 10_000
#: Where a line ends in JavaScript (ECMA-262, 12.3). Not `splitlines()`, which knows more.
_LINE_END: Final = re.compile("\r\n|[\n\r\u2028\u2029]")
#: Past this line of a source nobody is shown any.
_LINES: Final = 1_000_000
#: In front of JSON, so that no page can run it as a script.
_GUARD: Final = b")]}"


#: Scheme and host in front of a path. Not by a parser of URLs: an event's file may be any text.
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def name_of(address: str) -> str | None:
    """What the map of a built file goes by: `~` and the path of its address, whatever its host and query.

    Args:
        address: a URL, a path, or such a name: `https://shop.example/static/app.js?v=3`, `~/static/app.js`.

    Returns:
        `~/static/app.js`, or `None` where there is no path, or one that is too long.
    """
    origin = _ORIGIN.match(address)
    path = re.split("[?#]", address[origin.end() if origin else 0 :], maxsplit=1)[0]
    name = unquote(path.removeprefix("~").lstrip("/"))
    if not 0 < len(name) <= limits.SOURCE_MAP_NAME_CHARS:
        return None
    return f"~/{clean_text(name, len(name))}"


class Original(NamedTuple):
    """A place in a source. Lines and columns are counted from 1, as stack traces do."""

    #: The source's path or URL as the map has it, under its `sourceRoot`.
    source: str
    line: int
    column: int
    #: What stands there in the source, if the bundler has given it another name; only if it begins exactly there.
    name: str | None
    #: The map says that this source is not the developer's own (`ignoreList`).
    ignored: bool
    #: The source's lines around it, where the map has them: those before, the line, those after.
    before: list[str]
    text: str | None
    after: list[str]


class SourceMap:
    """A map, read and ready to be asked.

    Args:
        body: its JSON.

    Raises:
        SourceMapError: it is none, or is over a bound.
    """

    def __init__(self, body: bytes) -> None:
        self._sections = _sections(_decode(body))
        #: About how much memory it takes.
        self.bytes = sum(section.map.bytes for section in self._sections)

    def find(self, line: int, column: int) -> Original | None:
        """The source of a place in the built file; `None` where the map knows none.

        Args:
            line: counted from 1, as is `column`; any number.
        """
        place = (line - 1, column - 1)
        at = bisect_right(self._sections, place, key=lambda section: section.start) - 1
        if at < 0:
            return None
        section = self._sections[at]
        first_line, first_column = section.start
        return section.map.find(place[0] - first_line, place[1] - (first_column if place[0] == first_line else 0))


class _Section(NamedTuple):
    """A part of the built file."""

    #: Line and column, from 0.
    start: tuple[int, int]
    map: _Mappings


class _Mappings:
    """What a map without sections says; lines and columns from 0."""

    def __init__(self, fields: dict[str, Any], room: int) -> None:
        self._sources = _sources(fields)
        self._contents = _texts(fields, "sourcesContent")
        self._names = _texts(fields, "names")
        self._ignored = _ignored(fields)
        # By segment, in the order of the built file, beside each other: an object each would take ten times as much.
        #: Where each line of the built file begins in the others.
        self._lines = array("i")
        self._columns = array("i")
        self._source_of = array("i")
        self._source_lines = array("i")
        self._source_columns = array("i")
        self._name_of = array("i")
        mappings = fields.get("mappings")
        if not isinstance(mappings, str):
            raise SourceMapError("mappings must be a string")
        if mappings.count(",") + mappings.count(";") >= room:
            raise SourceMapError(f"it has more than {limits.SOURCE_MAP_SEGMENTS:,} mappings")
        try:
            self._read(mappings)
        except OverflowError as error:
            raise SourceMapError("mappings has a line or column that no file has") from error
        self._check()
        self._sort()
        texts = (*self._sources, *self._names, *self._contents)
        self.bytes = 24 * len(self._columns) + sum(sys.getsizeof(text) for text in texts if text)

    @property
    def segments(self) -> int:
        """How many there are."""
        return len(self._columns)

    def _read(self, mappings: str) -> None:
        known = _Segments()
        columns, sources, names = self._columns, self._source_of, self._name_of
        source_lines, source_columns = self._source_lines, self._source_columns
        source = source_line = source_column = name = 0
        for line in mappings.split(";"):
            self._lines.append(len(columns))
            if not line:
                continue
            column = 0
            for segment in line.split(","):
                if not segment:
                    # A comma too many, which says nothing.
                    continue
                fields = known[segment]
                column += fields[0]
                columns.append(column)
                if len(fields) == 1:
                    sources.append(_NONE)
                    source_lines.append(0)
                    source_columns.append(0)
                    names.append(_NONE)
                    continue
                source += fields[1]
                source_line += fields[2]
                source_column += fields[3]
                sources.append(source)
                source_lines.append(source_line)
                source_columns.append(source_column)
                if len(fields) == 5:
                    name += fields[4]
                    names.append(name)
                else:
                    names.append(_NONE)
        self._lines.append(len(columns))

    def _check(self) -> None:
        if not self._columns:
            return
        if min(self._columns) < 0 or min(self._source_lines) < 0 or min(self._source_columns) < 0:
            raise SourceMapError("mappings has a negative line or column")
        if min(self._source_of) < _NONE or max(self._source_of) >= len(self._sources):
            raise SourceMapError("mappings has a source that is not in sources")
        if min(self._name_of) < _NONE or max(self._name_of) >= len(self._names):
            raise SourceMapError("mappings has a name that is not in names")

    def _sort(self) -> None:
        """See that the segments of a line are in the order of their columns. Nearly all bundlers write them so."""
        all_of_it = (self._columns, self._source_of, self._source_lines, self._source_columns, self._name_of)
        for start, end in zip(self._lines, self._lines[1:], strict=False):
            columns = self._columns[start:end].tolist()
            if columns == sorted(columns):
                continue
            order = sorted(range(start, end), key=self._columns.__getitem__)
            for values in all_of_it:
                values[start:end] = array("i", map(values.__getitem__, order))

    def find(self, line: int, column: int) -> Original | None:
        if not (0 <= line < len(self._lines) - 1 and column >= 0):
            return None
        start, end = self._lines[line], self._lines[line + 1]
        at = bisect_right(self._columns, column, start, end) - 1
        if at < start or self._source_of[at] == _NONE:
            return None
        source, source_line, source_column = self._source_of[at], self._source_lines[at], self._source_columns[at]
        name = self._names[self._name_of[at]] if self._name_of[at] != _NONE else None
        before, text, after = self._around(source, source_line)
        return Original(
            self._sources[source] or "",
            source_line + 1,
            source_column + 1,
            name if self._columns[at] == column else None,
            source in self._ignored,
            before,
            text,
            after,
        )

    def _around(self, source: int, line: int) -> tuple[list[str], str | None, list[str]]:
        content = self._contents[source] if source < len(self._contents) else None
        if content is None or line > _LINES:
            return [], None, []
        first = max(line - limits.SOURCE_LINES, 0)
        last = line + limits.SOURCE_LINES
        lines = _LINE_END.split(content, last + 1)[first : last + 1]
        at = line - first
        return (lines[:at], lines[at], lines[at + 1 :]) if at < len(lines) else ([], None, [])


class _Segments(dict[str, "tuple[int, ...]"]):
    """The fields of a segment, by its text."""

    def __missing__(self, segment: str) -> tuple[int, ...]:
        fields = _fields(segment)
        if len(self) < _REMEMBERED:
            self[segment] = fields
        return fields


def _fields(segment: str) -> tuple[int, ...]:
    """Base64 VLQ: digits of five bits, the lowest first; the lowest bit of all is the sign."""
    fields: list[int] = []
    value = shift = 0
    for character in segment:
        digit = _DIGITS.get(character)
        if digit is None or shift > _LAST_SHIFT:
            raise SourceMapError("mappings is not in Base64 VLQ")
        value |= (digit & 31) << shift
        if digit & 32:
            shift += 5
            continue
        fields.append(-(value >> 1) if value & 1 else value >> 1)
        value = shift = 0
        if len(fields) > _SEGMENT_FIELDS[-1]:
            break
    if shift or len(fields) not in _SEGMENT_FIELDS:
        raise SourceMapError("mappings has a segment with neither 1, 4 nor 5 values")
    return tuple(fields)


def _decode(body: bytes) -> dict[str, Any]:
    if len(body) > limits.SOURCE_MAP_BYTES:
        raise SourceMapError(f"it has more than {limits.SOURCE_MAP_BYTES:,} bytes")
    if body.startswith(_GUARD):
        body = body.partition(b"\n")[2]
    _check_values(body)
    try:
        fields = json.loads(body)
    except RecursionError as error:
        raise SourceMapError("it is nested too deeply") from error
    except ValueError as error:
        # Not a word of Python's, which speak of its functions.
        raise SourceMapError("it is not JSON") from error
    if not isinstance(fields, dict):
        raise SourceMapError("it is not a JSON object")
    if fields.get("version") != 3:
        raise SourceMapError("its version is not 3")
    return fields


def _check_values(body: bytes) -> None:
    """Count a map's values before they become objects: 32 MB of `[],` would be a gigabyte."""
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    quotes = bare.count(b'"')
    if quotes <= 2 * limits.SOURCE_MAP_VALUES:
        # What is not within quotes.
        rest = bare.split(b'"')[::2]
        values = sum(part.count(b",") + part.count(b"[") + part.count(b"{") for part in rest)
        if values <= limits.SOURCE_MAP_VALUES:
            return
    raise SourceMapError(f"it has more than {limits.SOURCE_MAP_VALUES:,} sources and names")


def _sections(fields: dict[str, Any]) -> list[_Section]:
    if "sections" not in fields:
        return [_Section((0, 0), _Mappings(fields, limits.SOURCE_MAP_SEGMENTS))]
    given = fields["sections"]
    if not isinstance(given, list) or len(given) > _SECTIONS:
        raise SourceMapError(f"sections must be a list of at most {_SECTIONS:,}")
    sections: list[_Section] = []
    room = limits.SOURCE_MAP_SEGMENTS
    for section in given:
        part = section.get("map") if isinstance(section, dict) else None
        if not isinstance(part, dict) or "sections" in part:
            # An old form has a URL here. It is not fetched.
            raise SourceMapError("each section must have a map")
        start = _offset(section)
        if sections and start <= sections[-1].start:
            raise SourceMapError("sections must be in the order of their offsets")
        mappings = _Mappings(part, room)
        room -= mappings.segments
        sections.append(_Section(start, mappings))
    return sections


def _offset(section: dict[str, Any]) -> tuple[int, int]:
    offset = section.get("offset")
    if isinstance(offset, dict):
        line, column = offset.get("line"), offset.get("column")
        if type(line) is int and type(column) is int and line >= 0 and column >= 0:
            return line, column
    raise SourceMapError("each section must have an offset with line and column")


def _texts(fields: dict[str, Any], key: str) -> list[str | None]:
    texts = fields.get(key)
    if texts is None:
        return []
    if not isinstance(texts, list) or not all(text is None or isinstance(text, str) for text in texts):
        raise SourceMapError(f"{key} must be a list of strings")
    return texts


def _sources(fields: dict[str, Any]) -> list[str | None]:
    root = fields.get("sourceRoot")
    if root is not None and not isinstance(root, str):
        raise SourceMapError("sourceRoot must be a string")
    sources = _texts(fields, "sources")
    if not root:
        return sources
    prefix = root if root.endswith("/") else f"{root}/"
    return [source and f"{prefix}{source}" for source in sources]


def _ignored(fields: dict[str, Any]) -> frozenset[int]:
    # The second is what it was called before it was in the standard.
    given = fields.get("ignoreList", fields.get("x_google_ignoreList"))
    return frozenset(index for index in given if type(index) is int) if isinstance(given, list) else frozenset()
