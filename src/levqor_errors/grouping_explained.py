"""Grouping explains itself: of what an event's group is made, which parts vary, and what the owner may make of each.

Comes after `grouping_rules.py`; pure. The page and the API of an issue show what `explain` says, and what somebody
chooses there becomes a rule by `rule_for`.
"""

from __future__ import annotations

from typing import NamedTuple

from .errors import RequestRefusedError
from .event import ErrorEvent
from .grouping import group
from .grouping_rules import ANY, CONSTANT, EXCEPTION, MESSAGE, VARIABLE, Grouper, Rule, Words, parts_of, words_of_group


class ExplainedPart(NamedTuple):
    """One part of a group."""

    #: By which a rule names it.
    position: int
    #: `word`, `type`, `place`, `text` (of an exception), or `given` by the sender.
    what: str
    #: As it tells this group from others; `<any>` and `<number>` where it does not.
    text: str
    #: As it is in the event.
    value: str
    #: Whether events of the group may differ in it.
    variable: bool
    #: What the owner may make of it: `constant`, `variable`.
    choices: tuple[str, ...]
    #: By which of his rules it is as it is.
    rules: tuple[int, ...]


class Explanation(NamedTuple):
    """Why an event is in its issue."""

    #: `custom`, `exception` or `message`.
    kind: str
    #: What the group is made from without any rule.
    base: Words
    parts: tuple[ExplainedPart, ...]


def explain(grouper: Grouper, event: ErrorEvent) -> Explanation:
    """Why an event is in its issue, by the rules in force."""
    base = group(event).parts
    if base[0] not in (MESSAGE, EXCEPTION):
        given = [ExplainedPart(at, "given", text, text, False, (), ()) for at, text in enumerate(base[2:])]
        return Explanation(base[0], base, tuple(given))
    treatment = grouper.treatment(base)
    length = len(words_of_group(base))
    explained: list[ExplainedPart] = []
    for at, part in enumerate(parts_of(event)):
        rules = treatment.rules.get(at, ()) if treatment is not None else ()
        is_any = treatment is not None and at < length and treatment.pattern[at] is None
        is_kept = treatment is not None and at in treatment.kept
        # A placeholder, or the text of an exception that is no part of the group.
        varies = part.text != part.value or at == length
        choices: list[str] = []
        if not (is_any or is_kept):
            choices += [CONSTANT] if varies else []
            choices += [VARIABLE] if at < length else []
        text = ANY if is_any else part.value if is_kept else part.text
        variable = is_any or (varies and not is_kept)
        explained.append(ExplainedPart(at, part.what, text, part.value, variable, tuple(choices), rules))
    return Explanation(base[0], base, tuple(explained))


def rule_for(explanation: Explanation, position: int, treat: str) -> Rule:
    """The rule that the owner asks for, still without a number.

    Raises:
        RequestRefusedError: there is no such part (404), or that is not to be said of it (409), or of any (400).
    """
    if treat not in (CONSTANT, VARIABLE):
        raise RequestRefusedError(400, f"treat must be {CONSTANT} or {VARIABLE}")
    part = next((part for part in explanation.parts if part.position == position), None)
    if part is None:
        raise RequestRefusedError(404, "the group has no part at that position")
    if treat not in part.choices:
        allowed = " or ".join(part.choices)
        raise RequestRefusedError(
            409, f"that part can be treated as {allowed}" if allowed else "that part is as it is: take back its rule"
        )
    base = explanation.base
    return Rule(0, base[1], base[0], words_of_group(base), position, treat)
