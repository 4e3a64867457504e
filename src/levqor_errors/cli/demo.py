"""`levqor-errors demo`: a believable month in a database of its own, and a collector that shows it."""

from __future__ import annotations

import tempfile
import time
import webbrowser
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Final

import typer

from ..addresses import shown
from ..collector.app import create_app
from ..collector.server import address_of, bind, serve
from ..config import AlertSettings, CollectorSettings, read_secret
from ..demo.fill import BATCH, fill
from ..demo.shop import DAYS
from ..storage import open_storage

#: Of a small shop, and made in seconds.
EVENTS: Final = 5_000
_MOST: Final = 5_000_000
#: Between two lines about how far it is.
_STEP: Final = 100_000


def demo(
    database: Annotated[
        str | None,
        typer.Option(
            help="Where to keep it: an SQLite file or a PostgreSQL address without events (default: a directory that"
            " is deleted at the end).",
            show_default=False,
        ),
    ] = None,
    events: Annotated[int, typer.Option(min=0, max=_MOST, help="About how many events.")] = EVENTS,
    seed: Annotated[int, typer.Option(help="Another one makes another month.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 0,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open it in the browser.")] = True,
) -> None:
    """Show the pages with a month of a small web shop in them; nothing of it is real, and nobody is told."""
    listener = bind("127.0.0.1", port)
    with nullcontext() if database else tempfile.TemporaryDirectory(prefix="levqor-demo-") as directory:
        where = database or str(Path(str(directory)) / "demo.db")
        try:
            _fill(where, events, seed)
            # No other setting of the environment: it is the same demo everywhere, and alerts of it go nowhere.
            settings = CollectorSettings(where, read_secret(), max_database_bytes=None)
            app = create_app(settings, AlertSettings())
        except BaseException:
            listener.close()
            raise
        address = address_of(listener)
        typer.echo(f"Demo        {address}")
        auth = app.state.collector.auth
        typer.echo(f"Sign in     {address}/login?token={auth.new_link_token()}")
        typer.echo("            This link works once.")
        typer.echo(f"Database    {shown(where) if database else 'deleted at the end'}")
        if open_:
            # A link of its own, so that the one above still works.
            _open(f"{address}/login?token={auth.new_link_token()}")
        serve(app, listener)


def _fill(database: str, events: int, seed: int) -> None:
    def tell(written: int) -> None:
        if written % _STEP < BATCH:
            typer.echo(f"            {written:,} of {events:,}")

    storage = open_storage(database)
    began = time.monotonic()
    try:
        made = fill(storage, events=events, seed=seed, now=datetime.now(timezone.utc), tell=tell)
    finally:
        storage.close()
    seconds = time.monotonic() - began
    typer.echo(f"Made        {made:,} events of {DAYS} days, in {seconds:.0f} s")


def _open(link: str) -> None:
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    # Exactly this class is a browser of the terminal, which would take it from us.
    if type(browser) is not webbrowser.GenericBrowser:
        browser.open(link)
