"""`levqor-errors log`: report from shell scripts and cron."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..client.client import Client
from ..config import ClientSettings
from ..errors import CollectorRefusedError, CollectorUnreachableError
from ..severity import SEVERITY_ALIASES
from .api import shown_url
from .options import Url

FLUSH_SECONDS = 5.0


def log(
    message: Annotated[str, typer.Argument(help="What happened; `-` reads it from standard input.")],
    service: Annotated[str | None, typer.Option(help="The service's name (default: LEVQOR_ERRORS_SERVICE).")] = None,
    severity: Annotated[str, typer.Option(help="info, warning, error or critical.")] = "error",
    user_email: Annotated[str | None, typer.Option(help="Who the user was.")] = None,
    path: Annotated[str | None, typer.Option(help="Where it happened: a path, a screen, a job's name.")] = None,
    url: Url = None,
) -> None:
    """Report an error from a shell script. It is kept and sent later when the collector cannot be reached now."""
    if severity.lower() not in SEVERITY_ALIASES:
        raise typer.BadParameter("must be one of info, warning, error, critical", param_hint="--severity")
    text = sys.stdin.read().rstrip("\n") if message == "-" else message
    if not text.strip():
        raise typer.BadParameter("must not be empty", param_hint="MESSAGE")
    client = Client(ClientSettings.from_env(url=url, service=service))
    event_id = client.record(None, text, severity, fields={"user_email": user_email, "path_or_screen": path})
    delivered = client.shipper.flush(FLUSH_SECONDS)
    kept = f"the event is kept in {client.journal.directory} and goes out with the next one"
    if client.journal.has_memory():
        kept = f"the event is lost, since {client.journal.directory} cannot be written; set LEVQOR_ERRORS_SPOOL_DIR"
    client.close(0)
    if "refused" in client.losses.total():
        raise CollectorRefusedError(400, "the collector did not take it; its reason stands above")
    if client.shipper.barred:
        raise CollectorRefusedError(
            401,
            f"the collector takes no events without its key; set LEVQOR_ERRORS_KEY to this service's own; {kept}",
        )
    if not delivered:
        raise CollectorUnreachableError(f"no collector answers at {shown_url(client.settings.url)}; {kept}")
    typer.echo(event_id)
