"""One way through the house: imports go downward only, and the client brings nothing of the collector with it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import levqor_errors
from support import clean_environ

PACKAGE = "levqor_errors"
ROOT = Path(levqor_errors.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

#: The folders of the package, and which of the others each may import. The modules beside them (`event`, `clean`, …)
#: are the ground that all stand on; they stand on nothing but each other.
BELOW: dict[str, frozenset[str]] = {
    "": frozenset(),
    "client": frozenset(),
    "integrations": frozenset({"client"}),
    "storage": frozenset(),
    "alerts": frozenset({"storage"}),
    "collector": frozenset({"storage", "alerts"}),
    "doctor": frozenset({"client", "storage", "alerts", "collector"}),
    "demo": frozenset({"client", "storage", "alerts", "collector"}),
    "cli": frozenset({"client", "storage", "alerts", "collector", "doctor", "demo"}),
}
#: These are doors into the package and no part of its ground.
DOORS: dict[str, frozenset[str]] = {
    "__init__": frozenset({"client"}),
    "__main__": frozenset({"cli"}),
    "testing": frozenset({"client"}),
}
#: What a service gets with the client is what it has to live with.
THIRD_PARTY: dict[str, frozenset[str]] = {
    "": frozenset({"platformdirs"}),
    "client": frozenset({"httpx"}),
    "storage": frozenset({"orjson", "psycopg", "psycopg_pool", "pysqlite3", "sqlite_utils"}),
}
HEAVY = (
    "anyio", "asyncio", "certifi", "celery", "django", "fastapi", "flask", "h11", "httpcore", "httptools", "httpx",
    "jinja2", "multipart", "orjson", "prometheus_client", "psycopg", "pysqlite3", "rich", "schedule", "sqlite3",
    "sqlite_utils", "ssl", "starlette", "typer", "uvicorn", "uvloop",
)  # fmt: skip


class Import(NamedTuple):
    """One import of one file."""

    file: str
    line: int
    #: Absolute: `levqor_errors.storage.base`, `orjson`.
    module: str

    @property
    def top(self) -> str:
        """The distribution, roughly."""
        return self.module.partition(".")[0]

    @property
    def folder(self) -> str:
        """Which folder of ours it is from; empty for the modules beside them."""
        name = self.module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]
        return name if (ROOT / name).is_dir() else ""

    @property
    def door(self) -> str:
        """Which door of ours it is, if any."""
        name = self.module.removeprefix(PACKAGE).lstrip(".")
        return name if name in DOORS else ""


def folder_of(path: Path) -> str:
    """The folder of the package that a file is in; empty beside them."""
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else ""


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, those within functions and for type checkers only as well."""
    name = str(path.relative_to(ROOT))
    package = [PACKAGE, *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield Import(name, node.lineno, module)
            if module.partition(".")[0] == PACKAGE:
                # `from . import limits` imports a module under that name, where there is one.
                for alias in node.names:
                    target = ROOT.joinpath(*module.split(".")[1:], alias.name)
                    if target.is_dir() or target.with_suffix(".py").exists():
                        yield Import(name, node.lineno, f"{module}.{alias.name}")
                    elif module == PACKAGE:
                        yield Import(name, node.lineno, f"{PACKAGE}.__init__")


def all_imports(*folders: str) -> Iterator[Import]:
    """Every import of these folders' files; of the modules beside them for the empty name."""
    for path in FILES:
        is_door = folder_of(path) == "" and path.stem in DOORS
        if folder_of(path) in folders and not is_door:
            yield from imports_of(path)


def test_the_reader_of_imports_reads_them() -> None:
    """Of each kind of import one that is known to be there; a reader that sees none would pass everything below."""
    found = {(entry.file, entry.module) for entry in all_imports(*BELOW)}
    assert ("event.py", "levqor_errors.clean") in found
    assert ("event.py", "levqor_errors.limits") in found
    assert ("collector/ingest.py", "levqor_errors.storage") in found
    assert ("collector/answers.py", "orjson") in found
    assert ("storage/protocol.py", "levqor_errors.errors") in found
    assert ("client/client.py", "levqor_errors.severity") in found
    assert any(entry.folder == "storage" for entry in all_imports("collector"))


def test_every_folder_has_its_place() -> None:
    folders = {path.name for path in ROOT.iterdir() if any(path.glob("*.py"))}
    assert folders <= BELOW.keys(), "say in BELOW what it may import"


@pytest.mark.parametrize("folder", BELOW)
def test_imports_go_downward_only(folder: str) -> None:
    allowed = BELOW[folder] | {folder, ""}
    ours = [entry for entry in all_imports(folder) if entry.top == PACKAGE]
    assert [entry for entry in ours if entry.folder not in allowed or entry.door] == []


@pytest.mark.parametrize("door", DOORS)
def test_a_door_leads_where_it_says(door: str) -> None:
    path = ROOT / f"{door}.py"
    if path.exists():
        assert {entry.folder for entry in imports_of(path) if entry.top == PACKAGE} <= DOORS[door] | {""}


@pytest.mark.parametrize("folder", THIRD_PARTY)
def test_only_what_is_needed_comes_from_elsewhere(folder: str) -> None:
    known = sys.stdlib_module_names | THIRD_PARTY[folder] | {PACKAGE}
    assert [entry for entry in all_imports(folder) if entry.top not in known] == []


def test_nothing_is_imported_by_the_package_s_own_name() -> None:
    """Relative imports only: a copy of the package under another name would otherwise mix with the installed one."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level or (node.module or "").partition(".")[0] != PACKAGE, f"{path.name}:{node.lineno}"
            elif isinstance(node, ast.Import):
                assert all(alias.name.partition(".")[0] != PACKAGE for alias in node.names), (
                    f"{path.name}:{node.lineno}"
                )


def run_python(code: str) -> str:
    """What a fresh interpreter prints."""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean_environ(), check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


def test_importing_the_client_is_light() -> None:
    loaded = run_python(
        "import sys; before = set(sys.modules); import levqor_errors; print(*sorted(set(sys.modules) - before))"
    ).split()
    assert "levqor_errors.client" in loaded
    assert sorted({name.partition(".")[0] for name in loaded} & set(HEAVY)) == []
    folders = {name.split(".")[1] for name in loaded if name.startswith(f"{PACKAGE}.")}
    assert not folders & {"collector", "storage", "cli", "alerts", "integrations"}


def test_importing_the_client_starts_and_leaves_nothing() -> None:
    said = run_python(
        """
import logging, os, signal, sys, threading

def hooks():
    return sys.excepthook, threading.excepthook, sys.unraisablehook, signal.getsignal(signal.SIGINT)

def files():
    return os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []

before = hooks(), len(files())
import levqor_errors
print(threading.active_count(), (hooks(), len(files())) == before, len(logging.getLogger().handlers))
"""
    )
    assert said.split() == ["1", "True", "0"]


def test_importing_the_collector_starts_nothing() -> None:
    said = run_python("import threading, levqor_errors.collector.app; print(threading.active_count())")
    assert said.split() == ["1"]
