"""Which source maps are in a directory of built files: found as browsers and bundlers find them, read and checked.

For `sourcemaps upload`. Whatever a file names as its map is looked for in that directory only, and never fetched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from .. import limits
from ..errors import ConfigError, SourceMapError
from ..printable import printable
from ..source_map import SourceMap, name_of

BUILT: Final = frozenset({".js", ".mjs", ".cjs"})
#: The last such comment of a file counts. `@` is how it began.
_COMMENT: Final = re.compile(rb"^[^\S\n]*//[#@][^\S\n]*sourceMappingURL=([^\s'\"]+)[^\S\n]*$", re.MULTILINE)
_DATA: Final = re.compile(r"data:[^,;]*(?:;charset=[^,;]*)?(;base64)?,(.*)", re.DOTALL | re.IGNORECASE)


class MapFile(NamedTuple):
    """A built file, and what was found of its map. Maps are read one at a time: all of a release may be gigabytes."""

    path: Path
    #: The one of the directories that it is in.
    directory: Path
    #: What the map goes by.
    name: str
    #: SHA-256 of the map; `None` if there is none that can be used.
    digest: str | None
    #: Why not; `None` as well: there is none at all.
    trouble: str | None

    def read(self) -> bytes:
        """The map.

        Raises:
            SourceMapError: it has changed since it was looked at.
        """
        body = _find(self.path, self.directory)
        if body is None or hashlib.sha256(body).hexdigest() != self.digest:
            raise SourceMapError(f"{printable(str(self.path))}: its source map has just changed")
        return body


def find_maps(directories: Iterable[Path], prefix: str) -> Iterator[MapFile]:
    """Every built file below some directories, by path.

    Args:
        directories: where to look.
        prefix: where the directories' content is found in the browser: `~/static/`, or a URL.

    Raises:
        ConfigError: the prefix is too long.
        SourceMapError: one is no directory, or two files would go by one name.
    """
    known: dict[str, Path] = {}
    for directory in directories:
        if not directory.is_dir():
            raise SourceMapError(f"{printable(str(directory))} is not a directory")
        for path in sorted(directory.rglob("*")):
            if path.suffix not in BUILT or not path.is_file():
                continue
            name = name_of(f"{prefix.rstrip('/')}/{quote(path.relative_to(directory).as_posix())}")
            if name is None:
                raise ConfigError("--url-prefix", f"is too long for {printable(str(path))}")
            if name in known:
                raise SourceMapError(printable(f"{path} and {known[name]} would both be {name}"))
            known[name] = path
            yield _look(path, directory, name)


def _look(path: Path, directory: Path, name: str) -> MapFile:
    digest = trouble = None
    try:
        body = _find(path, directory)
        if body is not None:
            SourceMap(body)
            digest = hashlib.sha256(body).hexdigest()
    except SourceMapError as error:
        trouble = str(error)
    except OSError as error:
        trouble = f"it cannot be read: {error.strerror}"
    return MapFile(path, directory, name, digest, trouble)


def _find(path: Path, directory: Path) -> bytes | None:
    """The map of a built file: inline, where its comment says, or beside it by name."""
    comments = _COMMENT.findall(path.read_bytes())
    address = comments[-1].decode(errors="replace") if comments else ""
    if address.lower().startswith("data:"):
        return _inline(address)
    beside = path.with_name(f"{path.name}.map")
    if address and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", address):
        # A path, by the file or by the root of the site.
        relative = unquote_to_bytes(re.split("[?#]", address, maxsplit=1)[0]).decode(errors="replace")
        named = directory / relative.lstrip("/") if relative.startswith("/") else path.parent / relative
        if named.is_file() and named.resolve().is_relative_to(directory.resolve()):
            beside = named
    elif address:
        # It lies elsewhere on the web; here it may be under the same name.
        last = path.with_name(Path(re.split("[?#]", address, maxsplit=1)[0]).name or beside.name)
        beside = last if last.is_file() else beside
    if not beside.is_file():
        return None
    if beside.stat().st_size > limits.SOURCE_MAP_BYTES:
        raise SourceMapError(f"it has more than {limits.SOURCE_MAP_BYTES:,} bytes")
    return beside.read_bytes()


def _inline(address: str) -> bytes:
    found = _DATA.fullmatch(address)
    if found is None:
        raise SourceMapError("its data: URL cannot be read")
    content = unquote_to_bytes(found[2])
    if found[1] is None:
        return content
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise SourceMapError("its data: URL is not in Base64") from error
