"""S13 | formula cells in CSV export | inert"""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import Any

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from levqor_errors.collector.export_files import Csv

#: What a spreadsheet may take for the start of a formula, or of a command.
STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
FORMULAS = [
    "=1+1", "=cmd|'/c calc'!A1", "+1", "-1+1|cmd", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "\N{NO-BREAK SPACE}=1",
    "\N{ZERO WIDTH NO-BREAK SPACE}=1", "\N{FULLWIDTH EQUALS SIGN}1", "'=1", "''=1", '"=1"', '=HYPERLINK("http://x","y")',
    'a","=1', "a\r\n=1", "=", "-", "  ", "", "plain",
]  # fmt: skip
FIELDS = ("service", "environment", "release", "path_or_screen", "user_email", "message", "stack")


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def is_inert(cell: str) -> bool:
    """Whether no spreadsheet sees a formula in it, even one that passes over what cannot be seen."""
    return cell.lstrip(" \x0b\x0c\xa0\u200b\u2060\ufeff")[:1] not in STARTS or not cell.strip()


def given_back(cell: str) -> str:
    """What was sent, as docs/dashboard.md says that it is found; but for controls, which are shown as in JSON."""
    return cell.removeprefix("'")


def without_controls(text: str) -> str:
    """As it is written into a file."""
    return "".join(
        f"\\u{ord(one):04x}" if unicodedata.category(one) == "Cc" and one not in "\t\r\n" else one for one in text
    )


def test_no_field_of_an_event_is_a_formula(api: httpx.Client) -> None:
    sent = [
        dict.fromkeys(FIELDS, formula) | {"message": f"{formula}m", "context": {formula: formula}}
        for formula in FORMULAS
    ]
    assert api.post("/api/errors/log", json=sent).json()["accepted"] == len(FORMULAS)
    rows = table(api.get("/owner/export?format=csv").text)
    stored = api.get("/api/errors/recent").json()["errors"]
    assert len(rows) == len(stored) == len(FORMULAS)
    for row, event in zip(rows, stored, strict=True):
        for name in FIELDS:
            assert is_inert(row[name]), (name, row[name])
            assert given_back(row[name]) == (event[name] or ""), name
        assert row["context"].startswith("{")


@given(st.text())
@example("'")
@example("\ufeff'=")
@example("\x1b]0;title\x07\x9b2J\x7f")
def test_any_text_is_inert_and_given_back(text: str) -> None:
    event: dict[str, Any] = dict.fromkeys(
        ("id", "event_id", "created_at", "received_at", "severity", "source", "issue_id", "context", *FIELDS)
    )
    form = Csv()
    rows = [form.start(), *form.records([{**event, "message": text, "id": 7}])]
    (row,) = table(form.end.join(rows) + form.end)
    assert is_inert(row["message"])
    assert given_back(row["message"]) == without_controls(text)
    assert row["id"] == "7"


def test_no_file_acts_on_the_terminal_that_it_is_shown_in(api: httpx.Client) -> None:
    sent = {"message": "\x1b]0;owned\x07\x9b2J", "context": {"\x9b": "\x1b[2J\x9b"}}
    assert api.post("/api/errors/log", json=sent).status_code == 201
    for form in ("csv", "ndjson"):
        text = api.get(f"/owner/export?format={form}").text
        assert [one for one in text if unicodedata.category(one) == "Cc" and one not in "\r\n"] == []
    # Where it is JSON it is what was sent all the same.
    event = api.get("/owner/export?format=ndjson").json()
    assert (event["message"], event["context"]) == (sent["message"], sent["context"])
