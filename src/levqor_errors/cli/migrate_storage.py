"""`levqor-errors migrate-storage`: from SQLite to PostgreSQL, or back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ..addresses import is_address, shown
from ..config import secret_file
from ..errors import StorageTransferError
from ..printable import printable
from ..storage import transfer

#: Where there is no terminal: a line for each such part of a table.
_LINE_PART: Final = 10

_HELP = "an SQLite file, or postgresql://user@host/name with its password in PGPASSWORD or ~/.pgpass."


def migrate_storage(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=f"What to copy: {_HELP}")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help=f"Where to: {_HELP}")],
) -> None:
    """Copy everything from one database into another, and check that it is the same there.

    Stop the collectors first. SOURCE stays as it is. What was broken off goes on when it is started again.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"From   {shown(source)}\nTo     {shown(target)}", markup=False)
    with transfer.opened(source, target) as (old, new), _progress(console) as progress:
        transfer.copy(old, new, progress)
        compared = transfer.compare(old, new, progress)
    for table in compared:
        console.print(f"{table.table:<14}{table.rows[0]:>14,} rows  {table.digests[0]}", markup=False)
    _refuse_differences(compared)
    console.print("Every row is there, and is the same. What to do now:")
    for step in _steps(source, target):
        console.print(f"- {step}", markup=False)


def _refuse_differences(compared: list[transfer.Comparison]) -> None:
    different = [table for table in compared if table.difference or len(set(table.digests)) > 1]
    if different:
        told = "; ".join(
            f"{table.table} (SOURCE {table.rows[0]:,} rows, {table.digests[0]}; TARGET {table.rows[1]:,} rows,"
            f" {table.digests[1]}; the first that differs: {', '.join(map(printable, table.difference or ()))})"
            for table in different
        )
        raise StorageTransferError(f"TARGET is not the same as SOURCE, do not use it: {told}")


def _steps(source: str, target: str) -> Iterator[str]:
    if is_address(target):
        yield f"Start the collectors with DATABASE_URL, the address of {shown(target)}."
        kept = secret_file(source)
        if kept is not None and kept.exists():
            yield f"Set INTERNAL_SECRET for all of them: the secret was kept in {kept}, and is not in the database."
        else:
            yield "Set INTERNAL_SECRET for all of them, to what it was."
    else:
        yield f"Start the collector with DATABASE_PATH={target}, and without DATABASE_URL."
        yield "Set INTERNAL_SECRET to what it was; without it the collector makes a new one."
    yield f"Keep {shown(source)} until you have seen that all is well."


@contextmanager
def _progress(console: Console) -> Iterator[transfer.Progress]:
    """A bar on a terminal, else lines."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        yield _Bars(bars)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = TaskID(0)

    def begin(self, what: str, rows: int) -> None:
        self._task = self._bars.add_task(what, total=rows, visible=rows > 0)

    def advance(self, rows: int) -> None:
        self._bars.advance(self._task, rows)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._what = ""
        self._total = self._done = 0

    def begin(self, what: str, rows: int) -> None:
        self._what, self._total, self._done = what, rows, 0
        if not rows:
            self._print()

    def advance(self, rows: int) -> None:
        before = self._done * _LINE_PART // self._total if self._total else 0
        self._done += rows
        if self._total and self._done * _LINE_PART // self._total > before:
            self._print()

    def _print(self) -> None:
        self._console.print(f"{self._what}: {self._done:,} of {self._total:,} rows", markup=False)
