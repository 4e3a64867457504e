"""Source maps in the database, by release and name: the same SQL for both kinds.

`Storage.source_maps()` gives a `SourceMapStore` inside a transaction, `Storage.source_map_reader()` one that only
reads. No method touches more than a few maps, so that commits of events never wait for long; what is more is to be
asked for again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from .. import limits

#: Runs a statement with its values, written as `?`; gives its rows.
Run: TypeAlias = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

#: Maps that one step deletes; of the largest 64 MB.
_STEP: Final = 4
#: How many releases are listed.
_RELEASES: Final = 1_000

_PUT: Final = """
    INSERT INTO source_maps (release, name, digest, bytes, stored_bytes, uploaded_at, map) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (release, name) DO UPDATE SET
        digest = excluded.digest, bytes = excluded.bytes, stored_bytes = excluded.stored_bytes,
        uploaded_at = excluded.uploaded_at, map = excluded.map
"""
_LIST_RELEASES: Final = f"""
    SELECT release, COUNT(*), CAST(SUM(stored_bytes) AS BIGINT), MAX(uploaded_at) FROM source_maps
    GROUP BY release ORDER BY MAX(uploaded_at) DESC, release LIMIT {_RELEASES}
"""
#: Releases of which no event is stored: nothing that is there now can be shown by their maps.
_UNSEEN: Final = """
    SELECT release FROM (SELECT DISTINCT release FROM source_maps) releases
    WHERE NOT EXISTS (SELECT 1 FROM error_events WHERE error_events.release = releases.release)
"""
_OLDEST: Final = f"""
    SELECT release, name, stored_bytes FROM source_maps WHERE release <> ?
    ORDER BY CASE WHEN release IN ({_UNSEEN}) THEN 0 ELSE 1 END, uploaded_at, release, name LIMIT 1
"""
_FORGOTTEN: Final = (
    f"SELECT release, name FROM source_maps WHERE uploaded_at < ? AND release IN ({_UNSEEN}) LIMIT {_STEP}"
)


class StoredMap(NamedTuple):
    """What is known of a map without reading it."""

    name: str
    #: SHA-256 of what was uploaded, as hexadecimal digits.
    digest: str
    #: Of that, and as it is stored.
    bytes: int
    stored_bytes: int
    uploaded_at: str


class MappedRelease(NamedTuple):
    """A release that has maps."""

    release: str
    maps: int
    stored_bytes: int
    uploaded_at: str


class NewMap(NamedTuple):
    """A map on its way into the database; made outside of any transaction, for compressing takes a while."""

    release: str
    name: str
    digest: str
    size: int
    compressed: bytes


def new_map(release: str, name: str, digest: str, body: bytes) -> NewMap:
    """A map to be stored."""
    return NewMap(release, name, digest, len(body), zlib.compress(body))


class SourceMapStore:
    """The maps, inside a transaction.

    Args:
        run: runs a statement.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def put(self, new: NewMap, *, most_bytes: int, now: str) -> list[str] | None:
        """Store a map, in place of what has its release and name.

        Where there is no room, maps of other releases go: first of those that no event is stored of, then of all, and
        of these what was uploaded first.

        Args:
            new: the map.
            most_bytes: how much all maps may fill.
            now: when.

        Returns:
            the releases that lost a map for it, each once; `None`: it does not fit, and nothing was changed.
        """
        maps, of_release = self._run(
            "SELECT COUNT(*), COALESCE(CAST(SUM(stored_bytes) AS BIGINT), 0) FROM source_maps"
            " WHERE release = ? AND name <> ?",
            [new.release, new.name],
        )[0]
        if maps >= limits.SOURCE_MAPS or of_release + len(new.compressed) > most_bytes:
            return None
        self.delete(new.release, new.name)
        ((stored,),) = self._run("SELECT COALESCE(CAST(SUM(stored_bytes) AS BIGINT), 0) FROM source_maps", [])
        lost: dict[str, None] = {}
        # Others may delete some meanwhile, where several collectors write at once.
        while stored + len(new.compressed) > most_bytes and (oldest := self._run(_OLDEST, [new.release])):
            release, name, size = oldest[0]
            self.delete(release, name)
            stored -= size
            lost[release] = None
        values = [new.release, new.name, new.digest, new.size, len(new.compressed), now, new.compressed]
        self._run(_PUT, values)
        return list(lost)

    def names(self, release: str) -> list[str]:
        """The names of all maps of a release."""
        return [name for (name,) in self._run("SELECT name FROM source_maps WHERE release = ?", [release])]

    def digest(self, release: str, name: str) -> str | None:
        """What tells this map from another one; `None` if there is none."""
        found = self._run("SELECT digest FROM source_maps WHERE release = ? AND name = ?", [release, name])
        return found[0][0] if found else None

    def compressed(self, release: str, name: str) -> bytes | None:
        """A map, for `inflated`; `None` if there is none."""
        found = self._run("SELECT map FROM source_maps WHERE release = ? AND name = ?", [release, name])
        return bytes(found[0][0]) if found else None

    def of_release(self, release: str) -> list[StoredMap]:
        """All maps of a release, by name."""
        columns = ", ".join(StoredMap._fields)
        found = self._run(f"SELECT {columns} FROM source_maps WHERE release = ? ORDER BY name", [release])
        return [StoredMap(*row) for row in found]

    def releases(self) -> list[MappedRelease]:
        """The releases that have maps, the latest first, at most 1,000."""
        return [MappedRelease(*row) for row in self._run(_LIST_RELEASES, [])]

    def delete(self, release: str, name: str) -> int:
        """Delete a map; returns how many that were, 0 or 1."""
        found = self._run("DELETE FROM source_maps WHERE release = ? AND name = ? RETURNING 1", [release, name])
        return len(found)

    def delete_some(self, release: str) -> int:
        """Delete some maps of a release; returns how many, 0 when there are none left."""
        query = f"SELECT release, name FROM source_maps WHERE release = ? LIMIT {_STEP}"
        return self._delete_all(self._run(query, [release]))

    def forget(self, before: str) -> int:
        """Delete some maps that were uploaded before an instant, of releases that no event is stored of.

        Returns how many; 0 when there are none left.
        """
        return self._delete_all(self._run(_FORGOTTEN, [before]))

    def _delete_all(self, maps: Sequence[tuple[Any, ...]]) -> int:
        return sum(self.delete(release, name) for release, name in maps)


def inflated(compressed: bytes) -> bytes:
    """A stored map as it was uploaded.

    Raises:
        zlib.error: it is damaged.
    """
    # Only what passed the bound was stored, unless somebody has put it there by hand.
    return zlib.decompressobj().decompress(compressed, limits.SOURCE_MAP_BYTES + 1)
