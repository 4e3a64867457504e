"""Reading source maps: what a real bundler writes, all that the standard allows, and what nobody should."""

from __future__ import annotations

import contextlib
import json
from bisect import bisect_right
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levqor_errors import limits
from levqor_errors.errors import SourceMapError
from levqor_errors.source_map import SourceMap, name_of
from source_map_support import BUILT, MAP, Segment, dump, map_of, place_of

QUICK = settings(deadline=None, database=None, derandomize=True)


def test_every_place_of_a_real_bundle_is_where_another_reader_finds_it() -> None:
    read = SourceMap(MAP)
    places = json.loads((BUILT / "places.json").read_text())
    assert len(places) > 700
    for line, column, *expected in places:
        found = read.find(line, column)
        assert ([found.source, found.line, found.column] if found else [None]) == expected, (line, column)


def test_a_place_comes_with_its_name_and_its_lines() -> None:
    found = SourceMap(MAP).find(*place_of("throw new n(", len("throw new ")))
    assert found is not None
    assert (found.source, found.line, found.name, found.ignored) == ("src/money.ts", 17, "CurrencyError", False)
    assert found.text is not None
    assert found.text.strip().startswith("throw new CurrencyError(")
    source = (BUILT / "src/money.ts").read_text(encoding="utf-8").split("\n")
    assert [*found.before, found.text, *found.after] == source[11:22]


def test_a_name_counts_only_where_it_begins() -> None:
    read = SourceMap(dump(map_of([[(0, 0, 0, 0, 0), (5, 0, 0, 9)]], names=["total"])))
    assert [(one := read.find(1, column)) and one.name for column in (1, 2, 5, 6)] == ["total", None, None, None]


#: Lines of segments in the order of their columns, as a bundler may write them.
_NUMBER = st.integers(0, 2**31 - 1)
_SEGMENT = st.one_of(
    st.tuples(_NUMBER),
    st.tuples(_NUMBER, st.integers(0, 2), _NUMBER, _NUMBER),
    st.tuples(_NUMBER, st.integers(0, 2), _NUMBER, _NUMBER, st.integers(0, 3)),
)
_LINES = st.lists(
    st.lists(_SEGMENT, max_size=6, unique_by=lambda segment: segment[0]).map(sorted), min_size=1, max_size=6
)


@QUICK
@given(_LINES, st.integers(1, 8), st.integers(1, 2**31))
def test_what_was_written_is_found(lines: list[list[Segment]], line: int, column: int) -> None:
    sources, names = ["a.js", "b.js", "c.js"], ["one", "two", "three", "four"]
    read = SourceMap(dump(map_of(lines, sources=sources, names=names)))
    wanted = [(number, *segment[:1]) for number, one in enumerate(lines, 1) for segment in one]
    for at_line, at_column in [(line, column), *((one, two + 1) for one, two in wanted)]:
        segments = lines[at_line - 1] if at_line <= len(lines) else []
        at = bisect_right([segment[0] for segment in segments], at_column - 1) - 1
        segment = segments[at] if at >= 0 else ()
        found = read.find(at_line, at_column)
        if len(segment) < 4:
            assert found is None
            continue
        assert found is not None
        assert (found.source, found.line, found.column) == (sources[segment[1]], segment[2] + 1, segment[3] + 1)
        named = len(segment) == 5 and segment[0] == at_column - 1
        assert found.name == (names[segment[4]] if named else None)


@QUICK
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: dump(map_of(mappings=text))))
def test_anything_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(SourceMapError):
        SourceMap(body).find(1, 1)


def test_segments_out_of_order_are_put_in_order() -> None:
    read = SourceMap(dump(map_of([[(9, 0, 3, 0), (2, 0, 5, 0), (4,), (0, 0, 7, 0)], [(1, 0, 1, 1)]])))
    assert [(one := read.find(1, column)) and one.line for column in (1, 2, 3, 4, 5, 9, 10)] == [
        8,
        8,
        6,
        6,
        None,
        None,
        4,
    ]
    assert read.find(2, 1) is None
    assert read.find(2, 2) is not None


def test_an_index_map_is_read_by_its_sections() -> None:
    parts = [
        {"offset": {"line": 0, "column": 0}, "map": map_of([[(0, 0, 0, 0)]], sources=["first.js"])},
        {
            "offset": {"line": 0, "column": 100},
            "map": map_of([[(0, 0, 10, 0)], [(3, 0, 11, 0)]], sources=["second.js"]),
        },
        {"offset": {"line": 5, "column": 0}, "map": json.loads(MAP)},
    ]
    read = SourceMap(dump({"version": 3, "sections": parts}))
    expected = {
        (1, 1): ("first.js", 1), (1, 100): ("first.js", 1), (1, 101): ("second.js", 11), (1, 500): ("second.js", 11),
        (2, 3): None, (2, 4): ("second.js", 12), (4, 1): None,
    }  # fmt: skip
    for place, wanted in expected.items():
        found = read.find(*place)
        assert (found and (found.source, found.line)) == wanted, place
    line, column = place_of("throw new n(")
    assert read.find(line + 5, column) == SourceMap(MAP).find(line, column)
    assert read.bytes > SourceMap(MAP).bytes


@pytest.mark.parametrize("key", ["ignoreList", "x_google_ignoreList"])
def test_sources_that_are_not_the_developers_own(key: str) -> None:
    read = SourceMap(dump(map_of([[(0, 0, 0, 0), (5, 1, 0, 0)]], sources=["a.js", "b.js"], **{key: [1, "x", None]})))
    assert [(one := read.find(1, column)) and one.ignored for column in (1, 6)] == [False, True]


def test_what_is_in_front_of_a_map_and_of_its_sources() -> None:
    body = b")]}'\n" + dump(map_of(sources=["src/a.js"], sourceRoot="webpack://shop"))
    found = SourceMap(body).find(1, 1)
    assert found is not None
    assert found.source == "webpack://shop/src/a.js"
    nameless = SourceMap(dump(map_of(sources=[None], sourceRoot="x/"))).find(1, 1)
    assert nameless is not None
    assert nameless.source == ""


def test_lines_end_as_in_javascript() -> None:
    content = "0\n1\r\n2\r3\u20284\u20295\x0b5\x0c5\x855\n6"
    for line, text in enumerate(["0", "1", "2", "3", "4", "5\x0b5\x0c5\x855", "6"]):
        found = SourceMap(dump(map_of([[(0, 0, line, 0)]], sourcesContent=[content]))).find(1, 1)
        assert found is not None
        assert found.text == text
        assert len(found.before) == min(line, limits.SOURCE_LINES)
        assert len(found.after) == min(6 - line, limits.SOURCE_LINES)


@pytest.mark.parametrize("fields", [{}, {"sourcesContent": None}, {"sourcesContent": [None]}, {"sourcesContent": []}])
def test_without_sources_there_are_no_lines(fields: dict[str, Any]) -> None:
    found = SourceMap(dump(map_of(**fields))).find(1, 1)
    assert found is not None
    assert (found.before, found.text, found.after) == ([], None, [])


def test_a_line_that_the_source_does_not_have() -> None:
    for line in (3, 2**31 - 1):
        found = SourceMap(dump(map_of([[(0, 0, line, 0)]], sourcesContent=["a\nb"]))).find(1, 1)
        assert found is not None
        assert (found.line, found.text) == (line + 1, None)


@pytest.mark.parametrize("place", [(0, 1), (1, 0), (-1, -1), (2, 1), (10**30, 1), (1, -(10**30))])
def test_places_that_no_file_has(place: tuple[int, int]) -> None:
    assert SourceMap(dump(map_of())).find(*place) is None


def _index(*sections: object) -> bytes:
    return dump({"version": 3, "sections": list(sections)})


_START = {"line": 0, "column": 0}
NONE: list[tuple[bytes, str]] = [
    (b"", "not JSON"),
    (b"\xff\xfe\x00", "not JSON"),
    (b"<!doctype html>", "not JSON"),
    (b")]}'", "not JSON"),
    (b"1" * 5_000, "not JSON"),
    (b"[" * 100_000, "nested too deeply"),
    (b"[]", "not a JSON object"),
    (b"null", "not a JSON object"),
    (b"{}", "version is not 3"),
    (dump(map_of(version="3")), "version is not 3"),
    (dump(map_of(version=2)), "version is not 3"),
    (b'{"version": 3}', "mappings must be a string"),
    (dump(map_of(mappings=None)), "mappings must be a string"),
    (dump(map_of(mappings="AAAA!")), "not in Base64 VLQ"),
    (dump(map_of(mappings="ä")), "not in Base64 VLQ"),
    (dump(map_of(mappings="gggggggggggA")), "not in Base64 VLQ"),
    (dump(map_of(mappings="g" * 1_000_000)), "not in Base64 VLQ"),
    (dump(map_of(mappings="AAAAg")), "neither 1, 4 nor 5"),
    (dump(map_of(mappings="AA")), "neither 1, 4 nor 5"),
    (dump(map_of(mappings="AAA")), "neither 1, 4 nor 5"),
    (dump(map_of(mappings="A" * 1_000_000)), "neither 1, 4 nor 5"),
    (dump(map_of(mappings="D")), "a negative line or column"),
    (dump(map_of(mappings="AADA")), "a negative line or column"),
    (dump(map_of(mappings="AAAD")), "a negative line or column"),
    (dump(map_of(mappings="AFAA")), "a source that is not"),
    (dump(map_of(mappings="ACAA")), "a source that is not"),
    (dump(map_of(mappings="AAAAA")), "a name that is not"),
    (dump(map_of(mappings="AAAAF", names=["a"])), "a name that is not"),
    (dump(map_of(mappings=",".join(["+/////D"] * 2))), "no file has"),
    (dump(map_of(sources="a.js")), "sources must be a list"),
    (dump(map_of(sources=[1])), "sources must be a list"),
    (dump(map_of(names=[["a"]])), "names must be a list"),
    (dump(map_of(sourcesContent=[{}])), "sourcesContent must be a list"),
    (dump(map_of(sourceRoot=1)), "sourceRoot must be"),
    (dump({"version": 3, "sections": {}}), "sections must be a list"),
    (_index(*[{}] * 10_001), "sections must be a list"),
    (_index(1), "must have a map"),
    (_index({"offset": _START, "url": "http://127.0.0.1/a.map"}), "must have a map"),
    (_index({"offset": _START, "map": {"version": 3, "sections": []}}), "must have a map"),
    (_index({"map": map_of()}), "must have an offset"),
    (_index({"offset": {"line": -1, "column": 0}, "map": map_of()}), "must have an offset"),
    (_index({"offset": {"line": 0.5, "column": 0}, "map": map_of()}), "must have an offset"),
    (_index(*[{"offset": _START, "map": map_of()}] * 2), "in the order of their offsets"),
]


@pytest.mark.parametrize(("body", "why"), NONE)
def test_what_is_no_map_is_refused_with_the_reason(body: bytes, why: str) -> None:
    with pytest.raises(SourceMapError, match=why):
        SourceMap(body)


def test_what_would_take_too_much_is_refused_before_it_does(
    monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    monkeypatch.setattr(limits, "SOURCE_MAP_SEGMENTS", 100)
    monkeypatch.setattr(limits, "SOURCE_MAP_VALUES", 1_000)
    monkeypatch.setattr(limits, "SOURCE_MAP_BYTES", 10_000)
    half = {"map": map_of(mappings=";" * 40)}
    for body, why in (
        (dump(map_of(x="y" * 10_000)), "bytes"),
        (dump(map_of(mappings=";" * 100)), "mappings"),
        (dump(map_of(mappings="," * 100)), "mappings"),
        (dump(map_of(mappings=",".join(["A"] * 101))), "mappings"),
        (dump(map_of(x=[[]] * 600)), "sources and names"),
        (dump(map_of(x=[{}] * 600)), "sources and names"),
        (dump(map_of(x=[1] * 1_100)), "sources and names"),
        (dump(map_of(x="")).replace(b'""', b",".join([b'""'] * 1_100)), "sources and names"),
    ):
        with subtests.test(why=why, start=body[:60]), pytest.raises(SourceMapError, match=f"more than .* {why}"):
            SourceMap(body)
    # What stands in a text is no value, whatever it looks like.
    SourceMap(dump(map_of(sourcesContent=['[,{"\\', "\\\\", '\\"[' * 900])))
    # Sections share the bound; an empty line takes no room in it.
    SourceMap(_index({"offset": _START, **half}, {"offset": {"line": 99, "column": 0}, **half}))
    full = {"map": map_of(mappings=",".join(["A"] * 60))}
    with pytest.raises(SourceMapError, match="mappings"):
        SourceMap(_index({"offset": _START, **full}, {"offset": {"line": 99, "column": 0}, **full}))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://shop.example/static/app.js", "~/static/app.js"),
        ("http://127.0.0.1:8100/static/app.js?v=3#x", "~/static/app.js"),
        ("https://user:secret@[::1]:99/app.js", "~/app.js"),
        ("~/static/app.js", "~/static/app.js"),
        ("/static/app.js", "~/static/app.js"),
        ("//static//app.js", "~/static//app.js"),
        ("static/app.js", "~/static/app.js"),
        ("app:///main.jsbundle", "~/main.jsbundle"),
        ("webpack-internal:///./src/a.js", "~/./src/a.js"),
        ("https://shop.example/_next/app/%5Bslug%5D/page.js", "~/_next/app/[slug]/page.js"),
        ("https://shop.example/a%00b%ff.js", "~/a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}.js"),
        ("<anonymous>", "~/<anonymous>"),
        ("https://shop.example", None),
        ("https://shop.example/?a", None),
        ("", None),
        ("~", None),
        ("///", None),
        ("/" + "x" * limits.SOURCE_MAP_NAME_CHARS, "~/" + "x" * limits.SOURCE_MAP_NAME_CHARS),
        ("/" + "x" * (limits.SOURCE_MAP_NAME_CHARS + 1), None),
        ("https://[", None),
        ("https://[/app.js", "~/app.js"),
    ],
)  # fmt: skip
def test_what_a_map_goes_by(address: str, name: str | None) -> None:
    assert name_of(address) == name
    if name is not None and "%" not in name:
        assert name_of(name) == name
