"""What a mail says: a notice written down as HTML and as text, both from templates/. `message.py` makes a mail of it.

All that came from a sender is cut first and escaped after. A template that fails costs its own form only: no HTML, then
a text of the bare facts, but a mail in any case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .... import limits
from ....printable import printable
from ....severity import Severity
from ...notice import Kind, Notice, last_frames
from ...summary import amount

#: Of a subject; mail programs show about 80 in a list.
_SUBJECT_CHARS: Final = 150
_TITLE_CHARS: Final = 300
_MESSAGE_CHARS: Final = 3_000
_LINE_CHARS: Final = 400
_FACT_CHARS: Final = 200
_FRAME_CHARS: Final = 300
#: Sentences of a notice. Those who write one know of some tens at most.
_LINES: Final = 40
#: What a link may be. Nothing that a sender wrote becomes one, but a setting is somebody's text, too.
_SCHEMES: Final = frozenset({"http", "https"})

_WORST_FIRST: Final = tuple(reversed([severity.value for severity in Severity]))
#: Of the chart: how high its highest bar is, and the least that is seen.
_PIXELS: Final = 72
_LEAST_PIXELS: Final = 3
#: From nothing to the most.
_SPARKS: Final = "·▁▂▃▄▅▆▇█"

_LABELS: Final = {
    Kind.CRITICAL: "Critical error",
    Kind.REGRESSION: "Resolved, and back again",
    Kind.RATE: "Many events",
    Kind.SILENT: "Gone silent",
    Kind.STORM: "Many alerts at once",
    Kind.CHANNEL: "A channel is down",
    Kind.CANARY: "Daily check",
    Kind.SUMMARY: "The day's summary",
    Kind.TEST: "Test",
}
#: Of these the severity is what a subject begins with.
_BY_SEVERITY: Final = frozenset({Kind.CRITICAL, Kind.RATE, Kind.STORM})


class Bar(NamedTuple):
    """An hour in a chart."""

    label: str
    total: int
    #: As a character.
    spark: str
    #: Severities and their heights in pixels, from the top.
    parts: list[tuple[str, int]]


class Written(NamedTuple):
    """A notice in words."""

    subject: str
    text: str
    #: `None`: in text alone.
    html: str | None
    #: Why it is plainer than it is meant to be; empty: it is not.
    remark: str = ""


def shown(value: object, most: int = _FACT_CHARS, *, lines: bool = False) -> str:
    """Hostile text, cut, and with nothing in it that acts upon who reads it."""
    text = "" if value is None else str(value)
    if len(text) > most:
        text = text[: most - 1] + "…"
    return printable(text, lines=lines) if lines else printable(" ".join(text.split()))


def when(instant: str | None) -> str:
    """An instant for people: `2026-11-23 13:05:39 UTC`."""
    return shown(f"{instant[:10]} {instant[11:19]} UTC") if instant else ""


def _environment(*, html: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        # True, and not by a file's name: hostile text is in all of them.
        autoescape=html,  # noqa: S701 - plain text has nothing to escape
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "when": when, "amount": amount, "quoted": _quoted}
    return environment


def _quoted(value: object) -> str:
    """A service's name as a value in an address."""
    return quote(str(value)[: limits.SERVICE_CHARS].encode("utf-8", "replace"), safe="")


_html: Final = _environment(html=True)
_text: Final = _environment(html=False)


def write(notice: Notice) -> Written:
    """A notice as a mail's subject and content, as good as it can be had."""
    subject = _subject(notice)
    template = "summary" if notice.kind is Kind.SUMMARY and notice.summary is not None else "alert"
    try:
        values = _values(notice, subject)
        text = _text.get_template(f"{template}.txt").render(values)
    except Exception as error:  # noqa: BLE001 - whatever is in an event must not be the reason why nobody is told
        return Written(subject, _bare(notice), None, f"in bare facts, since its template failed: {_named(error)}")
    try:
        html = _html.get_template(f"{template}.html").render(values)
    except Exception as error:  # noqa: BLE001 - as above
        return Written(subject, text, None, f"as plain text, since its template failed: {_named(error)}")
    return Written(subject, text, html)


def _named(error: Exception) -> str:
    return shown(f"{type(error).__name__}: {error}")


def _subject(notice: Notice) -> str:
    # A summary's title says already that it is one.
    tag = "levqor-errors" if notice.kind is Kind.SUMMARY else notice.kind.value
    if notice.kind in _BY_SEVERITY:
        tag = notice.severity
    service = shown(notice.service, 60)
    title = shown(notice.title, _SUBJECT_CHARS)
    whose = f"{service}: " if service and not title.startswith(service) else ""
    # Python's own parser of headers would decode what looks like an encoded word, and write what it finds.
    return f"[{tag}] {whose}{title} ({shown(notice.id, 20)})".replace("=?", "= ?")


def _values(notice: Notice, subject: str) -> dict[str, Any]:
    event = notice.event or {}
    title = shown(notice.title, _TITLE_CHARS)
    message = shown(event.get("message"), _MESSAGE_CHARS, lines=True)
    return {
        "notice": notice,
        "subject": subject,
        "label": _LABELS[notice.kind],
        "title": title,
        "lines": [shown(line, _LINE_CHARS) for line in notice.lines[:_LINES]],
        "message": "" if " ".join(message.split()) == title else message,
        "frames": [shown(frame, _FRAME_CHARS) for frame in last_frames(event)],
        "facts": _facts(notice),
        "link": safe_link(notice.link),
        "summary": notice.summary,
        "bars": _bars(notice.summary["hours"]) if notice.summary else [],
    }


def _facts(notice: Notice) -> list[tuple[str, str]]:
    """Names and values, those that there are."""
    event, issue = notice.event or {}, notice.issue or {}
    count = f"{notice.count:,}" + (f" since {when(notice.since)}" if notice.since else "")
    facts = [
        ("Service", shown(notice.service)),
        ("Environment", shown(event.get("environment"))),
        ("Release", shown(event.get("release"))),
        ("Source", shown(event.get("source"))),
        ("Path", shown(event.get("path_or_screen"))),
        ("User", shown(event.get("user_email"))),
        ("Received", when(event.get("received_at"))),
        ("Events", count if notice.count > 1 else ""),
        ("First seen", when(issue.get("first_seen"))),
        ("In all", f"{issue['count']:,}" if "count" in issue else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _bars(hours: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """A bar for each hour, the worst at its top. Whatever an hour had is seen, however high the highest bar is."""
    totals = [sum(hour[severity] for severity in _WORST_FIRST) for hour in hours]
    peak = max(totals, default=0) or 1
    return [
        Bar(
            shown(hour["label"], 10),
            total,
            _SPARKS[-(-total * (len(_SPARKS) - 1) // peak)],
            [
                (severity, max(_LEAST_PIXELS, round(hour[severity] / peak * _PIXELS)))
                for severity in _WORST_FIRST
                if hour[severity]
            ],
        )
        for hour, total in zip(hours, totals, strict=True)
    ]


def safe_link(url: str | None) -> str | None:
    """An address that a mail may link to, else `None`."""
    if url is None or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in _SCHEMES and parts.netloc else None


def _bare(notice: Notice) -> str:
    lines = [shown(notice.title, _TITLE_CHARS), *(shown(line, _LINE_CHARS) for line in notice.lines[:_LINES])]
    lines += ["", f"{_LABELS[notice.kind]}, {shown(notice.severity)}, {when(notice.at)}"]
    lines += [safe_link(notice.link) or "", shown(notice.id)]
    return "\n".join(lines) + "\n"
