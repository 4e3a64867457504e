"""What the owner wants grouped otherwise: parts of a group that `grouping.py` made, treated as constant or as variable.

A rule belongs to a service and to one of the ways in which events are grouped there, by message (its parts are the
words of the template) or by exception (types and functions), and speaks of one part of one group:

- *variable*: groups that differ in that part only are one. Its text becomes `<any>`.
- *constant*: what a placeholder stands for, `<number>` in `timeout after <number> ms`, is kept, so that 30 and 60 are
  two groups. For an exception: its message, which is else no part of the group.

Rules are one set, whatever their order. Groups that a rule joins are one pattern, and a pattern that has a group in
common with another one is joined with that, since who says of an issue that a part of it varies means all of the
issue. What is constant for one group of a pattern is so for all of it. Where one part is both, it is variable.
A fingerprint that the sender made is left alone.

Pure; the collector builds a `Grouper` from the rules in force and asks it for each event. What is stored already is
moved by `storage/regroup/`. What of an issue's group comes from which part and rule is told by `grouping_explained.py`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from .event import ErrorEvent
from .grouping import (
    Group,
    exceptions_of,
    fingerprint_of,
    group,
    logged_template,
    message_template,
    value_of,
    way_of,
    words_of,
)

MESSAGE: Final = "message"
EXCEPTION: Final = "exception"
CONSTANT: Final = "constant"
VARIABLE: Final = "variable"
#: What stands for a part that may be anything.
ANY: Final = "<any>"

#: In the first part of a group that rules had to do with, behind the kind. No sender can make such a group otherwise.
_BY_RULE: Final = " by rule"
#: How much of a value that is kept tells it from others.
_VALUE_CHARS: Final = 200
#: Where a logging call's arguments go into its template (printf-style formatting in Python's documentation).
_ARGUMENT: Final = re.compile(
    r"%(?:\([^()]{1,64}\))?[#0+ -]{0,5}(?:\d{1,4}|\*)?(?:\.(?:\d{1,4}|\*))?[hlL]?[diouxXeEfFgGcrsa%]"
)

Words: TypeAlias = tuple[str, ...]
#: Parts as they have to be; `None`: anything.
_Pattern: TypeAlias = "tuple[str | None, ...]"


class Rule(NamedTuple):
    """One wish of the owner."""

    id: int
    service: str
    #: `message` or `exception`.
    kind: str
    #: The group that it speaks of: the words of its template, or its types and functions.
    parts: Words
    #: Which of them; one past the last means the message of an exception.
    position: int
    #: `constant` or `variable`.
    treat: str


class Treatment(NamedTuple):
    """What rules make of a group, or of all that have a pattern in common."""

    pattern: _Pattern
    #: Which parts are kept as the event has them.
    kept: tuple[int, ...]
    #: The rules behind each part that they treat.
    rules: dict[int, tuple[int, ...]]
    #: What the fingerprint is made from, before the values that are kept, and behind them. No two groups have the same
    #: parts: how many there are, and which of them are what, comes first.
    head: Words
    tail: Words

    def parts(self, values: Sequence[str] = ()) -> Words:
        """Of the group whose events have these values in what is kept."""
        return (*self.head, json.dumps(values, ensure_ascii=False), *self.tail)


def is_by_rule(parts: Words) -> bool:
    """Whether rules had to do with a group."""
    return parts[0].endswith(_BY_RULE)


class Part(NamedTuple):
    """A part of an event's group before any rule."""

    #: `word`, `type`, `place` or `text` (of an exception).
    what: str
    #: As the group has it.
    text: str
    #: As the event has it.
    value: str


class Grouper:
    """Finds the group of an event by some rules. May be used from several threads.

    Args:
        rules: those in force.
        version: of the rules, as the storage counts it; it goes with each event, so that the storage can tell which
            were grouped by old ones.
    """

    def __init__(self, rules: Iterable[Rule] = (), version: int = 0) -> None:
        self.version = version
        self.rules = tuple(rules)
        services: dict[str, dict[str, list[Rule]]] = {}
        for rule in self.rules:
            past_last = rule.kind == EXCEPTION and rule.treat == CONSTANT
            if rule.kind in (MESSAGE, EXCEPTION) and 0 <= rule.position < len(rule.parts) + past_last:
                services.setdefault(rule.service, {}).setdefault(rule.kind, []).append(rule)
        self._services = {
            service: {kind: _RuleSet((kind, service), rules) for kind, rules in kinds.items()}
            for service, kinds in services.items()
        }

    def group(self, event: ErrorEvent) -> Group:
        """The group of an event. Never raises, whatever shape the event's context has."""
        base = group(event)
        if event.service not in self._services or (treatment := self.treatment(base.parts)) is None:
            return base
        values: list[str] = []
        if treatment.kept:
            found = parts_of(event)
            values = [_kept(found, position, len(treatment.pattern)) for position in treatment.kept]
        parts = treatment.parts(values)
        return Group(fingerprint_of(parts), base.title, parts)

    def treatment(self, base: Words) -> Treatment | None:
        """What rules make of a group, by the parts that it has without them; `None`: nothing."""
        rules = self._services.get(base[1], {}).get(base[0])
        return rules.find(words_of_group(base)) if rules is not None else None

    def target(self, base: Words) -> Words | None:
        """The parts of the group to which all events of a group go, by the parts that it has without rules; `None`:
        that is for each of them to say."""
        treatment = self.treatment(base)
        if treatment is None:
            return base
        return None if treatment.kept else treatment.parts()

    def joined(self, service: str) -> list[tuple[Words, int]]:
        """The groups of a service that were several, and are one for all their events; each with the last rule that
        had to do with it."""
        return [
            (treatment.parts(), max(itertools.chain.from_iterable(treatment.rules.values())))
            for rules in self._services.get(service, {}).values()
            for treatment in rules.treatments()
            if not treatment.kept
        ]

    def in_force(self, parts: Words) -> bool:
        """Whether an event may be of a group with these parts."""
        kind, by_rule, _ = parts[0].partition(_BY_RULE)
        if not by_rule:
            return self.treatment(parts) is None
        rules = self._services.get(parts[1], {}).get(kind)
        return rules is not None and (*parts[:3], *parts[4:]) in rules.outlines


class _RuleSet:
    """The rules of one kind and service.

    Args:
        base: both, the first parts of all groups that they speak of.
        rules: these.
    """

    def __init__(self, base: tuple[str, str], rules: Sequence[Rule]) -> None:
        #: Of all groups that there are by these rules, but for the values that are kept.
        self.outlines: set[Words] = set()
        self._base = base
        wild = [rule for rule in rules if rule.treat == VARIABLE]
        patterns = _closed(_with_any(rule.parts, rule.position) for rule in wild)
        #: By length: what picks the parts that have to be so, and what is done where they are.
        self._joined: dict[int, list[tuple[_Pick, dict[Any, Treatment]]]] = {}
        self._exact: dict[Words, Treatment] = {}
        speaking: dict[_Pattern, list[Rule]] = {pattern: [] for pattern in patterns}
        for rule in rules:
            # Each pattern of a variable part was joined into one of them.
            joined = (pattern for pattern in patterns if _overlap(pattern, rule.parts))
            speaking.setdefault(next(joined, rule.parts), []).append(rule)
        for pattern, its_rules in speaking.items():
            self._add(pattern, its_rules)

    def _add(self, pattern: _Pattern, rules: Iterable[Rule]) -> None:
        by_position: dict[int, tuple[int, ...]] = {}
        for rule in rules:
            by_position[rule.position] = (*by_position.get(rule.position, ()), rule.id)
        open_at = {position for position, part in enumerate(pattern) if part is None}
        kept = tuple(sorted(by_position.keys() - open_at))
        outline = f"of {len(pattern)} parts any: {_numbers(sorted(open_at))}; kept: {_numbers(kept)}"
        kind, service = self._base
        head = (kind + _BY_RULE, service, outline)
        texts = [ANY if part is None else part for part in pattern]
        tail = (" ".join(texts),) if kind == MESSAGE else tuple(texts)
        treatment = Treatment(pattern, kept, by_position, head, tail)
        self.outlines.add(head + tail)
        if not open_at:
            self._exact[tuple(part for part in pattern if part is not None)] = treatment
            return
        fixed = tuple(position for position, part in enumerate(pattern) if part is not None)
        pick = _pick(fixed)
        known = self._joined.setdefault(len(pattern), [])
        for other, treatments in known:
            if other.fixed == fixed:
                treatments[pick.of(pattern)] = treatment
                return
        known.append((pick, {pick.of(pattern): treatment}))

    def find(self, words: Words) -> Treatment | None:
        """What is done to a group; no more than one thing is."""
        for pick, treatments in self._joined.get(len(words), ()):
            if (treatment := treatments.get(pick.of(words))) is not None:
                return treatment
        return self._exact.get(words)

    def treatments(self) -> Iterable[Treatment]:
        """All that there are."""
        joined = (treatments.values() for known in self._joined.values() for _, treatments in known)
        return itertools.chain(self._exact.values(), *joined)


def _numbers(positions: Iterable[int]) -> str:
    """Positions as people count."""
    return " ".join(str(position + 1) for position in positions) or "none"


class _Pick(NamedTuple):
    """Takes some parts out of many, as a key."""

    fixed: tuple[int, ...]
    of: Callable[[Any], Any]


def _pick(fixed: tuple[int, ...]) -> _Pick:
    return _Pick(fixed, itemgetter(*fixed) if fixed else lambda _words: ())


def _with_any(words: Words, position: int) -> _Pattern:
    return (*words[:position], None, *words[position + 1 :])


def _closed(patterns: Iterable[_Pattern]) -> list[_Pattern]:
    """Patterns of which no two have a group in common, which together have all that these have."""
    apart: list[_Pattern] = []
    for pattern in patterns:
        rest = apart
        while True:
            touching = [other for other in rest if _overlap(pattern, other)]
            if not touching:
                break
            rest = [other for other in rest if other not in touching]
            for other in touching:
                pattern = tuple(None if None in pair else pair[0] for pair in zip(pattern, other, strict=True))
        apart = [*rest, pattern]
    return apart


def _overlap(one: _Pattern, other: _Pattern) -> bool:
    return len(one) == len(other) and all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def words_of_group(base: Words) -> Words:
    """The parts that rules speak of, of a group without rules: the words of its template, or types and functions."""
    return tuple(base[2].split()) if base[0] == MESSAGE else base[2:]


def _kept(parts: Sequence[Part], position: int, length: int) -> str:
    """What is kept of a part."""
    if position >= len(parts):
        return ""
    value = parts[position].value
    return (message_template(value) if position == length else value)[:_VALUE_CHARS]


def parts_of(event: ErrorEvent) -> list[Part]:
    """The parts of an event's group that rules can speak of, with what they are in this event. For an exception its
    message comes behind them, if it is no part of the group."""
    exceptions = exceptions_of(event.context)
    if not exceptions:
        return _words_in(event)
    parts: list[Part] = []
    for exception in exceptions:
        kind, value = exception["type"], value_of(exception)
        places, by_text = way_of(exception)
        parts.append(Part("type", kind, kind))
        parts.extend(Part("place", place, place) for place in places)
        if by_text:
            parts.append(Part("text", message_template(value), value))
    _, by_text = way_of(exceptions[0])
    if not by_text:
        value = value_of(exceptions[0]) or event.message
        parts.append(Part("text", message_template(value), value))
    return parts


def _words_in(event: ErrorEvent) -> list[Part]:
    template = logged_template(event.context)
    text = template or event.message
    spans = words_of(text)
    values = [text[start:end] for start, end in spans]
    if template:
        values = _filled(template, spans, event.message)
    return [Part("word", *pair) for pair in zip(message_template(text).split(), values, strict=True)]


def _filled(template: str, spans: Sequence[tuple[int, int]], message: str) -> list[str]:
    """Words of a logging call's template with the arguments that went into them, as far as the message shows them."""
    places = list(_ARGUMENT.finditer(template))
    values = _arguments(template, places, message)
    words = []
    number = 0
    for start, end in spans:
        word = ""
        while number < len(values) and (place := places[number]).start() < end:
            word += template[start : place.start()] + values[number]
            start = place.end()
            number += 1
        words.append(word + template[start:end])
    return words


def _arguments(template: str, places: Sequence[re.Match[str]], message: str) -> list[str]:
    """What went into a template, from the first on; nothing from where the message is not as the template says."""
    values: list[str] = []
    at = places[0].start() if places else 0
    if message[:at] != template[:at]:
        return values
    for number, place in enumerate(places):
        literal = template[place.end() : places[number + 1].start() if number + 1 < len(places) else None]
        last = number + 1 == len(places) and not literal
        end = len(message) if last else message.find(literal, at)
        if end < 0:
            return values
        values.append(message[at:end])
        at = end + len(literal)
    return values
