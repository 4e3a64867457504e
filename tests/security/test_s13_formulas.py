"""S13 | formula cells in CSV export | inert"""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest
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
    """What was sent, as docs/dashboard.md says that it is found."""
    return cell.removeprefix("'")


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_field_of_an_event_is_a_formula(api: httpx.Client, formula: str) -> None:
    sent = dict.fromkeys(FIELDS, formula) | {"message": f"{formula}m", "context": {formula: formula}}
    assert api.post("/api/errors/log", json=sent).status_code == 201
    stored = api.get("/api/errors/1").json()["event"]
    (row,) = table(api.get("/owner/export?format=csv").text)
    for name in FIELDS:
        assert is_inert(row[name]), name
        assert given_back(row[name]) == (stored[name] or ""), name
    assert row["context"].startswith("{")


@given(st.text())
@example("'")
@example("\ufeff'=")
def test_any_text_is_inert_and_given_back(text: str) -> None:
    event: dict[str, Any] = dict.fromkeys(
        ("id", "event_id", "created_at", "received_at", "severity", "source", "issue_id", "context", *FIELDS)
    )
    form = Csv()
    rows = [form.start(), *form.records([{**event, "message": text, "id": 7}])]
    (row,) = table(form.end.join(rows) + form.end)
    assert is_inert(row["message"])
    assert given_back(row["message"]) == text
    assert row["id"] == "7"
