"""The report: a line a finding, and what to do below; or all of it as JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.text import Text

from ..collector.logs import without_hidden
from ..printable import printable
from ..version import VERSION
from .finding import Finding, Level

_SIGNS: Final = {Level.OK: "✓", Level.WARNING: "!", Level.FAILED: "✗"}
#: Where the output has no letters but ASCII.
_PLAIN_SIGNS: Final = {Level.OK: "+", Level.WARNING: "!", Level.FAILED: "x"}
#: Each can be read on white and on black.
_STYLES: Final = {Level.OK: "green", Level.WARNING: "bold dark_orange", Level.FAILED: "bold red"}
#: The longest name of ours.
_NAME_CHARS: Final = 11
#: In front of what was found: sign, name, and the blanks around.
_INDENT: Final = 2 + _NAME_CHARS + 2
#: On a narrower terminal than this lines are not broken by us.
_LEAST_COLUMNS: Final = 40
#: So wide that a line stays one, for `grep`.
_ENDLESS: Final = 100_000


def show(findings: Iterable[Finding]) -> bool:
    """Print the findings as they come; returns whether nothing has failed."""
    console = Console(highlight=False)
    if console.no_color:
        # rich would still set bold.
        console = Console(highlight=False, color_system=None)
    if not console.is_terminal or console.width < _LEAST_COLUMNS:
        console.width = _ENDLESS
    ascii_only = not _can_show("".join(_SIGNS.values()))
    if ascii_only:
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    counts: Counter[Level] = Counter()
    for finding in findings:
        counts[finding.level] += 1
        _print(console, finding, ascii_only)
    console.print()
    console.print(_sum(counts))
    return not counts[Level.FAILED]


def show_json(findings: Iterable[Finding]) -> bool:
    """Print the findings as one JSON object; returns whether nothing has failed."""
    checks = [
        {
            "topic": finding.topic, "name": finding.name, "level": finding.level.value,
            "found": _fit(finding.found), "advice": _fit(finding.advice) or None,
        }
        for finding in findings
    ]  # fmt: skip
    ok = all(check["level"] != Level.FAILED.value for check in checks)
    sys.stdout.write(json.dumps({"ok": ok, "version": VERSION, "checks": checks}, indent=2) + "\n")
    return ok


def _print(console: Console, finding: Finding, ascii_only: bool) -> None:
    sign = (_PLAIN_SIGNS if ascii_only else _SIGNS)[finding.level]
    style = _STYLES[finding.level]
    head = Text.assemble((sign, style), " ", (f"{_fit(finding.name):<{_NAME_CHARS}}", _name_style(finding)), "  ")
    _print_folded(console, head, Text(_fit(finding.found)))
    if finding.advice:
        arrow = "->" if ascii_only else "→"
        head = Text(f"{' ' * _INDENT}{arrow} ", "italic")
        _print_folded(console, head, Text(_fit(finding.advice), "italic"))


def _print_folded(console: Console, head: Text, text: Text) -> None:
    """Print a text behind its head; on a terminal its further lines stand below its first."""
    for number, line in enumerate(text.wrap(console, max(20, console.width - head.cell_len))):
        line.rstrip()
        console.print(Text.assemble(head if number == 0 else " " * head.cell_len, line), soft_wrap=True)


def _name_style(finding: Finding) -> str:
    return "bold" if finding.level is Level.OK else _STYLES[finding.level]


def _sum(counts: Counter[Level]) -> Text:
    parts = [
        Text(f"{counts[level]} {word}", _STYLES[level])
        for level, word in ((Level.OK, "well"), (Level.WARNING, "to look at"), (Level.FAILED, "failed"))
        if counts[level]
    ]
    return Text(", ").join(parts)


def _fit(text: str) -> str:
    """A text without secrets, and with nothing that acts on a terminal."""
    return printable(without_hidden(text))


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
