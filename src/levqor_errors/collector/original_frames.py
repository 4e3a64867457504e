"""The frames of a browser's event as they are in the source. Done when the event is looked at and not when it arrives:
its source maps may come later. Used by the page of an event and by `GET /api/errors/{id}`.

A frame's file is only ever looked up among the maps that were uploaded. Nothing is fetched from an address in an event
or in a map. What grouping goes by is the event as it was stored, so issues do not change when maps come or go.
"""

from __future__ import annotations

import re
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from .. import limits
from ..clean import clean_text
from ..errors import SourceMapError
from ..source_map import Original, SourceMap, name_of
from ..storage import Storage
from ..storage.source_maps import inflated

#: Maps that one event's frames are looked up in. A stack goes through a few of a page's files.
_MAPS: Final = 20
_NAME_CHARS: Final = 200
_FILE_CHARS: Final = 500
#: What bundlers put in front of a source's path: `webpack://shop/./src/cart.js`, `../../src/cart.js`.
_BUNDLER_S: Final = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/]*/)?(?:\[project\]/|\.{1,2}/|/)*")
#: Of sources that are not the developer's own, whether or not the map says so.
_NOT_OURS: Final = re.compile(r"(?:^|/)node_modules/|^webpack/|^\(webpack\)")
#: What a browser puts before a function's name.
_BEFORE_NAME: Final = re.compile(r"(?:async |new )*")
_NOTES: Final = 5


class Originals(NamedTuple):
    """An event with what its maps say."""

    #: As `Storage.get` gives it. A frame that a map knows has the source's `file`, `line`, `column`, `function`,
    #: `in_app`, `source`, `before` and `after`, as a frame of Python's has them; what it came with is under `built`.
    event: dict[str, Any]
    #: Why frames are as they came, as sentences.
    notes: list[str]


class _Place(NamedTuple):
    """A frame of the event whose file is a built one's."""

    name: str
    line: int
    column: int


class OriginalFrames:
    """Reads maps, and keeps those that were read last.

    Args:
        storage: where they are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._kept: OrderedDict[str, SourceMap] = OrderedDict()
        self._bytes = 0
        # One map is read at a time: it may take several times its size for a moment.
        self._lock = threading.Lock()

    def resolve(self, event: dict[str, Any]) -> Originals:
        """Find the originals of an event's frames. Blocks, for at most about `limits.SOURCE_MAP_SECONDS` and one map.

        Args:
            event: as `Storage.get` gives it; it is not changed.

        Raises:
            StorageUnavailableError: the database does not answer.
        """
        places = {id(frame): place for frame in _frames(event) if (place := _place(frame)) is not None}
        if not places or not event.get("release"):
            return Originals(event, [])
        look = _Look(self, self._storage, event["release"])
        found = {key: original for key, place in places.items() if (original := look.find(place)) is not None}
        return Originals(_with_originals(event, found) if found else event, look.notes())

    def read(self, release: str, name: str, deadline: float) -> SourceMap | None:
        """A map, from the database or from before; `None` when it is gone.

        Raises:
            SourceMapError: it cannot be read, or not before the deadline.
        """
        with self._storage.source_map_reader() as maps:
            digest = maps.digest(release, name)
        if digest is None:
            return None
        if not self._lock.acquire(timeout=max(deadline - time.monotonic(), 0)):
            raise SourceMapError("others are being read; look again in a moment")
        try:
            known = self._kept.get(digest)
            if known is not None:
                self._kept.move_to_end(digest)
                return known
            with self._storage.source_map_reader() as maps:
                compressed = maps.compressed(release, name)
            if compressed is None:
                return None
            try:
                read = SourceMap(inflated(compressed))
            except zlib.error as error:
                raise SourceMapError("it is damaged in the database") from error
            self._keep(digest, read)
            return read
        finally:
            self._lock.release()

    def _keep(self, digest: str, read: SourceMap) -> None:
        self._kept[digest] = read
        self._bytes += read.bytes
        while self._bytes > limits.SOURCE_MAP_CACHE_BYTES:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.bytes


class _Look:
    """One look at one event."""

    def __init__(self, frames: OriginalFrames, storage: Storage, release: str) -> None:
        self._frames = frames
        self._release = release
        self._deadline = time.monotonic() + limits.SOURCE_MAP_SECONDS
        with storage.source_map_reader() as maps:
            names = maps.names(release)
        self._names = frozenset(names)
        self._by_file: dict[str, list[str]] = {}
        for name in names:
            self._by_file.setdefault(_file_of(name), []).append(name)
        self._maps: dict[str, SourceMap | None] = {}
        self._notes: dict[str, None] = {}

    def find(self, place: _Place) -> Original | None:
        """What the maps say of a place."""
        name = self._match(place.name)
        if name is None:
            return None
        if time.monotonic() > self._deadline:
            self._note("Not all frames of this event were looked up: it would have taken too long.")
            return None
        if name not in self._maps:
            self._maps[name] = self._read(name)
        map_ = self._maps[name]
        return map_.find(place.line, place.column) if map_ is not None else None

    def notes(self) -> list[str]:
        """Why some are not found."""
        return list(self._notes)

    def _note(self, text: str) -> None:
        if len(self._notes) < _NOTES:
            self._notes[text] = None

    def _read(self, name: str) -> SourceMap | None:
        if len(self._maps) >= _MAPS:
            self._note(f"Not all source maps of this event were read: it has frames of more than {_MAPS} files.")
            return None
        try:
            return self._frames.read(self._release, name, self._deadline)
        except SourceMapError as error:
            self._note(f"The source map of {name} cannot be used: {error}.")
            return None

    def _match(self, name: str) -> str | None:
        """The map for a file: that of its path; else of the only file of its name, wherever that is."""
        if name in self._names:
            return name
        same = self._by_file.get(_file_of(name), [])
        if len(same) == 1:
            return same[0]
        if self._names:
            why = f"there are {len(same)} others of that file name" if same else "see --url-prefix of the upload"
            self._note(f"Release {self._release} has source maps, but none for {name}: {why}.")
        return None


def _file_of(name: str) -> str:
    return name.rpartition("/")[2]


def _frames(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All frames of an event, whatever shape its context has."""
    exceptions = event["context"].get("exceptions")
    for exception in exceptions if isinstance(exceptions, list) else ():
        frames = exception.get("frames") if isinstance(exception, dict) else None
        for frame in frames if isinstance(frames, list) else ():
            if isinstance(frame, dict):
                yield frame


def _place(frame: dict[str, Any]) -> _Place | None:
    file, line, column = frame.get("file"), frame.get("line"), frame.get("column")
    # A frame of Python's has no column. A bool is an int.
    if not (isinstance(file, str) and type(line) is int and type(column) is int):
        return None
    name = name_of(file)
    return _Place(name, line, column) if name is not None else None


def _with_originals(event: dict[str, Any], found: dict[int, Original]) -> dict[str, Any]:
    context = event["context"]
    exceptions = [
        {**exception, "frames": _all_original(exception["frames"], found)}
        if isinstance(exception, dict) and isinstance(exception.get("frames"), list)
        else exception
        for exception in context["exceptions"]
    ]
    return {**event, "context": {**context, "exceptions": exceptions}}


def _all_original(frames: list[Any], found: dict[int, Original]) -> list[Any]:
    shown = []
    caller: Original | None = None
    for frame in frames:
        original = found.get(id(frame))
        shown.append(_original(frame, original, caller) if original is not None else frame)
        caller = original
    return shown


def _original(frame: dict[str, Any], original: Original, caller: Original | None) -> dict[str, Any]:
    file = _BUNDLER_S.sub("", original.source[: 2 * _FILE_CHARS], count=1) or frame["file"]
    shown = {
        **frame,
        "file": clean_text(file, _FILE_CHARS),
        "line": original.line,
        "column": original.column,
        "function": _function(frame.get("function"), caller),
        "in_app": not original.ignored and _NOT_OURS.search(file) is None,
        "built": {key: frame.get(key) for key in ("file", "line", "column", "function")},
    }
    # Of the built file, if the sender had any.
    for key in ("source", "before", "after"):
        shown.pop(key, None)
    if original.text is not None:
        shown["source"] = _line(original.text, original.column)
        shown["before"] = [_line(text) for text in original.before]
        shown["after"] = [_line(text) for text in original.after]
    return shown


def _function(built: object, caller: Original | None) -> object:
    """A function's name in the source: what its caller calls it by there, if the bundler has given it another name.

    A map has names of what stands at a place, not of the function around it.
    """
    if caller is None or caller.name is None:
        return built
    before = _BEFORE_NAME.match(built) if isinstance(built, str) else None
    return clean_text(f"{before.group() if before else ''}{caller.name}", _NAME_CHARS)


def _line(text: str, column: int = 0) -> str:
    """A line as it is shown: of a long one, the part around the column."""
    most = limits.SOURCE_LINE_CHARS
    if len(text) > most:
        start = max(min(column - 1 - most // 2, len(text) - most), 0)
        text = f"{'…' if start else ''}{text[start : start + most]}{'…' if start + most < len(text) else ''}"
    return clean_text(text, most + 2)
