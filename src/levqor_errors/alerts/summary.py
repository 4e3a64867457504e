"""The day's summary: from what the database says (`Storage.digest`) to what a message says, for any channel.

Channels that can show more than sentences find the numbers under `Notice.summary`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from .. import instants
from ..config import AlertSettings
from .due import Due

_NAMES: Final = ("now", "before", "week")
#: From here on a summary says that it is late. A look at what is due comes every few minutes at the latest.
LATE: Final = timedelta(minutes=30)
_WEEK_DAYS: Final = 7
#: Past this part of what was before, a change is told in times, not in percent.
_TIMES: Final = 10
_UP: Final = "▲"
_DOWN: Final = "▼"
#: Of a mean that is larger the tenths say nothing.
_WHOLE_FROM: Final = 20
_GROUPS: Final = (
    ("issues", "Top issues"), ("new", "New"), ("regressed", "Resolved, and back again"), ("resolved", "Resolved"),
    ("quiet", "Gone quiet"),
)  # fmt: skip


class Summary(NamedTuple):
    """What goes into a `Notice`."""

    severity: str
    title: str
    lines: tuple[str, ...]
    #: Numbers and names as JSON has them, for channels that show more; the names are hostile.
    facts: dict[str, Any]


def summarize(digest: Mapping[str, Any], due: Due, settings: AlertSettings, now: datetime) -> Summary | None:
    """A summary of a day.

    Args:
        digest: what `Storage.digest` gives for the day and for those that were missed.
        due: the day, and those.
        settings: whose zone it is told in, and whether a day without events is told at all.
        now: the clock, for whether it is late.

    Returns:
        `None` if nothing happened, nothing is wrong, and such days are not to be told.
    """
    zone = ZoneInfo(settings.summary_zone)
    day = due.day
    label = day.label.isoformat()
    end = day.end.astimezone(zone)
    length = f"{(day.end - day.start) / timedelta(hours=1):g} hours"
    period = f"{length} until {end:%Y-%m-%d %H:%M %Z}"
    late = ", sent late" if now - day.end > LATE else ""
    severities = {name: _figure(numbers, digest) for name, numbers in digest["severities"].items()}
    total = _figure({key: sum(one[key] for one in digest["severities"].values()) for key in _NAMES}, digest)
    verified, notes = _pipeline(digest, settings, zone)
    notes += _troubles(digest, due)
    facts = {
        "day": label,
        "late": bool(late),
        "period": period,
        "total": total,
        "severities": [{"name": name, **figure} for name, figure in severities.items()],
        "services": [{"name": one["service"], **_figure(one, digest)} for one in digest["services"]],
        "services_more": max(0, digest["services_count"] - sum(1 for one in digest["services"] if one["now"])),
        "hours": [
            {**hour, "label": f"{instants.from_text(hour['start']).astimezone(zone):%H:%M}"} for hour in digest["hours"]
        ],
        "groups": [{"name": name, **digest[key]} for key, name in _GROUPS if digest[key]["count"]],
        "verified": verified,
        "notes": [{"severity": severity, "text": text} for severity, text in notes],
    }
    if total["now"] == 0 and not notes:
        if not settings.summary_empty:
            return None
        title = f"Nothing happened in the {period}{late}."
        # Nothing else is worth a line on such a day.
        return Summary("info", f"{title} {verified}".strip(), (), facts | {"groups": [], "services": [], "hours": []})
    critical = severities["critical"]["now"]
    counted = _count(total["now"], "event") + (f", {critical:,} of them critical" if critical else "")
    met = {name for name, figure in severities.items() if figure["now"]} | {severity for severity, _ in notes}
    return Summary(
        next(name for name in severities if name in met),
        f"Summary for {label}{late}: {counted}",
        tuple(_lines(facts, period)),
        facts,
    )


def _figure(numbers: Mapping[str, int], digest: Mapping[str, Any]) -> dict[str, Any]:
    """A number beside those that it is compared with, as far as the counts go back so far."""
    since, known = instants.from_text(digest["since"]), digest["known_since"]

    def known_for(days: int) -> bool:
        return known is not None and instants.from_text(known) <= since - timedelta(days=days)

    before = numbers["before"] if known_for(1) else None
    mean = numbers["week"] / _WEEK_DAYS if known_for(_WEEK_DAYS) else None
    return {
        "now": numbers["now"],
        "before": before,
        "mean": mean if mean is None else round(mean, 1),
        "to_before": change(numbers["now"], before),
        "to_mean": change(numbers["now"], mean),
    }


def change(now: float, then: float | None) -> str:
    """How much more or less, in a word: `▲ 25 %`, `▲ 12-fold`, `=`; empty if there is nothing to compare with."""
    if then is None:
        return ""
    if now == then:
        return "="
    arrow = _UP if now > then else _DOWN
    if then == 0:
        return f"{arrow} from 0"
    if now >= _TIMES * then:
        return f"{arrow} {now / then:,.0f}-fold"
    percent = round(abs(now - then) / then * 100)
    return f"{arrow} {percent} %" if percent else "≈"


def amount(number: float) -> str:
    """A number for people: `1,234`, or `2.3` for a small mean."""
    return f"{number:,.0f}" if number == int(number) or number >= _WHOLE_FROM else f"{number:,.1f}"


def _pipeline(digest: Mapping[str, Any], settings: AlertSettings, zone: ZoneInfo) -> tuple[str, list[tuple[str, str]]]:
    """What the canary found: a sentence if all is well, else notes."""
    canary = digest["canary"]
    if canary is None or settings.canary_at is None:
        return "", []
    at = instants.from_text(canary["at"]).astimezone(zone)
    if canary["at"] < digest["since"]:
        return "", [("critical", f"The pipeline was not verified in this time; last it was {at:%Y-%m-%d %H:%M %Z}.")]
    if canary["ok"]:
        return f"Pipeline verified {at:%H:%M}.", []
    found = "; ".join(f"{name}: {text}" for name, text in canary["channels"].items())
    return "", [("critical", f"The check of the pipeline at {at:%H:%M} failed. {found}".strip())]


def _troubles(digest: Mapping[str, Any], due: Due) -> list[tuple[str, str]]:
    notes: list[tuple[str, str]] = []
    for name, state in digest["channels"].items():
        if state["state"] != "ok":
            severity = "critical" if state["state"] == "down" else "warning"
            notes.append(
                (severity, f"{name} has been {state['state']} since {_minute(state['since'])}: {state['why']}")
            )
    undelivered = digest["undelivered"]
    if undelivered["waiting"]:
        notes.append(("error", f"{_count(undelivered['waiting'], 'alert')} not delivered yet."))
    if undelivered["refused"]:
        notes.append(("error", f"{_count(undelivered['refused'], 'alert')} not taken by a channel in any form."))
    for reason, refused in digest["refused"].items():
        what = f"{_count(refused['requests'], 'request')} with {_count(refused['events'], 'event')}"
        notes.append(("warning", f"Not taken, for {reason.replace('_', ' ')}: {what}."))
    if due.missed:
        days = ", ".join(
            f"{day.label} ({_count(total, 'event')})" for day, total in zip(due.missed, digest["missed"], strict=True)
        )
        more = due.missed_days - len(due.missed)
        notes.append(("warning", f"No summary was sent for {days}" + (f", and {more} days before." if more else ".")))
    return notes


def _lines(facts: Mapping[str, Any], period: str) -> list[str]:
    """In sentences, for channels that show no more than those."""
    total = facts["total"]
    compared = [
        f"{word} {amount(total[key])} ({total[f'to_{key}']})"
        for word, key in (("the day before", "before"), ("a day of the week before", "mean"))
        if total[key] is not None
    ]
    lines = [f"{_count(total['now'], 'event')} in the {period}" + "".join(f"; {one}" for one in compared) + "."]
    if total["now"]:
        lines.append(", ".join(f"{one['now']:,} {one['name']}" for one in facts["severities"] if one["now"]) + ".")
        loud = [f"{one['name']} {one['now']:,}" for one in facts["services"] if one["now"]]
        lines.append(f"By service: {', '.join(loud)}.")
    for group in facts["groups"]:
        named = "; ".join(f"{one['title']} ({one['service']}, {one['count']:,})" for one in group["top"][:3])
        more = group["count"] - min(3, len(group["top"]))
        lines.append(f"{group['name']}: {named}" + (f"; and {more:,} more." if more > 0 else "."))
    lines += [note["text"] for note in facts["notes"]]
    return [*lines, facts["verified"]] if facts["verified"] else lines


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _minute(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]} UTC"
