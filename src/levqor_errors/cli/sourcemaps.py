"""`levqor-errors sourcemaps`: upload the source maps of a release, list them, delete them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ..errors import CollectorRefusedError, SourceMapError
from ..printable import printable
from .api import Api
from .map_files import MapFile, find_maps
from .options import Url

PATH: Final = "/api/sourcemaps"
app = typer.Typer(help="Source maps: errors of built JavaScript with the lines of their source.", no_args_is_help=True)

Release = Annotated[str, typer.Option("--release", "-r", help="The release, as the events have it.")]
AsJson = Annotated[bool, typer.Option("--json", help="One object, as the collector answers.")]


@app.command()
def upload(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Where the built files and their maps are.")
    ],
    release: Release,
    url_prefix: Annotated[
        str, typer.Option(help="Where a DIR's content is in the browser: ~/static/, or a URL; hosts do not count.")
    ] = "~/",
    url: Url = None,
) -> None:
    """Upload the maps of all .js, .mjs and .cjs files in a directory. What is there already is left out.

    A map is found by the file's sourceMappingURL comment, which may hold it, or beside it as FILE.map.
    """
    if not release.strip():
        raise typer.BadParameter("must not be empty", param_hint="--release")
    api = Api(url)
    console = Console(highlight=False, soft_wrap=True)
    files = list(find_maps(directories, url_prefix))
    bad = [file for file in files if file.trouble is not None]
    good = [file for file in files if file.digest is not None]
    for file in bad:
        console.print(Text(f"{printable(str(file.path))}: its source map cannot be used: {file.trouble}", "red"))
    if not files or not (good or bad):
        where = ", ".join(map(str, directories))
        raise SourceMapError(
            f"{printable(where)} has {_files(len(files)) if files else 'no built file'}, and no source map;"
            " have your bundler write them (esbuild and Vite: sourcemap: true or 'hidden'; webpack: devtool)"
        )
    known = {one["name"]: one["digest"] for one in api.get(PATH, {"release": release})["maps"]}
    new = [file for file in good if known.get(file.name) != file.digest]
    for name in _upload(api, release, new, console):
        console.print(
            f"Release {printable(name)} has lost source maps: there is room for newer ones only", markup=False
        )
    console.print(_summary(release, len(new), len(good) - len(new), len(files) - len(good) - len(bad)), markup=False)
    if bad:
        raise SourceMapError("1 map cannot be used" if len(bad) == 1 else f"{len(bad):,} maps cannot be used")


def _upload(api: Api, release: str, files: list[MapFile], console: Console) -> list[str]:
    """Upload them; returns the releases that had to make room."""
    removed: dict[str, None] = {}
    refused: list[str] = []
    with _progress(console, len(files)) as advance:
        for file in files:
            try:
                params = {"release": release, "name": _address(file.name)}
                answer = api.post(PATH, params, gzip.compress(file.read(), mtime=0))
            except CollectorRefusedError as error:
                if error.status not in (400, 413):
                    raise
                # This one's own fault; the others may still be taken.
                refused.append(f"{printable(str(file.path))}: {error}")
            else:
                removed.update(dict.fromkeys(answer["removed"]))
            advance(file)
    for line in refused:
        console.print(Text(line, "red"))
    if refused:
        raise CollectorRefusedError(400, f"{len(refused):,} of {len(files):,} maps were not taken")
    return list(removed)


def _address(name: str) -> str:
    """A map's name as a path of a URL: any character may be in a file's name."""
    return f"~/{quote(name.removeprefix('~/'))}"


@contextmanager
def _progress(console: Console, files: int) -> Iterator[Callable[[MapFile], None]]:
    """A bar on a terminal, else a line for each file."""
    if not console.is_terminal or not files:
        yield lambda file: console.print(printable(file.name), markup=False)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("Uploading", total=files)
        yield lambda _: bars.advance(task)


def _summary(release: str, uploaded: int, there: int, without: int) -> str:
    parts = [f"{uploaded:,} uploaded"]
    if there:
        parts.append(f"{there:,} there already")
    if without:
        parts.append(f"{_files(without)} without a map")
    return f"Release {printable(release)}: {', '.join(parts)}"


def _files(number: int) -> str:
    return "1 built file" if number == 1 else f"{number:,} built files"


@app.command("list")
def list_(
    release: Annotated[str | None, typer.Option("--release", "-r", help="The maps of this one.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List the releases that have maps, or the maps of one."""
    answer = Api(url).get(PATH, {"release": release} if release else {})
    if as_json:
        typer.echo(json.dumps(answer))
        return
    console = Console(highlight=False)
    if not answer["releases"]:
        console.print("No source maps.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Map" if release else "Release", overflow="fold")
    for column in ("Size", "Uploaded (UTC)") if release else ("Maps", "Size", "Uploaded (UTC)"):
        table.add_column(column, no_wrap=True, justify="left" if column.startswith("Up") else "right")
    for one in answer["maps"] if release else answer["releases"]:
        table.add_row(*map(Text, _cells(one, named=release is not None)))
    console.print(table)


def _cells(one: dict[str, Any], *, named: bool) -> Iterator[str]:
    yield printable(one["name"] if named else one["release"])
    if not named:
        yield f"{one['maps']:,}"
    yield f"{one['stored_bytes'] / 1024:,.0f} KB"
    yield one["uploaded_at"][:19].replace("T", " ")


@app.command()
def delete(
    release: Release,
    name: Annotated[str | None, typer.Option(help="Only this map, as `list` shows it.")] = None,
    url: Url = None,
) -> None:
    """Delete the maps of a release."""
    params = {"release": release, **({"name": _address(name)} if name else {})}
    deleted = Api(url).delete(PATH, params)["deleted"]
    typer.echo(f"{deleted:,} deleted")
