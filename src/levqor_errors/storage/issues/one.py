"""One issue, with all that its page tells: how it was grouped, what happened to it, where it was seen."""

from __future__ import annotations

from typing import Any, Final

import orjson

from ..alerts import marks
from ..read import Dialect
from .listing import COLUMNS, with_numbers
from .merging import OWNER

#: Of an issue's history, the latest.
_HISTORY: Final = 100
#: Rules may join any number.
_MERGED_MOST: Final = 500
_MERGED: Final = """
    SELECT id, title, fingerprint, grouping, merged_by FROM issues WHERE merged_into = ?
    ORDER BY CASE merged_by WHEN ? THEN 0 ELSE 1 END, id LIMIT ?
"""
_CHANGES: Final = """
    SELECT id, at, issue_id, action, detail, undone_at FROM issue_changes WHERE issue_id IN ({marks})
    ORDER BY id DESC LIMIT ?
"""
_LEDGER: Final = """
    SELECT id, at, alert_id, channel, what, detail FROM alert_ledger WHERE issue_id IN ({marks})
    ORDER BY id DESC LIMIT ?
"""


def issue(db: Dialect, id_: int, now: str, *, days: bool) -> dict[str, Any] | None:
    """An issue by its id, or by the id of one that was merged into it; `None`: there is none."""
    columns = ", ".join((*COLUMNS, "fingerprint", "grouping"))
    found = list(
        db.run(
            f"SELECT {columns} FROM {db.issues} WHERE id = (SELECT coalesce(merged_into, id) FROM issues WHERE id = ?)",
            [id_],
        )
    )
    if not found:
        return None
    *numbers, fingerprint, grouping = found[0]
    (shown,) = with_numbers(db, [tuple(numbers)], now, days=days)
    merged = list(db.run(_MERGED, [shown["id"], OWNER, _MERGED_MOST]))
    family = [shown["id"], *(row[0] for row in merged)]
    return {
        **shown,
        "fingerprint": fingerprint,
        "grouping": orjson.loads(grouping),
        "merged": [
            {"id": one, "title": title, "fingerprint": name, "grouping": orjson.loads(of), "by": by}
            for one, title, name, of, by in merged
        ],
        "changes": _rows(db, _CHANGES, ("id", "at", "issue_id", "action", "detail", "undone_at"), family),
        "ledger": _rows(db, _LEDGER, ("id", "at", "alert_id", "channel", "what", "detail"), family),
    }


def _rows(db: Dialect, query: str, names: tuple[str, ...], family: list[int]) -> list[dict[str, Any]]:
    # As many as any database takes parameters in a statement; more were hardly ever merged into one.
    among = family[:500]
    return [dict(zip(names, row, strict=True)) for row in db.run(query.format(marks=marks(among)), [*among, _HISTORY])]
