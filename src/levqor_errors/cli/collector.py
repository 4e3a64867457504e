"""`levqor-errors collector`: run the collector."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import typer

from ..addresses import shown
from ..collector.app import create_app
from ..collector.server import address_of, bind, serve
from ..config import AlertSettings, CollectorSettings, secret_file
from ..doctor import secret
from .api import shown_url
from .options import Database


def collector(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 8000,
    database: Database = None,
    alerts: Annotated[
        bool, typer.Option("--alerts/--no-alerts", help="Also send alerts; else `levqor-errors alerts` does.")
    ] = True,
) -> None:
    """Run the collector: it takes events, keeps them, and shows them."""
    settings = CollectorSettings.from_env()
    alert_settings = AlertSettings.from_env() if alerts else AlertSettings()
    if database is not None:
        settings = settings._replace(database=database)
    listener = bind(host, port)
    try:
        app = create_app(settings, alert_settings)
    except BaseException:
        listener.close()
        raise
    bound_host = listener.getsockname()[0]
    address = address_of(listener)
    app.state.collector.alerting.address = address
    typer.echo(f"Collector   {address}")
    typer.echo(f"Database    {shown(settings.database)} ({app.state.collector.storage.health()['database']})")
    way_in = f"/login?token={app.state.collector.auth.new_link_token()}"
    typer.echo(f"Sign in     {address}{way_in}")
    if alert_settings.dashboard_url is not None:
        # Whoever reads this on a server has no browser there.
        typer.echo(f"            {shown_url(alert_settings.dashboard_url)}{way_in}")
    typer.echo("            This link works once. Later: the secret, at /login.")
    channels = [f"{one.name} ({one.target})" for one in app.state.collector.alerting.channels]
    typer.echo(f"Alerts      {', '.join(channels) or 'by no channel; see docs/alerts.md'}")
    if settings.internal_secret is None:
        typer.echo(f"Secret      kept in {secret_file(settings.database)}; set INTERNAL_SECRET to choose your own")
    elif len(settings.internal_secret) < secret.SHORT:
        _warn(f"INTERNAL_SECRET is shorter than {secret.SHORT} characters; a longer one cannot be guessed.")
    for variable, recipient in alert_settings.defaults.items():
        _warn(f"Alerts go to {recipient}, the default of {variable}; set it to your own.")
    if not _is_loopback(bound_host):
        _warn(
            f"Listening on {bound_host}: everybody who reaches this machine can send events and try the secret. "
            "Put a proxy with TLS in front."
        )
    if not app.state.collector.storage.health()["wal_fix"]:
        _warn("This SQLite can damage a database in rare cases (fixed in 3.51.3); install pysqlite3 if it has a wheel.")
    serve(app, listener)


def _warn(text: str) -> None:
    typer.secho(f"WARNING     {text}", fg="yellow", err=True)


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
