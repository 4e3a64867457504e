"""The command line. A file a command; `api.py` talks to the collector.

Exit codes: 0 done, 1 cannot do it (a setting, a file, a port), or the doctor found what does not work, 2 wrong usage,
3 no collector answers, 4 the collector refuses (wrong secret or key, invalid event).
"""

from __future__ import annotations

import os
import sys

import typer

from ..errors import CollectorRefusedError, CollectorUnreachableError, LevqorError
from ..version import VERSION
from . import alerts, backup, collector, demo, doctor, log, migrate_storage, recent, sourcemaps

app = typer.Typer(
    name="levqor-errors",
    help="An error monitor that you own: one process, one SQLite file.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("collector")(collector.collector)
app.add_typer(alerts.app, name="alerts")
app.command("backup")(backup.backup)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("log")(log.log)
app.command("recent")(recent.recent)
app.command("tail")(recent.tail)
app.add_typer(sourcemaps.app, name="sourcemaps")
app.command("migrate-storage")(migrate_storage.migrate_storage)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"levqor-errors {VERSION}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """An error monitor that you own: one process, one SQLite file."""


def run() -> None:
    """Run the command line; an error of ours is one line and an exit code, never a traceback."""
    try:
        app()
    except CollectorUnreachableError as error:
        _fail(error, 3)
    except CollectorRefusedError as error:
        _fail(error, 4)
    except LevqorError as error:
        _fail(error, 1)
    except BrokenPipeError:
        # `| head` has what it wanted. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: LevqorError, code: int) -> None:
    typer.secho(f"levqor-errors: {error}", err=True, fg="red")
    sys.exit(code)
