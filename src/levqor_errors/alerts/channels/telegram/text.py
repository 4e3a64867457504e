"""What a message says: a `Notice` as HTML, as plain text, or as one line, whichever can still be written.

`channel.py` sends the first form that Telegram takes. All that came from a sender is cleaned here, then cut, then
escaped, in this order: a cut behind the escaping could leave half an entity, which Telegram refuses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ....printable import printable
from ...notice import Kind, Notice, last_frames
from .keyboard import Keyboard, keyboard, takes_link

TEMPLATES: Final = Path(__file__).parent / "templates"
#: UTF-16 code units of a message after its entities are parsed: https://core.telegram.org/bots/api#sendmessage
MOST_UNITS: Final = 4_096
#: The same of its parts; all of them together, with what stands between them, are less.
_UNITS: Final[Mapping[str, int]] = {
    "title": 250, "message": 1_200, "line": 250, "frame": 200, "service": 100, "source": 20, "environment": 64,
    "release": 64, "path": 200, "user": 100, "link": 250, "id": 20,
}  # fmt: skip
#: All lines of a message together, beside an event and without one.
_LINES_UNITS: Final = (900, 2_600)
#: Colours as on the dashboard.
_SIGNS: Final[Mapping[str, str]] = {"critical": "🔴", "error": "🟠", "warning": "🟡", "info": "🔵"}
#: Behind the severity, where the kind says more than it.
_WHAT: Final[Mapping[Kind, str]] = {
    Kind.REGRESSION: "back after it was resolved",
    Kind.RATE: "too many",
    Kind.SILENT: "gone silent",
    Kind.STORM: "a storm",
    Kind.CHANNEL: "a channel is down",
}
#: Instead of the severity, where nothing is bad.
_HEADS: Final[Mapping[Kind, str]] = {Kind.SUMMARY: "The day's summary", Kind.TEST: "Test", Kind.CANARY: "Test"}
#: Kinds whose count is one of events.
_COUNTED: Final = frozenset({Kind.CRITICAL, Kind.REGRESSION, Kind.RATE, Kind.STORM})
_CUT: Final = " … "
#: Without them an emoji of several falls apart, and Persian is spelled wrong.
_JOINERS: Final = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
_JOINER_PARTS: Final = re.compile(f"([{_JOINERS}])")
#: Behind these, Telegram sees a mention, a command, a domain or an address; a word joiner there is invisible.
_LINKED: Final = re.compile(r"(?<=@)(?=\w)|(?<=/)(?=[^\W\d])|(?<=\w\.)(?=[^\W\d]{2})|(?<=:)(?=//)")
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
#: A grapheme longer than this is not whole anyway.
_GRAPHEME: Final = 16


class Form(NamedTuple):
    """A message, ready to be sent."""

    text: str
    html: bool
    buttons: Keyboard
    #: Why it is not a richer one; empty: it is the richest.
    remark: str


class Writer:
    """Writes messages.

    Args:
        templates: the folder of `message.html.j2`.
    """

    def __init__(self, templates: Path = TEMPLATES) -> None:
        # autoescape=True and not select_autoescape(), which goes by file name and leaves out `.html.j2`.
        self._templates = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def forms(self, notice: Notice) -> Iterator[Form]:
        """The message in its forms, the richest first. A form that cannot be written is left out; the last one can."""
        why = ""
        try:
            rich = Form(self._html(notice), True, keyboard(notice, with_link=True), "")
        except Exception as error:  # noqa: BLE001 - a template, or content that nobody has thought of
            why = f", since its template fails ({type(error).__name__})"
        else:
            yield rich
        try:
            plain = Form(_plain(_facts(notice)), False, keyboard(notice, with_link=False), f"as plain text{why}")
        except Exception as error:  # noqa: BLE001 - the same
            why = f", since its text fails ({type(error).__name__})"
        else:
            yield plain
        yield Form(_line(notice), False, [], f"as one line{why}")

    def _html(self, notice: Notice) -> str:
        facts = _facts(notice)
        if takes_link(notice.link):
            # A button has it.
            facts["link"] = ""
        html = self._templates.get_template("message.html.j2").render(facts).strip()
        # Holds for the template as it is; for one that somebody has changed it may not.
        if units(unescape(re.sub(r"<[^<>]*>", "", html))) > MOST_UNITS:
            raise ValueError("longer than Telegram takes")
        return html


def _facts(notice: Notice) -> dict[str, Any]:
    """What the template is given: texts, cleaned and cut; empty where there is nothing to say."""
    event: Mapping[str, Any] = notice.event or {}
    issue: Mapping[str, Any] = notice.issue or {}
    message = cleaned(event.get("message"), lines=True).strip()
    title = cleaned(notice.title).strip()
    frames = last_frames(event) if event else []
    environment, release = (_short(event.get(name), name) for name in ("environment", "release"))
    return {
        "sign": _SIGNS.get(notice.severity, ""),
        "head": _HEADS.get(notice.kind) or notice.severity.capitalize(),
        "what": _WHAT.get(notice.kind, ""),
        "service": _short(notice.service or event.get("service"), "service"),
        "title": cut(unlinked(title), _UNITS["title"]),
        # An exception's is what the title ends with.
        "message": "" if title.endswith(message) else cut(message, _UNITS["message"]),
        "lines": _lines(notice.lines, _LINES_UNITS[not event]),
        "frames": "\n".join(_short(frame, "frame") for frame in frames),
        "origin": [part for part in (_short(event.get("source"), "source"), environment, release) if part],
        "path": _short(event.get("path_or_screen"), "path"),
        "user": _short(event.get("user_email"), "user"),
        "count": _count(notice),
        "seen": _seen(issue),
        # An address that is cut leads nowhere.
        "link": notice.link if notice.link and units(notice.link) <= _UNITS["link"] else "",
        "id": _short(notice.id, "id"),
    }


def _short(value: object, name: str) -> str:
    return cut(cleaned(value), _UNITS[name])


def _lines(lines: Iterable[str], room: int) -> list[str]:
    """As many as there is room for."""
    shown: list[str] = []
    rest = [cut(unlinked(cleaned(line)), _UNITS["line"]) for line in lines]
    while rest and (room := room - units(rest[0]) - 1) >= 0:
        shown.append(rest.pop(0))
    return [*shown, f"… and {len(rest)} more"] if rest else shown


def _count(notice: Notice) -> str:
    if notice.kind not in _COUNTED or notice.count < 2:
        return ""
    since = f" since {_time(notice.since, notice.at)}" if notice.since else ""
    return f"{notice.count:,} events{since}"


def _seen(issue: Mapping[str, Any]) -> str:
    if not issue.get("first_seen"):
        return ""
    count = issue.get("count")
    return f"First seen {_time(issue['first_seen'])}" + (f", {count:,} events in all" if count and count > 1 else "")


def _time(instant: str, now: str = "") -> str:
    """An instant (see `instants.py`) to the minute; of the same day without the date."""
    return f"{instant[11:16] if instant[:10] == now[:10] else instant[:16].replace('T', ' ')} UTC"


def _plain(facts: Mapping[str, Any]) -> str:
    """The same facts without any formatting."""
    what = f", {facts['what']}" if facts["what"] else ""
    service = f" · {unlinked(facts['service'])}" if facts["service"] else ""
    path = f"Path {unlinked(facts['path'])}" if facts["path"] else ""
    user = f"User {unlinked(facts['user'])}" if facts["user"] else ""
    parts = [
        f"{facts['sign']} {facts['head']}{what}{service}", facts["title"], unlinked(facts["message"]), facts["count"],
        *facts["lines"], unlinked(facts["frames"]), unlinked(" · ".join(facts["origin"])), path, user, facts["seen"],
        facts["link"], facts["id"],
    ]  # fmt: skip
    return cut("\n".join(part for part in parts if part), MOST_UNITS)


def _line(notice: Notice) -> str:
    """The least that is worth to be sent; made of nothing that can fail."""
    title = cut(unlinked(cleaned(notice.title)), _UNITS["title"])
    service = f" · {unlinked(_short(notice.service, 'service'))}" if notice.service else ""
    return f"{_SIGNS.get(notice.severity, '')} {notice.severity.capitalize()}{service}: {title} {notice.id}".strip()


def cleaned(value: object, *, lines: bool = False) -> str:
    """A text in which nothing turns the writing round, and that Telegram can carry.

    Args:
        value: anything that an event holds; `None` is empty.
        lines: keep newlines and tabs.
    """
    text = "" if value is None else str(value)
    if lines:
        text = text.replace("\r\n", "\n")
    return "".join(
        part if part in _JOINERS else printable(part, lines=lines) for part in _JOINER_PARTS.split(text) if part
    )


def unlinked(text: str) -> str:
    """A text, to be shown outside of `<code>`, of which Telegram makes no link, mention or command."""
    return _LINKED.sub("\N{WORD JOINER}", text)


def units(text: str) -> int:
    """The length of a text as Telegram counts it: in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, most: int) -> str:
    """A text of at most so many UTF-16 code units. The middle is what goes: a message says what happened at its start,
    and a path says where at its end. No character is cut in two, nor one of several code points where that is cheap."""
    if units(text) <= most:
        return text
    room = most - units(_CUT)
    head = _fitting(text.__getitem__, len(text), room * 2 // 3)
    tail = len(text) - _fitting(lambda index: text[-1 - index], len(text), room - room * 2 // 3)
    for _ in range(_GRAPHEME):
        if not head or not _is_within(text, head):
            break
        head -= 1
    for _ in range(_GRAPHEME):
        if tail >= len(text) or not _is_within(text, tail):
            break
        tail += 1
    return text[:head] + _CUT + text[tail:]


def _fitting(at: Callable[[int], str], length: int, room: int) -> int:
    """How many characters fit."""
    for index in range(length):
        room -= 1 + (at(index) > "\uffff")
        if room < 0:
            return index
    return length


def _is_within(text: str, index: int) -> bool:
    """Whether the character there belongs to the one before it."""
    character = text[index]
    return (
        unicodedata.category(character)[0] == "M"
        or character in _JOINERS
        or text[index - 1] in _JOINERS
        or ord(character) in _SKIN_TONES
    )
