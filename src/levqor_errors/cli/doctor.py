"""`levqor-errors doctor`: what is wrong, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from ..collector.logs import hide
from ..config import check_url, environment
from ..doctor.examination import Examination
from ..doctor.hidden import secrets
from ..doctor.report import show, show_json
from .options import Database, Url


def doctor(
    send: Annotated[bool, typer.Option("--send", help="Also send a test message by each channel.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody over the network but the database.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One object, for machines.")] = False,
    database: Database = None,
    url: Url = None,
) -> None:
    """Look at settings, database, secret, collector, clock, journal and channels; say what is wrong and what to do."""
    if send and offline:
        raise typer.BadParameter("a test message needs the network; leave out --offline", param_hint="--send")
    environ = environment()
    hide(*secrets(environ, database, url))
    examination = Examination(
        environ, database=database, url=None if url is None else check_url(url), offline=offline, send=send
    )
    well = (show_json if as_json else show)(examination.findings())
    raise typer.Exit(0 if well else 1)
