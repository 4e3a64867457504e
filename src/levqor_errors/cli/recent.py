"""`levqor-errors recent` and `tail`: events in the terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import limits
from ..errors import CollectorError, CollectorRefusedError
from ..printable import printable
from .api import Api
from .options import Url
from .terminal import clock, severity_text

POLL_SECONDS = 1.0
NEWS = "/api/errors/news"

#: Below it too little is left for the message to be a column: a word a line. Into a pipe goes a line an event, too.
_TABLE_WIDTH: Final = 110
_COLUMNS: Final = ("ID", "Received (UTC)", "Severity", "Service", "Message")

Severity = Annotated[str | None, typer.Option(help="One, or several with commas between.")]
Source = Annotated[str | None, typer.Option(help="backend or frontend.")]
Service = Annotated[str | None, typer.Option(help="The service's name.")]
Environment = Annotated[str | None, typer.Option(help="The environment's name.")]
Release = Annotated[str | None, typer.Option(help="The release.")]
Search = Annotated[str | None, typer.Option("--search", "-q", help="Words in the message or the stack.")]
Since = Annotated[str | None, typer.Option(help="Received at this time or later: ISO 8601 (UTC), or 30m, 24h, 7d ago.")]
Until = Annotated[str | None, typer.Option(help="Received before this time; as for --since.")]
AsJson = Annotated[bool, typer.Option("--json", help="An event a line, as JSON.")]


def recent(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=limits.PAGE_MAX, help="How many at most.")] = 20,
    severity: Severity = None,
    source: Source = None,
    service: Service = None,
    environment: Environment = None,
    release: Release = None,
    q: Search = None,
    since: Since = None,
    until: Until = None,
    before: Annotated[int | None, typer.Option(min=0, help="Only events with an id under this one.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show the latest errors, the newest first."""
    api = Api(url)
    params = _params(
        limit=limit, severity=severity, source=source, service=service, environment=environment, release=release,
        q=q, since=since, until=until, before=before,
    )  # fmt: skip
    errors = api.recent(params)["errors"]
    console = Console(highlight=False)
    if as_json:
        for event in errors:
            _print_json(event)
        return
    if not errors:
        console.print("Nothing matches." if len(params) > 1 else "No errors yet.")
        return
    if console.is_terminal and console.width >= _TABLE_WIDTH:
        console.print(_table(errors))
        return
    lines = [[Text(name) for name in _COLUMNS], *([*_cells(event), _message(event)] for event in errors)]
    widths = [max(cell.cell_len for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        for cell, width in zip(line[:-1], widths, strict=False):
            cell.pad_right(width - cell.cell_len + 2)
        console.print(Text().join(line), soft_wrap=True)


def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on and show new errors as they arrive.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=limits.PAGE_MAX, help="How many to start with.")
    ] = 10,
    severity: Severity = None,
    source: Source = None,
    service: Service = None,
    environment: Environment = None,
    release: Release = None,
    q: Search = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show the latest errors, the newest last, and with -f those to come."""
    api = Api(url)
    params = _params(severity=severity, source=source, service=service, environment=environment, release=release, q=q)
    console = Console(highlight=False)
    # Before the first are read, so that none is between them and the news; what is in both is shown once.
    cursor = api.get(NEWS, {})["cursor"] if follow else None
    first = api.recent({**params, "limit": max(lines, 1)})["errors"][:lines]
    _print(console, list(reversed(first)), as_json)
    shown = {event["id"] for event in first}
    answers = True
    while follow:
        time.sleep(POLL_SECONDS)
        try:
            for news in _news(api, params, cursor):
                cursor = news["cursor"]
                if news["missed"]:
                    typer.echo("Some errors may not be shown here: more time has passed than is remembered.", err=True)
                _print(console, [event for event in news["errors"] if event["id"] not in shown], as_json)
        except CollectorError as error:
            if isinstance(error, CollectorRefusedError) and error.status < 500:
                raise
            # A collector that restarts is no reason to stop watching. But a quiet screen would say that all is well.
            if answers:
                typer.echo("The collector does not answer; this goes on when it does.", err=True)
            answers = False
        else:
            if not answers:
                typer.echo("The collector answers again.", err=True)
            answers = True


def _news(api: Api, params: dict[str, Any], cursor: str | None) -> Iterator[dict[str, Any]]:
    """What is new since a cursor. An id is no cursor: several collectors commit in another order than that of ids."""
    more = True
    while more:
        news = api.get(NEWS, {**params, "after": cursor})
        yield news
        cursor, more = news["cursor"], news["more"]


def _print(console: Console, errors: list[dict[str, Any]], as_json: bool) -> None:
    for event in errors:
        if as_json:
            _print_json(event)
            continue
        line = Text(f"{clock(event)}  ")
        severity = severity_text(event)
        severity.pad_right(max(len("critical") - len(severity), 0))
        line.append_text(severity).append(f"  {printable(event['service'])}  ").append_text(_message(event))
        console.print(line, soft_wrap=True)


def _table(errors: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(_COLUMNS[-1], overflow="fold")
    for event in errors:
        table.add_row(*_cells(event), _message(event))
    return table


def _cells(event: dict[str, Any]) -> list[Text]:
    """All but the message."""
    return [Text(str(event["id"])), Text(clock(event)), severity_text(event), Text(printable(event["service"]))]


def _print_json(event: dict[str, Any]) -> None:
    # ASCII only: an escape sequence in a message stays an escape of JSON.
    typer.echo(json.dumps(event))


def _message(event: dict[str, Any]) -> Text:
    return Text(printable(event["message"]))


def _params(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
