"""`levqor-errors backup`: a copy of the SQLite file, beside a running collector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ..config import CollectorSettings
from ..doctor.words import size
from ..storage import backup as copy_database
from .options import Database


def backup(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The file to make; it must not be there yet.")],
    database: Database = None,
) -> None:
    """Copy the SQLite database into a file, as it is at this moment; the collector may run on.

    To restore one: stop the collector, move the old file away with its -wal and -shm, and put TARGET in its place.
    """
    source = CollectorSettings.from_env().database if database is None else database
    columns = (TextColumn("Copying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # A bar for somebody who waits; cron gets the one line below.
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("")
        events = copy_database(source, target, lambda done, pages: bars.update(task, completed=done, total=pages))
    typer.echo(f"{target}: {events:,} events, {size(Path(target).stat().st_size)}, no damage")
