"""`levqor-errors sourcemaps` as real processes: against a real collector, and against ones that misbehave."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from levqor_errors.storage.source_maps import inflated
from source_map_support import BUNDLE, MAP, dump, map_of, nobody_asks
from support import SECRET, Database, rows, run_command, served

pytestmark = pytest.mark.sqlite
BUILT = BUNDLE.read_text(encoding="utf-8")


def sourcemaps(*arguments: object, url: str = "http://127.0.0.1:9", **environ: str) -> subprocess.CompletedProcess[str]:
    """`levqor-errors sourcemaps …`."""
    settings = {"LEVQOR_ERRORS_URL": url, "INTERNAL_SECRET": SECRET, "COLUMNS": "200", **environ}
    return run_command("sourcemaps", *map(str, arguments), **settings)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """What a bundler left: files with their maps, some in other ways than others."""
    dist = tmp_path / "dist"
    (dist / "chunks" / "[slug]").mkdir(parents=True)
    (dist / "app.js").write_text(BUILT)
    (dist / "app.js.map").write_bytes(MAP)
    inline = f"data:application/json;charset=utf-8;base64,{base64.b64encode(MAP).decode()}"
    (dist / "inline.mjs").write_text(f"a()\n//# sourceMappingURL=old.map\n//# sourceMappingURL={inline}")
    (dist / "quoted.cjs").write_text(f"a()\n//@ sourceMappingURL=data:application/json,{quote(dump(map_of()))}\n")
    (dist / "chunks" / "[slug]" / "a b?c#%.js").write_text("b()\n//# sourceMappingURL=../../maps/b%20c.json?x\n")
    (dist / "maps").mkdir()
    (dist / "maps" / "b c.json").write_bytes(MAP)
    (dist / "hidden.js").write_text("c()")
    (dist / "hidden.js.map").write_bytes(b")]}'\n" + MAP)
    (dist / "plain.js").write_text("no map, and says so")
    (dist / "style.css").write_text("/*# sourceMappingURL=app.js.map */")
    return dist


def test_upload_finds_every_map_and_sends_each_once(dist: Path, collector_url: str, database: Database) -> None:
    done = sourcemaps(
        "upload", "--release", "1.0", "--url-prefix", "https://shop.example/static", dist, url=collector_url
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Release 1.0: 5 uploaded, 1 built file without a map"
    stored = {name: inflated(body) for name, body in rows(database, "SELECT name, map FROM source_maps")}
    assert stored == {
        "~/static/app.js": MAP,
        "~/static/inline.mjs": MAP,
        "~/static/quoted.cjs": dump(map_of()),
        "~/static/chunks/[slug]/a b?c#%.js": MAP,
        "~/static/hidden.js": b")]}'\n" + MAP,
    }
    before = rows(database, "SELECT name, uploaded_at FROM source_maps")
    (dist / "app.js.map").write_bytes(dump(map_of()))
    again = sourcemaps("upload", "-r", "1.0", "--url-prefix", "~/static/", dist, url=collector_url)
    assert again.stdout.splitlines() == [
        "~/static/app.js",
        "Release 1.0: 1 uploaded, 4 there already, 1 built file without a map",
    ]
    assert len(set(before) & set(rows(database, "SELECT name, uploaded_at FROM source_maps"))) == 4


def test_list_and_delete(dist: Path, collector_url: str) -> None:
    assert sourcemaps("list", url=collector_url).stdout == "No source maps.\n"
    for release in ("1.0", "2.0 \x1b[2J\u202e"):
        assert sourcemaps("upload", "-r", release, dist, url=collector_url).returncode == 0
    listed = sourcemaps("list", url=collector_url).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["Release", "2.0", "1.0"]
    assert "\x1b" not in listed
    assert "\u202e" not in listed
    of_one = sourcemaps("list", "-r", "1.0", url=collector_url).stdout
    assert "~/chunks/[slug]/a b?c#%.js" in of_one
    assert len(of_one.splitlines()) == 6
    as_json = json.loads(sourcemaps("list", "-r", "1.0", "--json", url=collector_url).stdout)
    assert len(as_json["maps"]) == 5
    name = "~/chunks/[slug]/a b?c#%.js"
    assert sourcemaps("delete", "-r", "1.0", "--name", name, url=collector_url).stdout == "1 deleted\n"
    assert sourcemaps("delete", "-r", "1.0", url=collector_url).stdout == "4 deleted\n"
    assert sourcemaps("delete", "-r", "1.0", url=collector_url).stdout == "0 deleted\n"


def test_each_bad_map_is_named_and_the_good_ones_go(dist: Path, collector_url: str, database: Database) -> None:
    (dist / "app.js.map").write_bytes(MAP[:100])
    (dist / "hidden.js.map").write_bytes(dump(map_of(mappings="!")))
    (dist / "inline.mjs").write_text("//# sourceMappingURL=data:application/json;base64,AAA\n")
    (dist / "quoted.cjs").write_text("//# sourceMappingURL=data:nothing\n")
    done = sourcemaps("upload", "-r", "1", dist, url=collector_url)
    assert done.returncode == 1
    for path, why in (
        ("app.js", "it is not JSON"), ("hidden.js", "mappings is not in Base64 VLQ"),
        ("inline.mjs", "its data: URL is not in Base64"), ("quoted.cjs", "its data: URL cannot be read"),
    ):  # fmt: skip
        assert f"{dist / path}: its source map cannot be used: {why}" in done.stdout
    assert done.stderr == "levqor-errors: 4 maps cannot be used\n"
    assert rows(database, "SELECT name FROM source_maps") == [("~/chunks/[slug]/a b?c#%.js",)]


def test_a_comment_leads_nowhere_but_into_the_directory(dist: Path, tmp_path: Path, collector_url: str) -> None:
    (tmp_path / "outside.map").write_bytes(MAP)
    with nobody_asks() as stranger:
        addresses = (
            f"{stranger}/a.map", f"//{stranger.partition('//')[2]}/a.map", "../outside.map", tmp_path / "outside.map",
            f"file://{tmp_path}/outside.map", "..%2foutside.map", "missing.map", "\x00", "",
        )  # fmt: skip
        for number, address in enumerate(addresses):
            (dist / f"{number}.js").write_text(f"a()\n//# sourceMappingURL={address}\n")
        done = sourcemaps("upload", "-r", "1", dist, url=collector_url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Release 1: 5 uploaded, 10 built files without a map"


def test_what_is_wrong_is_told_with_what_to_do(dist: Path, tmp_path: Path, collector_url: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "a.js").write_text("a()")
    for arguments, code, why in (
        (("upload", "-r", "1", tmp_path / "empty"), 1, "has no built file"),
        (("upload", "-r", "1", tmp_path / "bare"), 1, "has 1 built file, and no source map; have your bundler write"),
        (("upload", "-r", "1", tmp_path / "nowhere"), 1, "is not a directory"),
        (("upload", "-r", "1", dist, dist), 1, "would both be ~/app.js"),
        (("upload", "-r", "1", "--url-prefix", "x" * 2_000, dist), 1, "--url-prefix is too long"),
        (("upload", "-r", " ", dist), 2, "must not be empty"),
        (("upload", dist), 2, "Missing option '--release'"),
        (("upload", "-r", "x" * 201, dist), 4, "release must have at most 200"),
    ):
        done = sourcemaps(*arguments, url=collector_url)
        assert (done.returncode, why in done.stderr.replace("\n", " ")) == (code, True), done.stdout + done.stderr
    assert sourcemaps("upload", "-r", "1", dist).returncode == 3
    assert sourcemaps("list", url=collector_url, INTERNAL_SECRET="wrong").returncode == 4


def test_a_busy_collector_is_asked_again_and_a_map_that_it_refuses_is_named(dist: Path) -> None:
    tried: dict[str, int] = {}

    async def answer(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"ok": True, "releases": [], "maps": []})
        name = request.query_params["name"]
        tried[name] = tried.get(name, 0) + 1
        if tried[name] < 3:
            return JSONResponse({"error": "later"}, (429, 503)[tried[name] - 1], {"Retry-After": "0"})
        if "inline" in name:
            return JSONResponse({"ok": False, "error": "too large"}, 413)
        assert gzip.decompress(await request.body())
        return JSONResponse({"ok": True, "removed": ["0.9"]}, 201)

    with served(Starlette(routes=[Route("/api/sourcemaps", answer, methods=["GET", "POST"])])) as url:
        done = sourcemaps("upload", "-r", "1", dist, url=url)
    assert done.returncode == 4, done.stdout + done.stderr
    assert len(tried) == 5
    assert set(tried.values()) == {3}
    assert f"{dist / 'inline.mjs'}: the collector says: too large" in done.stdout
    assert "1 of 5 maps were not taken" in done.stderr
