"""The database, as `storage.inspect` sees it: nothing is made or changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import limits
from ..addresses import shown
from ..config import CollectorSettings
from ..storage import PostgresFacts, SqliteFacts
from . import words
from .finding import Finding, bad, doubtful, good, told
from .rights import may_write

_TOPIC = "database"
_START = "start `levqor-errors collector`"
_UPGRADE = "start this version's `levqor-errors collector`; it brings the database up to date"


def look(facts: SqliteFacts | PostgresFacts, settings: CollectorSettings) -> Iterator[Finding]:
    """What there is to say of it."""
    if facts.trouble is not None:
        yield bad(_TOPIC, "database", *told(facts.trouble, "ask whoever runs the database server"))
    if isinstance(facts, SqliteFacts):
        yield from _sqlite(facts, settings)
    elif facts.trouble is None:
        yield from _postgres(facts, settings)


def _sqlite(facts: SqliteFacts, settings: CollectorSettings) -> Iterator[Finding]:
    path = settings.database
    if facts.trouble is None:
        if facts.free_bytes is None:
            yield bad(
                _TOPIC, "database", f"the directory of {path} does not exist", "make it, or set DATABASE_PATH"
            )  # fmt: skip
            return
        if not facts.file_bytes and not may_write(Path(path).absolute().parent):
            yield bad(
                _TOPIC, "database", f"{path} is not there yet, and this user cannot make it in its directory",
                "give this user the right to write there, or set DATABASE_PATH",
            )  # fmt: skip
        elif not facts.file_bytes:
            yield good(_TOPIC, "database", f"{path} is not there yet; the collector makes it at its first start")
        elif facts.unread is not None:
            yield doubtful(_TOPIC, "database", f"{path} was not looked into: {facts.unread}", _START)
        else:
            size = words.size(facts.file_bytes + facts.wal_bytes)
            whole = "no damage" if facts.whole else "no damage in what there was time to look at"
            yield good(_TOPIC, "database", f"{path}, {size}, {whole}")
            yield from _steps(facts.pending)
    yield _driver(facts)
    if facts.file_bytes is not None:
        yield _mode(facts.mode, path)
    if facts.file_bytes and facts.trouble is None:
        yield from _log(facts.wal_bytes)
    yield from _space(facts, settings)


def _driver(facts: SqliteFacts) -> Finding:
    if facts.wal_fix:
        return good(_TOPIC, "sqlite", f"{facts.server}, with the fix for write-ahead logs of 3.51.3")
    return doubtful(
        _TOPIC, "sqlite", f"{facts.server} can damage a database in rare cases (fixed in 3.51.3)",
        "pip install pysqlite3, if it has a wheel for this machine",
    )  # fmt: skip


def _steps(pending: frozenset[str]) -> Iterator[Finding]:
    if pending:
        yield doubtful(_TOPIC, "tables", f"are of an older version (without {', '.join(sorted(pending))})", _UPGRADE)
    else:
        yield good(_TOPIC, "tables", "are those of this version")


def _mode(mode: int, path: str) -> Finding:
    if mode & 0o077:
        who = "everybody on this machine" if mode & 0o007 else "others of its group"
        return doubtful(_TOPIC, "file mode", f"{mode:04o}: {who} can read what it holds", f"chmod 600 {path}*")
    return good(_TOPIC, "file mode", f"{mode:04o}, for its owner only")


def _log(wal_bytes: int) -> Iterator[Finding]:
    size = words.size(wal_bytes)
    if wal_bytes > limits.WAL_WARN_BYTES:
        yield doubtful(
            _TOPIC, "log", f"the write-ahead log has grown to {size}",
            "look for a program that keeps the database open for reading (sqlite3, a browser of databases)",
        )  # fmt: skip


def _space(facts: SqliteFacts, settings: CollectorSettings) -> Iterator[Finding]:
    free = facts.free_bytes
    if free is None:
        return
    used = (facts.file_bytes or 0) + facts.wal_bytes
    least, most = settings.min_free_bytes, settings.max_database_bytes
    found = f"{words.size(free)} free"
    if least is not None and free < 2 * least:
        kind = bad if free < least else doubtful
        less = "no event is taken" if free < least else "soon no event is taken"
        yield kind(
            _TOPIC, "disk", f"{found}; {less} (MIN_FREE_BYTES is {words.size(least)})",
            "make room on the disk, or lower RETENTION_DAYS or MAX_DATABASE_BYTES",
        )  # fmt: skip
    elif most is not None and least is not None and free - least < most - used:
        yield doubtful(
            _TOPIC, "disk", f"{found}, but the database may grow to {words.size(most)} (MAX_DATABASE_BYTES)",
            f"lower MAX_DATABASE_BYTES to {words.size(max(0, free - least + used))} at most; the oldest events go then,"
            " and not the newest",
        )  # fmt: skip
    else:
        bound = "as large as the disk" if most is None else f"to {words.size(most)}"
        yield good(_TOPIC, "disk", f"{found}; the database may grow {bound}")


def _postgres(facts: PostgresFacts, settings: CollectorSettings) -> Iterator[Finding]:
    where = f"{shown(settings.database)}, {facts.server}"
    if facts.new:
        yield good(_TOPIC, "database", f"{where}; a collector makes the tables at its first start")
    else:
        yield good(_TOPIC, "database", f"{where}, {words.size(facts.database_bytes)}")
        yield from _steps(facts.pending)
        if facts.days_missing:
            yield doubtful(
                _TOPIC, "days", f"there is no table yet for {', '.join(sorted(facts.days_missing))}",
                "start a collector: it makes them a day ahead",
            )  # fmt: skip
    most = settings.max_database_bytes
    if most is not None and facts.database_bytes > most:
        yield doubtful(
            _TOPIC, "size", f"it is larger than MAX_DATABASE_BYTES ({words.size(most)})",
            "nothing, if a collector runs: it deletes the oldest events of the noisiest issues",
        )  # fmt: skip
    if not facts.fsync:
        yield doubtful(
            _TOPIC, "durability", "the server does not wait for its disk: a power cut can lose and damage all (fsync)",
            "set fsync = on in postgresql.conf",
        )  # fmt: skip
    elif not facts.synchronous:
        yield doubtful(
            _TOPIC, "durability", "commits do not wait for the disk (synchronous_commit), though we ask for it",
            "let the pooler in between pass on connection options, or set synchronous_commit = on for this database",
        )  # fmt: skip
    else:
        yield good(_TOPIC, "durability", "commits wait for the disk")
    left = facts.connections - facts.connected
    found = f"{left} of {facts.connections} are free; a collector takes up to {facts.needed}"
    if left < facts.needed:
        yield doubtful(
            _TOPIC, "connections", found, "raise max_connections in postgresql.conf, or close other programs'"
        )  # fmt: skip
    else:
        yield good(_TOPIC, "connections", found)
