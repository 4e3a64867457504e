"""Everything of one database into another, of either kind, and the proof that it is the same. Used by
`cli/migrate_storage.py`.

Rows are copied in the order of their keys, a part in a transaction, so what the target holds is always the beginning of
what the source holds. That is how a copy that was broken off goes on, and how a target that holds anything else is
known: no note of how far it came is kept anywhere. What one kind of database keeps beside the rows (search indexes,
tables by day, keys) is the business of `sqlite/transfer.py` and `postgres/transfer.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import orjson

from ..addresses import is_address
from ..errors import StorageTransferError, StorageUnusableError

Row: TypeAlias = "tuple[Any, ...]"


class Table(NamedTuple):
    """A table whose rows are the same in every kind of database."""

    name: str
    #: The columns that tell its rows apart, in whose order they are copied; text, but for those of `NUMBERS`.
    key: tuple[str, ...]
    #: How many of its rows are read at once, where a database gives them in answers: of the largest events 130 MB.
    fetch: int = 100


NUMBERS: Final = frozenset({"id", "issue_id", "user_hash", "version"})
#: All that is copied, what others refer to first. Columns are not listed: both databases have the same.
TABLES: Final = (
    Table("issues", ("id",)),
    Table("error_events", ("id",)),
    Table("event_counts", ("hour", "service", "source", "severity", "environment", "release")),
    Table("event_hours", ("hour",)),
    Table("issue_counts", ("issue_id", "hour", "source", "severity")),
    Table("issue_users", ("issue_id", "user_hash")),
    Table("issue_changes", ("id",)),
    Table("merged_counts", ("issue_id", "hour", "source", "severity")),
    Table("merged_users", ("issue_id", "user_hash")),
    Table("grouping_rules", ("id",)),
    Table("grouping_version", ("version",)),
    Table("regroup_services", ("service",)),
    Table("regroup", ("issue_id",)),
    Table("shares", ("token_hash",)),
    Table("refusals", ("hour", "reason")),
    Table("alert_outbox", ("id",)),
    Table("alerts", ("id",)),
    Table("alert_deliveries", ("id",)),
    Table("alert_ledger", ("id",)),
    Table("alert_memory", ("key",)),
    Table("sessions", ("token_hash",)),
    Table("source_maps", ("release", "name"), fetch=5),
)

#: A part that is written in one transaction ends with so many rows, or characters: the largest event has 340,000.
_PART_ROWS: Final = 500
_PART_CHARS: Final = 8_000_000
_DIGEST_BYTES: Final = 16


class Side(Protocol):
    """A database that is copied from, or into. Nobody else writes into it as long as it is open.

    All methods raise `StorageTransferError`.
    """

    #: For people: without a password.
    shown: str

    def columns(self, table: Table) -> list[str]:
        """The names of a table's columns."""
        ...

    def count(self, table: Table) -> int:
        """How many rows it has."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Inside, all that `rows` gives is of one state."""
        ...

    def rows(self, table: Table, columns: Sequence[str]) -> Generator[Row, None, None]:
        """All rows in the order of the key, by bytes; not held in memory."""
        ...

    def add(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add rows that come after all that are there, in one transaction, with what belongs to them elsewhere."""
        ...

    def last_id(self, table: Table) -> int:
        """The highest id that was ever given out; 0 for none."""
        ...

    def continue_after(self, table: Table, id_: int) -> None:
        """Never give out this id nor one below it. Before rows are added."""
        ...

    def close(self) -> None:
        """Let others write again."""
        ...


class Progress(Protocol):
    """Who is told how far it is."""

    def begin(self, what: str, rows: int) -> None:
        """Something that takes so many rows begins; what came before is done."""
        ...

    def advance(self, rows: int) -> None:
        """So many more are done."""
        ...


class Comparison(NamedTuple):
    """A table on both sides."""

    table: str
    #: Source and target; so are the digests, of all rows in the order of their keys.
    rows: tuple[int, int]
    digests: tuple[str, str]
    #: The key of the first row that is not on both sides the same.
    difference: Row | None


@contextmanager
def opened(source: str, target: str) -> Iterator[tuple[Side, Side]]:
    """Both databases, for nobody else.

    Args:
        source: the path of an SQLite file, or an address of a PostgreSQL database, with our tables.
        target: the same; made, or its tables are, where they are not there.

    Raises:
        StorageTransferError: when they are one database, or one of them cannot be used or is in use; says why.
    """
    if source == target or _is_same_file(source, target):
        raise StorageTransferError("SOURCE and TARGET are the same database")
    with ExitStack() as stack:
        sides: list[Side] = []
        for name, database, make in (("SOURCE", source, False), ("TARGET", target, True)):
            try:
                sides.append(_open(database, make=make))
            except StorageUnusableError as error:
                raise StorageTransferError(f"{name}: {error}") from error
            stack.callback(sides[-1].close)
        yield sides[0], sides[1]


def _is_same_file(source: str, target: str) -> bool:
    paths = [Path(database) for database in (source, target) if not is_address(database)]
    return len(paths) == 2 and all(path.exists() for path in paths) and paths[0].samefile(paths[1])


def _open(database: str, *, make: bool) -> Side:
    # Not at the top: few have both drivers.
    if is_address(database):
        try:
            from .postgres.transfer import PostgresSide
        except ImportError as error:
            raise StorageUnusableError(
                "PostgreSQL needs its driver; install it with: pip install 'levqor-errors[postgres]'"
            ) from error
        return PostgresSide(database, make=make)
    from .sqlite.transfer import SqliteSide

    return SqliteSide(database, make=make)


def copy(source: Side, target: Side, progress: Progress) -> None:
    """Copy what the target does not have yet.

    Raises:
        StorageTransferError: the target has rows that are not the source's, and then nothing is written; or a database
            does not do what it is asked to.
    """
    columns = {table: _columns(source, target, table) for table in TABLES}
    with source.reading(), ExitStack() as stack:
        missing = {table: stack.enter_context(closing(source.rows(table, columns[table]))) for table in TABLES}
        there = _skip_what_is_there(source, target, missing, columns, progress)
        for table in TABLES:
            if table.key == ("id",):
                target.continue_after(table, source.last_id(table))
        for table, rows in missing.items():
            progress.begin(f"{table.name} to copy", source.count(table) - there[table])
            for part in _parts(rows):
                target.add(table, columns[table], part)
                progress.advance(len(part))


def _columns(source: Side, target: Side, table: Table) -> list[str]:
    columns = source.columns(table)
    if set(columns) != set(target.columns(table)):
        raise StorageTransferError(f"the table {table.name} has other columns in {target.shown} than in {source.shown}")
    return columns


def _skip_what_is_there(
    source: Side,
    target: Side,
    missing: Mapping[Table, Iterator[Row]],
    columns: Mapping[Table, list[str]],
    progress: Progress,
) -> dict[Table, int]:
    """Take from each table's rows those that the target has; returns how many it has of each."""
    there = dict.fromkeys(missing, 0)
    with target.reading():
        for table, source_rows in missing.items():
            if expected := target.count(table):
                progress.begin(f"{table.name} there already", expected)
            with closing(target.rows(table, columns[table])) as rows:
                for part in _parts(rows):
                    if list(islice(source_rows, len(part))) != part:
                        raise StorageTransferError(
                            f"{target.shown} has rows in {table.name} that are not those of {source.shown};"
                            " nothing was copied. A target must be empty, or hold the beginning of this very copy"
                        )
                    there[table] += len(part)
                    progress.advance(len(part))
    return there


def compare(source: Side, target: Side, progress: Progress) -> list[Comparison]:
    """Read both databases as they are now, and hold them against each other, table by table, row by row."""
    found = []
    with source.reading(), target.reading():
        for table in TABLES:
            columns = _columns(source, target, table)
            progress.begin(f"{table.name} to check", source.count(table))
            ours, theirs = source.rows(table, columns), target.rows(table, columns)
            with closing(ours), closing(theirs):
                found.append(_compare(table, columns, ours, theirs, progress))
    return found


def _compare(
    table: Table,
    columns: list[str],
    source: Iterator[Row],
    target: Iterator[Row],
    progress: Progress,
) -> Comparison:
    digests = [hashlib.blake2b(digest_size=_DIGEST_BYTES) for _ in range(2)]
    counts = [0, 0]
    difference: Row | None = None
    while parts := _both(source, target):
        for side, part in enumerate(parts):
            counts[side] += len(part)
            for row in part:
                digests[side].update(orjson.dumps(row, default=_digest_of, option=orjson.OPT_APPEND_NEWLINE))
        if difference is None:
            difference = _first_difference(*parts, [columns.index(name) for name in table.key])
        progress.advance(len(parts[0]))
    return Comparison(table.name, (counts[0], counts[1]), (digests[0].hexdigest(), digests[1].hexdigest()), difference)


def _digest_of(value: object) -> str:
    """What stands for a value that JSON has not: bytes, which may be megabytes, and what an owner may have put into
    SQLite by hand."""
    return hashlib.blake2b(value).hexdigest() if isinstance(value, bytes) else repr(value)


def _both(source: Iterator[Row], target: Iterator[Row]) -> tuple[list[Row], list[Row]] | None:
    """The next part of both, as many rows of each as there are."""
    ours = next(_parts(source), [])
    theirs = list(islice(target, len(ours))) if ours else next(_parts(target), [])
    return (ours, theirs) if ours or theirs else None


def _first_difference(ours: list[Row], theirs: list[Row], key: list[int]) -> Row | None:
    """The lowest key of a row that only one of them has."""
    if ours == theirs:
        return None
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    return min(tuple(row[place] for place in key) for part in (ours, theirs) for row in part[same : same + 1])


def _parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    chars = 0
    for row in rows:
        part.append(row)
        chars += sum(len(value) for value in row if isinstance(value, (str, bytes)))
        if len(part) == _PART_ROWS or chars >= _PART_CHARS:
            yield part
            part, chars = [], 0
    if part:
        yield part
