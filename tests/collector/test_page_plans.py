"""No page of the owner's reads through all events or issues: what SQLite plans for each statement that they run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlite_utils import Database

from levqor_errors.storage import open_storage
from storage_support import new_event, write

PAGES = (
    "/owner/errors", "/owner/errors?range=30d", "/owner/errors?range=all&severity=critical,error",
    "/owner/errors?range=30d&service=web&source=backend", "/owner/errors?range=all&environment=staging&release=1",
    "/owner/errors?range=30d&q=broke", "/owner/errors?range=all&q=broke&service=web&severity=error&before=40",
    "/owner/errors?issue=1", "/owner/errors?issue=1&release=1", "/owner/errors?before=40", "/owner/errors?after=4",
    "/owner/errors/7", "/owner/errors/7?service=web", "/owner/issues", "/owner/issues?sort=trend",
    "/owner/issues?sort=events&state=all", "/owner/issues?sort=users&q=broke", "/owner/issues?service=web",
    "/owner/issues/1", "/owner/handbook", "/api/errors/recent", "/api/errors/stats", "/api/errors/stats?q=broke",
    "/api/errors/stats?issue=1",
)  # fmt: skip
#: Of the tables that grow, and as the statements call them.
SCANS = re.compile(r"SCAN (error_events|issues|e|i)(?! USING| VIRTUAL)\b(?! USING| VIRTUAL)")
#: Goes by the id, and ends.
BOUNDED = re.compile(r"(WHERE 1 = 1 ORDER BY e\.id (DESC|ASC)|SELECT 1 FROM error_events) LIMIT (\?|1)$")


@pytest.mark.sqlite
def test_no_page_reads_through_all_events_or_issues(
    database: Path, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = open_storage(str(database))
    for number in range(60):
        write(
            filled, [new_event(str(number % 7), message="it broke", service="web", environment="staging", release="1")]
        )
    filled.close()
    ran: dict[str, Any] = {}
    execute = Database.execute

    def traced(self: Database, sql: str, parameters: Any = None) -> Any:
        ran[sql] = parameters
        return execute(self, sql, parameters)

    monkeypatch.setattr(Database, "execute", traced)
    for page in PAGES:
        assert api.get(page).status_code == 200, page
    monkeypatch.undo()
    assert len(ran) > len(PAGES)
    scans = []
    with Database(str(database)) as db:
        for sql, parameters in ran.items():
            if sql.lstrip().startswith(("SELECT", "WITH")):
                plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", parameters or [])]
                scans += [(step, sql) for step in plan if SCANS.search(step) and not BOUNDED.search(sql)]
    assert not scans
