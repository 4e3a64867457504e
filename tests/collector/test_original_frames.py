"""An event's frames as they are in the source: found by release and path, bounded, and never fetched from anywhere."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from levqor_errors import limits
from levqor_errors.collector.original_frames import OriginalFrames
from levqor_errors.storage import Storage, open_storage
from levqor_errors.storage.source_maps import NewMap, new_map
from source_map_support import MAP, dump, map_of, place_of
from support import Database

URL = "https://shop.example/static/app.js?v=3"


@pytest.fixture
def storage(database: Database) -> Iterator[Storage]:
    with closing(open_storage(str(database))) as storage:
        yield storage


def put(storage: Storage, body: bytes = MAP, name: str = "~/static/app.js", release: str = "1") -> None:
    """Upload a map."""
    with storage.source_maps() as maps:
        maps.put(new_map(release, name, str(hash(body)), body), most_bytes=10**9, now="2026-11-23T00:00:00.000Z")


def frame(text: str, function: str, after: int = 0, file: str = URL) -> dict[str, Any]:
    """A frame at a text in the bundle."""
    line, column = place_of(text, after)
    return {"file": file, "line": line, "column": column, "function": function, "in_app": True}


def event(*frames: object, release: str | None = "1", **context: object) -> dict[str, Any]:
    """An event, as the storage gives it."""
    return {"id": 1, "release": release, "context": {"exceptions": [{"type": "n", "frames": [*frames]}], **context}}


#: As Chromium reports it, the innermost last.
STACK = (
    frame("()=>d()", "HTMLButtonElement.<anonymous>", 4),
    frame("&&l(e)", "d", 2),
    frame("a().total()", "l", 4),
    frame("return i(", "t.total", 7),
    frame("throw new n(", "i", 6),
)


def frames_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Its frames."""
    frames: list[dict[str, Any]] = found["context"]["exceptions"][0]["frames"]
    return frames


def test_a_stack_is_shown_as_it_is_in_the_source(storage: Storage) -> None:
    put(storage)
    given = event(*STACK, other=1)
    before = copy.deepcopy(given)
    found, notes = OriginalFrames(storage).resolve(given)
    assert notes == []
    assert given == before
    assert [(one["file"], one["line"], one["function"], one["source"].strip()[:61]) for one in frames_of(found)] == [
        ("src/main.ts", 22, "HTMLButtonElement.<anonymous>",
         'document.querySelector("button")?.addEventListener("click", ('),
        ("src/main.ts", 18, "checkOut", "showTotal(where);"),
        ("src/main.ts", 11, "showTotal", "const total = fillCart().total();"),
        # No other name was given to the method, so the map has none; it is as the browser says.
        ("src/cart.ts", 16, "t.total", "return addPrices(this.articles.map((article) => article.price"),
        ("src/money.ts", 17, "addPrices",
         "throw new CurrencyError(`${price.currency} cannot be added to"),
    ]  # fmt: skip
    last = frames_of(found)[-1]
    assert (last["in_app"], len(last["before"]), len(last["after"])) == (True, limits.SOURCE_LINES, limits.SOURCE_LINES)
    assert last["built"] == {key: STACK[-1][key] for key in ("file", "line", "column", "function")}
    assert found["context"]["other"] == 1


def test_without_a_map_of_its_release_an_event_is_as_it_came(storage: Storage) -> None:
    frames = OriginalFrames(storage)
    assert frames.resolve(event(*STACK)) == (event(*STACK), [])
    put(storage, release="2")
    for release in ("1", None, ""):
        assert frames.resolve(event(*STACK, release=release)) == (event(*STACK, release=release), [])
    # Maps may come later.
    put(storage)
    assert frames_of(frames.resolve(event(*STACK)).event)[-1]["file"] == "src/money.ts"


def test_a_file_is_found_by_its_path_or_if_it_is_the_only_one_of_its_name(storage: Storage) -> None:
    put(storage, name="~/old/place/app.js")
    frames = OriginalFrames(storage)
    assert frames_of(frames.resolve(event(STACK[-1])).event)[0]["file"] == "src/money.ts"
    put(storage, dump(map_of()), name="~/other/app.js")
    found, notes = frames.resolve(event(STACK[-1]))
    assert frames_of(found) == [STACK[-1]]
    assert notes == ["Release 1 has source maps, but none for ~/static/app.js: there are 2 others of that file name."]
    put(storage)
    assert frames_of(frames.resolve(event(STACK[-1])).event)[0]["file"] == "src/money.ts"
    elsewhere = frames.resolve(event({**STACK[-1], "file": "https://ads.example/x.js"}))
    assert elsewhere.notes == ["Release 1 has source maps, but none for ~/x.js: see --url-prefix of the upload."]


def test_a_map_that_is_replaced_is_read_anew(storage: Storage) -> None:
    put(storage)
    frames = OriginalFrames(storage)
    assert frames_of(frames.resolve(event(STACK[-1])).event)[0]["file"] == "src/money.ts"
    put(storage, dump(map_of(sources=["new.js"])))
    assert frames_of(frames.resolve(event(STACK[-1])).event)[0]["file"] == "new.js"


@pytest.mark.parametrize(
    ("source", "shown", "in_app"),
    [
        ("webpack://shop/./src/a.js", "src/a.js", True),
        ("webpack:///./src/a.js?1a2b", "src/a.js?1a2b", True),
        ("webpack:///webpack/bootstrap", "webpack/bootstrap", False),
        ("webpack://shop/./node_modules/react/index.js", "node_modules/react/index.js", False),
        ("../../../node_modules/.pnpm/a@1/node_modules/a/b.js", "node_modules/.pnpm/a@1/node_modules/a/b.js", False),
        ("../../src/a.ts", "src/a.ts", True),
        ("turbopack:///[project]/app/page.tsx", "app/page.tsx", True),
        ("/home/ci/shop/src/a.js", "home/ci/shop/src/a.js", True),
        ("https://other.example/a.js", "a.js", True),
        ("not_node_modules/a.js", "not_node_modules/a.js", True),
        ("\x00\ud800", "\N{REPLACEMENT CHARACTER}" * 2, True),
        (None, URL, True),
    ],
)
@pytest.mark.sqlite
def test_how_sources_are_shown(storage: Storage, source: str | None, shown: str, in_app: bool) -> None:
    put(storage, dump(map_of(sources=[source])))
    (found,) = frames_of(OriginalFrames(storage).resolve(event({**STACK[-1], "function": None})).event)
    assert (found["file"], found["in_app"], found["function"]) == (shown, in_app, None)
    assert "source" not in found


@pytest.mark.sqlite
def test_functions_keep_what_the_browser_says_before_their_name(storage: Storage) -> None:
    body = dump(map_of([[(0, 0, 0, 0, 0)]], names=["load"]))
    put(storage, body)
    at = {"file": URL, "line": 1, "column": 1}
    for built, shown in (
        ("async r", "async load"), ("new r", "new load"), ("Object.r", "load"), ("", "load"), (None, "load"),
    ):  # fmt: skip
        _, found = frames_of(OriginalFrames(storage).resolve(event(at, {**at, "function": built})).event)
        assert found["function"] == shown
    # A browser's own function between them, which no map knows: who calls it is not who calls the next one.
    *_, found = frames_of(
        OriginalFrames(storage).resolve(event(at, {"function": "map"}, {**at, "function": "r"})).event
    )
    assert found["function"] == "r"


@pytest.mark.sqlite
def test_long_lines_are_shown_around_the_place(storage: Storage) -> None:
    long = "".join(f"{number:04}" for number in range(1_000))
    put(storage, dump(map_of([[(0, 0, 1, 2_000)]], sourcesContent=[f"{long}\n{long}\nshort"])))
    (found,) = frames_of(OriginalFrames(storage).resolve(event(STACK[-1])).event)
    assert found["source"] == f"…{long[1_900:2_100]}…"
    assert (found["before"], found["after"]) == ([f"{long[:200]}…"], ["short"])


HOSTILE: list[object] = [
    None, 5, "frame", [], {}, {"file": 5, "line": 1, "column": 1}, {"file": URL},
    {"file": URL, "line": "1", "column": 1},
    {"file": URL, "line": True, "column": True}, {"file": URL, "line": 10**18, "column": 10**18},
    {"file": URL, "line": -1, "column": -1}, {"file": "https://[", "line": 1, "column": 1},
    {"file": "x" * 8_192, "line": 1, "column": 1}, {"file": "/\x00../../etc/passwd", "line": 1, "column": 1},
    {"file": "/%' OR 1=1 --", "line": 1, "column": 1}, {"file": URL, "line": 1.0, "column": 1.0},
]  # fmt: skip


def test_hostile_frames_are_left_as_they_are(storage: Storage) -> None:
    put(storage)
    found, _ = OriginalFrames(storage).resolve(event(*HOSTILE, STACK[-1]))
    assert frames_of(found)[:-1] == HOSTILE
    assert frames_of(found)[-1]["file"] == "src/money.ts"
    shapes: list[Any] = [None, 5, [None], [{"frames": None}], [{"frames": {}}], [[]], {"frames": []}, "x"]
    for shape in shapes:
        given = {"id": 1, "release": "1", "context": {"exceptions": shape}}
        assert OriginalFrames(storage).resolve(given) == (given, [])
    mixed = [None, {"type": "x"}, {"frames": [STACK[-1]]}]
    found, _ = OriginalFrames(storage).resolve({"id": 1, "release": "1", "context": {"exceptions": mixed}})
    assert found["context"]["exceptions"][:2] == mixed[:2]
    assert found["context"]["exceptions"][2]["frames"][0]["file"] == "src/money.ts"


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        (zlib.compress(MAP)[:100], "it is not JSON"),
        (b"no zlib", "it is damaged in the database"),
        (zlib.compress(b"{}"), "its version is not 3"),
    ],
)
def test_a_damaged_map_is_told_and_the_others_are_shown(storage: Storage, kept: bytes, why: str) -> None:
    put(storage)
    with storage.source_maps() as maps:
        maps.put(NewMap("1", "~/static/bad.js", "0" * 64, 100, kept), most_bytes=10**9, now="2026-11-23")
    bad = {**STACK[-1], "file": "/static/bad.js"}
    found, notes = OriginalFrames(storage).resolve(event(bad, bad, STACK[-1]))
    assert frames_of(found)[:2] == [bad, bad]
    assert frames_of(found)[2]["file"] == "src/money.ts"
    assert notes == [f"The source map of ~/static/bad.js cannot be used: {why}."]


@pytest.mark.sqlite
def test_one_event_does_not_have_every_map_read(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        put(storage, dump(map_of(sources=[f"{number}.js"])), name=f"~/{number}.js")
    files = [{"file": f"/{number}.js", "line": 1, "column": 1} for number in range(30)]
    found, notes = OriginalFrames(storage).resolve(event(*files))
    assert [one["file"] for one in frames_of(found)] == [f"{n}.js" if n < 20 else f"/{n}.js" for n in range(30)]
    assert notes == ["Not all source maps of this event were read: it has frames of more than 20 files."]
    monkeypatch.setattr(limits, "SOURCE_MAP_SECONDS", -1.0)
    found, notes = OriginalFrames(storage).resolve(event(*files))
    assert frames_of(found) == files
    assert notes == ["Not all frames of this event were looked up: it would have taken too long."]
    unknown = [{"file": f"/x{number}", "line": 1, "column": 1} for number in range(1_000)]
    assert len(OriginalFrames(storage).resolve(event(*unknown)).notes) == 5


@pytest.mark.sqlite
def test_what_is_kept_of_maps_is_bounded(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SOURCE_MAP_CACHE_BYTES", 100_000)
    frames = OriginalFrames(storage)
    for number in range(5):
        body = dump(map_of(sources=[f"{number}.js"], sourcesContent=["x" * 30_000]))
        put(storage, body, name=f"~/{number}.js")
        frames.resolve(
            event({"file": "/0.js", "line": 1, "column": 1}, {"file": f"/{number}.js", "line": 1, "column": 1})
        )
    assert len(frames._kept) == 3
    assert 90_000 < frames._bytes <= 100_000
    # The one that was used all the time is among them.
    with storage.source_map_reader() as maps:
        assert maps.digest("1", "~/0.js") in frames._kept
    put(storage, dump(map_of(sourcesContent=["x" * 200_000])), name="~/huge.js")
    frames.resolve(event({"file": "/huge.js", "line": 1, "column": 1}))
    assert (frames._kept, frames._bytes) == ({}, 0)
