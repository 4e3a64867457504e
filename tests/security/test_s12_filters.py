"""S12 | SQL and FTS syntax in every filter, `limit=-1`, `before=abc` |
200 or 400
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from html import unescape
from typing import Final
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from postgres_support import PostgresServer
from support import SECRET, Database, owner, served

RECENT: Final = "/api/errors/recent"
STATS: Final = "/api/errors/stats"
PAGE: Final = "/owner/errors"
ENDPOINTS: Final = (RECENT, STATS, PAGE)
TEXT_FILTERS: Final = ("q", "service", "environment", "release")
FILTERS: Final = (*TEXT_FILTERS, "severity", "source", "since", "until")

#: In a query string as they are: what `urlencode` would not write is among them.
RAW: Final = [
    "%27", "%27%27", "%27%20OR%201=1%20--", "%27;%20DROP%20TABLE%20error_events;%20--", "%27)%20OR%20(%271%27=%271",
    "1%20UNION%20SELECT%20*%20FROM%20sessions", "%22", "%22%22", "%22%22%22", "%22%20%22", "%22a", "a%22",
    "%22a%22b%22", "%22%0a", "%22%0a%22", "a%22%0ab", "%22a%0ab%22", "%22%0aNEAR(", "%22%0aAND", "%22%0a*",
    "%22%0a)%20OR%20(", "%22%0d%0aa%22", "%22%0acol:a%22", "%22%0a%5e%22", "%22%0a-%22", "%22%0a%7ba%7d%20:%22", "*",
    "a*", "**", "%22*%22", "*%22", "NEAR(", "NEAR(a", "NEAR(a%20b,%205)", "NEAR/3", "AND", "OR", "NOT",
    "AND%20OR%20NOT", "a%20AND", "NOT%20a", "OR%20a%20OR", "and", "col:", "message:", "message:a", "rowid:1",
    "error_events_fts:", "%7bmessage%20stack%7d:a", "-message:a", "%5e", "%5ea", "a%20%5e%20b", "%2b", "a%20%2b%20b",
    "(", ")", "()", "((((((((((", "(a", "a)", "%5b", "%5d", "%7b", "%7d", ":", ",", ";", "\\", "%5c%22", "%5c%27",
    "%60", "%23", "--", "/*", "*/", "%00", "a%00b", "%22%00%22", "%00%27", "%ed%a0%80", "%ed%b0%80%ed%a0%80",
    "%22%ed%a0%80", "%ff", "%fe%ff", "%c0%80", "%f0%9f", "%", "%%", "%zz", "%u0027", "%25", "%25%25", "_", "a%25",
    "%5f", "?", "?1", ":a", "@a", "$a", "%20", "%20%20%20", "%09", "%0a", "%0d", "%0b%0c", "%1c", "%c2%a0", "%e2%80%a8",
    "%e2%80%8b", "%ef%bb%bf", "%f0%9f%98%80", "e%cc%81", "%d9%a3", "null", "None", "NULL", "undefined", "true", "0",
    "-1", "1e3", "1e999", "NaN", "9" * 19, "9" * 200, "a" * 200, "a" * 201, "a" * 10_000, "%22" * 199, "%22" * 200,
    "(" * 200, "a%20" * 100, "AND%20" * 50, "%27" * 150, "*%20" * 100, "%f0%9f%98%80" * 200, "{{7*7}}",
    "%3Cscript%3Ealert(1)%3C/script%3E", "../../etc/passwd", "[]", "a&a", "=", "a=b", ";a",
]  # fmt: skip

NUMBERS: Final = [
    "-1", "501", "abc", "1e3", "1.0", "0x10", "+1", "--1", "1_000", "1,000", "10" * 20, str(10**30), "9" * 5_000, "NaN",
    "inf", "%00", "1%00", "%d9%a3", "%ef%bc%91", "%c2%b2", "%f0%9d%9f%8f", "1;", "1%27", "1%20OR%201=1", "%27%27",
    "null", "true", "[]", "%ff", "%ed%a0%80", "1%0a2", "-0", "%e2%88%921",
]  # fmt: skip

INSTANTS: Final = [
    "abc", "0", "-1", "1", "1700000000", "1e9", "NaN", "2026", "2026-13-01", "2026-02-30", "2026-00-00", "0000-01-01",
    "0001-01-01", "0001-01-01T00:30:00", "0001-01-01T00:00:00%2b14:00", "0001-01-01T00:00:00-14:00", "0500-01-01",
    "0500-06-15T12:30:00Z", "0999-12-31T23:59:59Z", "1000-01-01", "9999-12-31", "9999-12-31T23:59:59",
    "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59%2b14:00", "10000-01-01",
    "99999999999999999999", "-2026-01-01", "%2b2026-01-01", "2026-11-23T25:00:00", "2026-11-23T13:60:00",
    "2026-11-23T13:05:60Z", "2026-11-23T24:00:00Z", "2026-11-23T13:05:39.Z", "2026-11-23T13:05:39." + "9" * 5_000 + "Z",
    "2026-11-23T13:05:39%2b25:00", "2026-11-23T13:05:39%2b23:59:59", "2026-11-23TZ", "T", "Z", "TZ", "%20", "%00",
    "2026-11-23%00", "2026-11-23T13:05:39Z%00", "%27", "2026-11-23%27", "now", "now()", "yesterday",
    "%d9%a2%d9%a0%d9%a2%d9%a6-01-01", "%ed%a0%80", "2026-11-23%ed%a0%8013:05:39", "%ff", "2026-11-23%0a", "a" * 10_000,
    "2026-W01-1", "20261123", "2026-327", "13:05:39", "[]", "{{7*7}}",
]  # fmt: skip

#: Messages with one part each that no other has: a search for the whole text finds the one event and nothing else.
LITERALS: Final = [
    "it's O'Brien alpha", "' OR 1=1 -- beta", '"gamma" in quotes', 'say "hello delta" loudly', 'unbalanced " epsilon',
    "AND OR NOT zeta", "NEAR(eta)", "NEAR(theta, 5)", "message:iota", "col:kappa value", "{message stack}: lambda",
    "^mu at the start", "nu* and *nu", "xi + omicron", "failed - pi", "-rho", "100% sigma", "tau_with_underscores",
    "C:\\upsilon\\path", "phi@example.com", "https://example.com/chi?a=b&c=d#e", "x = ? psi", "SELECT * FROM omega; --",
    "{{aleph}}", "<b>beth</b>", "gimel\nin two lines", "daleth\tand a tab", "größe he", "日本語 waw", "пароль zayin",
    "\N{GRINNING FACE} heth", "(teth", "yodh)", "kaph;lamedh,mem", "nun...samekh", "ayin'pe", "#tsade", "$qoph",
    "`resh`", "[shin]", "tav/1/2", "ﬁ ligature", "mixed CASE digamma", "san=1", "koppa:2", "a\x00sampi", "null null",
    "42 4.2 -42",
]  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The owner's client of a collector with one event for each literal, in its message and as its filters."""
    with contextlib.ExitStack() as stack:
        database: Database = tmp_path_factory.mktemp("s12") / "levqor.db"
        if request.param == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres")
            database = stack.enter_context(server.lent())
        url = stack.enter_context(served(create_app(CollectorSettings(str(database), SECRET))))
        client = stack.enter_context(owner(url))
        for literal in LITERALS:
            event = {"message": literal, "service": literal, "environment": literal, "release": literal}
            assert client.post("/api/errors/log", json=event).status_code == 201
        yield client


def _total(client: httpx.Client) -> int:
    return int(client.get(STATS).json()["total"])


def _assert_orderly(answer: httpx.Response, statuses: tuple[int, ...] = (200, 400)) -> None:
    """An answer, and not a failure: as JSON or as a page, and saying what is wrong where something is."""
    assert answer.status_code in statuses
    if answer.request.url.path.startswith(PAGE):
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.text.endswith("</html>")
        assert "<script>alert" not in answer.text
    else:
        said = answer.json()
        assert said["ok"] is (answer.status_code == 200)
        assert answer.status_code == 200 or said["error"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("name", FILTERS)
def test_s12_syntax_in_a_filter_is_only_text(
    client: httpx.Client, subtests: pytest.Subtests, endpoint: str, name: str
) -> None:
    for value in RAW:
        with subtests.test(value=value[:40]):
            _assert_orderly(client.get(f"{endpoint}?{name}={value}"))
    assert _total(client) == len(LITERALS)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_s12_syntax_in_names_and_in_many_filters_is_harmless(
    client: httpx.Client, subtests: pytest.Subtests, endpoint: str
) -> None:
    queries = [
        "", "?", "&", "&&&=", "=", "=a", "q", "q&q&q", "%27=1", "q[]=1", "q.x=1", "__proto__=1",
        "severity=error&severity=info", "severity=" + "error," * 1_000, "&".join(["severity=error"] * 900),
        "severity=,,,", "severity=error%27", "severity=ERROR,%20Warn",
        "&".join(f"f{number}={number}" for number in range(900)), "q=a&q=%22&q=", "limit=1&limit=501",
        "limit=501&limit=1", "before=&limit=", "&".join(f"{name}=%27" for name in TEXT_FILTERS),
        "&".join(f"{name}=%22%0a" for name in TEXT_FILTERS), "q=a;b", "q=%22&service=%22",
        "since=2026-01-01&until=2025-01-01", "since=9999-12-31&until=0001-01-01",
        "since=&until=&q=&service=&environment=&release=&severity=&source=",
    ]  # fmt: skip
    for query in queries:
        with subtests.test(query=query[:60]):
            _assert_orderly(client.get(f"{endpoint}?{query}"))


@pytest.mark.parametrize(("name", "endpoint"), [("limit", RECENT), ("before", RECENT), ("before", PAGE)])
def test_s12_what_is_no_number_is_a_400(
    client: httpx.Client, subtests: pytest.Subtests, name: str, endpoint: str
) -> None:
    # An id may well be 501.
    for value in [value for value in NUMBERS if name == "limit" or value != "501"]:
        with subtests.test(value=value[:40]):
            answer = client.get(f"{endpoint}?{name}={value}")
            _assert_orderly(answer, (400,))
            assert name in answer.text


def test_s12_the_edges_of_numbers(client: httpx.Client) -> None:
    for value, status in {"0": 400, "1": 200, "500": 200, "0500": 200, "": 200, "501": 400}.items():
        assert client.get(f"{RECENT}?limit={value}").status_code == status
    assert client.get(f"{RECENT}?limit=1").json()["count"] == 1
    assert client.get(f"{RECENT}?limit=").json()["count"] == min(50, len(LITERALS))
    for value in ("0", "1", "9" * 18):
        answer = client.get(f"{RECENT}?before={value}&limit=500")
        assert answer.json()["count"] == (len(LITERALS) if len(value) > 1 else 0)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("name", ["since", "until"])
def test_s12_what_is_no_time_is_a_400_or_no_limit(
    client: httpx.Client, subtests: pytest.Subtests, endpoint: str, name: str
) -> None:
    for value in INSTANTS:
        with subtests.test(value=value[:40]):
            _assert_orderly(client.get(f"{endpoint}?{name}={value}"))


@pytest.mark.parametrize("year", ["0001", "0500", "0999", "1000", "1969", "1970"])
def test_s12_long_ago_is_before_everything(client: httpx.Client, year: str) -> None:
    for moment in (f"{year}-01-01", f"{year}-06-15T12:30:00Z"):
        assert client.get(f"{RECENT}?since={moment}&limit=500").json()["count"] == len(LITERALS)
        assert client.get(f"{STATS}?since={moment}").json()["total"] == len(LITERALS)
        assert client.get(f"{RECENT}?until={moment}").json()["count"] == 0
        assert client.get(f"{STATS}?until={moment}").json()["total"] == 0


@pytest.mark.parametrize("literal", LITERALS)
def test_s12_a_search_for_a_text_finds_the_event_with_it(client: httpx.Client, literal: str) -> None:
    stored = literal.replace("\0", "\ufffd")
    # In capitals too, where they are the same letters: those of ß and ﬁ are not.
    same = [literal, *([literal.upper()] if literal.upper().lower() == literal.lower() else [])]
    for text in same:
        found = client.get(f"{RECENT}?{urlencode({'q': text})}").json()["errors"]
        assert [error["message"] for error in found] == [stored]
    assert client.get(f"{STATS}?{urlencode({'q': literal})}").json()["total"] == 1
    page = client.get(f"{PAGE}?{urlencode({'q': literal})}").text
    assert page.count('class="message"') == 1
    assert stored in unescape(page)


@pytest.mark.parametrize("name", ["service", "environment", "release"])
def test_s12_a_filter_matches_the_whole_text_and_nothing_else(client: httpx.Client, name: str) -> None:
    for literal in LITERALS:
        query = urlencode({name: literal})
        (error,) = client.get(f"{RECENT}?{query}").json()["errors"]
        assert error[name] == literal.replace("\0", "\ufffd")
        assert client.get(f"{STATS}?{query}").json()["total"] == 1
        # A part of it, or a pattern for it, is another text.
        for other in (f"{literal}x", literal[:-1] or "x", f"{literal[:-1]}_", f"{literal[:-1]}%", "%", "*"):
            assert client.get(f"{RECENT}?{urlencode({name: other})}").json()["count"] == 0


def test_s12_a_service_with_blanks_around_it_can_be_filtered_for(api: httpx.Client) -> None:
    """The dashboard links every event to its service: the link has to lead to at least that event."""
    padded = {"message": "padded message", "service": " padded service "}
    event = api.get(f"/api/errors/{api.post('/api/errors/log', json=padded).json()['id']}").json()["event"]
    assert api.get(f"{RECENT}?{urlencode({'service': event['service']})}").json()["count"] == 1


@pytest.mark.parametrize("folder", ["/api/errors/", "/owner/errors/"])
def test_s12_what_is_no_id_is_a_404(client: httpx.Client, subtests: pytest.Subtests, folder: str) -> None:
    others = [value for value in (*RAW, *NUMBERS) if value not in ("?", "?1", "%", "501")]
    large = (10**18 - 1, 10**18, 2**63)
    for value in (*others, *map(str, large), "1/", "1//", "1%2f", "01x", "1.", "recent%20"):
        with subtests.test(value=value[:40]):
            answer = client.get(f"{folder}{value}")
            assert answer.status_code in (400, 404)
            # A page for people, JSON for programs, and in neither the path back as markup.
            assert "<script>" not in answer.text


#: Everything that means something to SQL, to FTS5 or to what quotes for it, a line's end above all.
_SYNTAX: Final = [
    "'", '"', '""', "\n", "\r", "\t", " ", "\0", "*", "^", "+", "-", ":", ",", "(", ")", "{", "}", "\\", "%", "_", ";",
    "--", "AND", "OR", "NOT", "NEAR", "NEAR(", "message:", "a", "b", "é", "\u2028", "\x1c", "\ufffd", "日",
    "\N{GRINNING FACE}",
]  # fmt: skip


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.lists(st.sampled_from(_SYNTAX), max_size=12).map("".join))
@example('""')
@example('"\nNEAR(')
@example('"\n"')
@example('" \n "" \n "')
def test_s12_no_search_is_a_failure(client: httpx.Client, text: str) -> None:
    answer = client.get(f"{RECENT}?{urlencode({'q': text})}")
    _assert_orderly(answer)
