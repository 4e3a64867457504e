"""`levqor-errors alerts`: the loop of the alerts as a process of its own; `try` and `why` beside it."""

from __future__ import annotations

import logging
import logging.config
import signal
import threading
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Final

import httpx
import typer

from .. import instants
from ..addresses import is_address
from ..alert_rules import RateRule, read_rates, shown_duration
from ..alerts.channels import open_channels
from ..alerts.memory import StoredMemory
from ..alerts.runner import Runner
from ..alerts.trial import fires
from ..collector.logs import LOGGING, hide
from ..config import AlertSettings, ClientSettings, CollectorSettings
from ..errors import CollectorRefusedError, CollectorUnreachableError, ConfigError
from ..printable import printable
from ..storage import Storage, open_storage
from .api import Api
from .options import Database, Url

app = typer.Typer(help="Send alerts, and ask about them.", no_args_is_help=False)

#: How far back a rule is tried.
TRIAL_DAYS: Final = 30
#: How many of its messages are shown one by one.
_SHOWN: Final = 20
_POST_SECONDS: Final = 30.0


@app.callback(invoke_without_command=True)
def alerts(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Send what is due now, and end; for cron.")] = False,
    database: Database = None,
) -> None:
    """Send alerts, in a process beside the collector's (which then runs with --no-alerts)."""
    if context.invoked_subcommand is not None:
        return
    settings = AlertSettings.from_env()
    hide(*settings.secrets)
    logging.config.dictConfig(LOGGING)
    if not (settings.telegram_token or settings.smtp_host or settings.alert_urls):
        raise ConfigError(
            "TELEGRAM_BOT_TOKEN", "is not set, nor are SMTP_HOST and ALERT_URLS; there is no channel to send by"
        )
    storage = _open(database)
    try:
        channels = open_channels(settings, StoredMemory(storage))
        runner = Runner(storage, settings, channels, dashboard_url=lambda: settings.dashboard_url, post=_post)
        if once:
            runner.run_once()
            return
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        news = storage.watch(runner.wake)
        runner.start()
        typer.echo(f"Alerts      {', '.join(f'{one.name} ({one.target})' for one in channels)}")
        for variable, recipient in settings.defaults.items():
            typer.secho(f"WARNING     Alerts go to {recipient}, the default of {variable}.", fg="yellow", err=True)
        ended.wait()
        news.close()
        runner.close()
    finally:
        storage.close()


@app.command("try")
def try_rule(
    rule: Annotated[str, typer.Argument(help="As in ALERT_RATES: `checkout: 50 errors in 10m`.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="How far back.")] = TRIAL_DAYS,
    database: Database = None,
) -> None:
    """Show what a rule for ALERT_RATES would have told in the last days, before you set it."""
    rules = read_rates("RULE", rule)
    cooldown = AlertSettings.from_env().cooldown
    since = datetime.now(timezone.utc) - timedelta(days=days)
    storage = _open(database)
    try:
        for one in rules:
            _show(one, storage, since, cooldown, days)
    finally:
        storage.close()


def _show(rule: RateRule, storage: Storage, since: datetime, cooldown: int, days: int) -> None:
    told = 0
    with storage.alert_reader(long=True) as store:
        for service, at in fires(rule, store.activity.moments(rule, instants.to_text(since)), cooldown):
            told += 1
            if told <= _SHOWN:
                typer.echo(f"{at[:19].replace('T', ' ')}  {printable(service)}")
    if told > _SHOWN:
        typer.echo(f"… and {told - _SHOWN:,} more")
    times = "1 message" if told == 1 else f"{told:,} messages"
    typer.echo(
        f"{rule.service}: {rule} would have told {times} in {days} days, "
        f"each at least {shown_duration(max(rule.seconds, cooldown))} after the one before of its service."
    )


@app.command("why")
def why(
    event: Annotated[int, typer.Argument(min=0, help="The event's number, as `recent` shows it.")],
    url: Url = None,
) -> None:
    """Say why you were told of an event, or not."""
    found = Api(url).get(f"/api/errors/{event}/alerts")
    typer.echo(printable(found["answer"]))
    for line in found["ledger"]:
        parts = (line["at"][:19].replace("T", " "), line["channel"] or "", line["what"], line["detail"] or "")
        typer.echo("  ".join(printable(part) for part in parts if part))


def _open(database: str | None) -> Storage:
    settings = CollectorSettings.from_env()
    path = database or settings.database
    if is_address(path):
        hide(path)
    return open_storage(path)


def _post(event: dict[str, Any]) -> None:
    """Send the canary's event to the collector, as a service would."""
    client = ClientSettings.from_env()
    headers = {"X-Levqor-Key": client.key} if client.key else {}
    try:
        answer = httpx.post(f"{client.url}/api/errors/log", json=event, headers=headers, timeout=_POST_SECONDS)
    except httpx.HTTPError as error:
        raise CollectorUnreachableError(f"no collector answers at LEVQOR_ERRORS_URL: {type(error).__name__}") from error
    if answer.status_code not in (200, 201):
        raise CollectorRefusedError(answer.status_code, f"status {answer.status_code}: {answer.text[:200]}")
