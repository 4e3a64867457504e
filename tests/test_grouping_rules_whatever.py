"""Rules of grouping hold for whatever events and rules there are."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grouping_support import (
    CONTEXTS,
    PARTS,
    QUICK,
    assert_usable,
    chosen,
    event,
    exception,
    frame,
    issues,
    normalized,
    raised,
)
from levqor_errors.event import ErrorEvent
from levqor_errors.grouping import group, message_template, words_of
from levqor_errors.grouping_explained import explain
from levqor_errors.grouping_rules import ANY, CONSTANT, EXCEPTION, MESSAGE, VARIABLE, Grouper, Rule

#: Few words, so that rules meet what other rules speak of.
SHORT = st.lists(st.sampled_from(["a", "b", "7", "8", "x=7", "'q'"]), min_size=1, max_size=4).map(" ".join)
EVENTS = st.one_of(
    SHORT.map(lambda text: event(message=text)),
    st.builds(
        lambda kind, places, value: raised(exception(kind, value, [frame(place) for place in places])),
        st.sampled_from("AB"),
        st.lists(st.sampled_from("fg"), max_size=2),
        SHORT,
    ),
)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    """Rules as the owner would have made them, one after the other, each by what he was offered."""
    rules: list[Rule] = []
    for _ in range(draw(st.integers(0, 5))):
        checked = draw(EVENTS)
        offered = [(part.position, treat) for part in explain(Grouper(rules), checked).parts for treat in part.choices]
        if offered:
            rules = chosen(checked, *draw(st.sampled_from(offered)), rules)
    return rules


@settings(QUICK, max_examples=300)
@given(CONTEXTS, PARTS, st.text(st.characters(), min_size=1).filter(lambda text: not text.isspace()))
def test_without_rules_nothing_changes(context: dict[str, Any], parts: list[str], message: str) -> None:
    checked = normalized(message, context, parts)
    assert Grouper().group(checked) == group(checked)
    other = [Rule(1, checked.service + "x", MESSAGE, ("it", "failed"), 0, VARIABLE)]
    assert Grouper(other).group(checked) == group(checked)


@settings(QUICK, max_examples=300)
@given(CONTEXTS, PARTS, st.text(st.characters(), min_size=1).filter(lambda text: not text.isspace()), st.data())
def test_no_event_stops_it(context: dict[str, Any], parts: list[str], message: str, data: st.DataObject) -> None:
    checked = normalized(message, context, parts)
    told = explain(Grouper(), checked)
    for part in told.parts:
        for treat in part.choices:
            grouper = Grouper(chosen(checked, part.position, treat))
            result = grouper.group(checked)
            assert_usable(result)
            assert result != group(checked)
            assert result == grouper.group(checked)
            after = explain(grouper, checked).parts[part.position]
            assert (after.rules, after.choices) == ((1,), ())
            assert after.variable is (treat == VARIABLE)


@QUICK
@given(st.text(st.characters()) | st.text(st.sampled_from("0123456789abcdefx-:.@'\"`_ \n\x1c\x85")))
def test_a_message_has_as_many_words_as_its_template(message: str) -> None:
    assert len(words_of(message)) == len(message_template(message).split())


@QUICK
@given(rule_sets(), st.lists(EVENTS, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(rules: list[Rule], events: list[ErrorEvent], chance: Any) -> None:
    shuffled = list(rules)
    chance.shuffle(shuffled)
    assert [Grouper(rules).group(one) for one in events] == [Grouper(shuffled).group(one) for one in events]


def with_part(rule: Rule, text: str) -> ErrorEvent:
    """The event of the group that a rule speaks of, but for the one part."""
    words = [*rule.parts[: rule.position], text, *rule.parts[rule.position + 1 :]]
    if rule.kind == MESSAGE:
        return event(message=" ".join(words))
    if len(rule.parts) == 2 and ":" not in rule.parts[1]:
        return raised(exception(words[0], words[1], []))
    value = words[len(rule.parts)] if rule.position == len(rule.parts) else "it failed"
    return raised(exception(words[0], value, [{"module": None, "function": None} | _placed(at) for at in words[1:]]))


def _placed(place: str) -> dict[str, str]:
    module, _, function = place.partition(":")
    return {"module": module, "function": function or "f"}


@settings(QUICK, max_examples=300)
@given(rule_sets())
def test_each_rule_does_what_it_says(rules: list[Rule]) -> None:
    """Whatever other rules there are."""
    grouper = Grouper(rules)
    for rule in rules:
        one, other = (with_part(rule, text) for text in ("b-1", "'b'"))
        is_any = next(part for part in explain(grouper, one).parts if part.position == rule.position).text == ANY
        assert (grouper.group(one).parts == grouper.group(other).parts) is (rule.treat == VARIABLE or is_any)


@settings(QUICK, max_examples=300)
@given(rule_sets(), EVENTS, EVENTS)
def test_events_of_one_issue_are_shown_alike(rules: list[Rule], one: ErrorEvent, other: ErrorEvent) -> None:
    grouper = Grouper(rules)
    if grouper.group(one).fingerprint == grouper.group(other).fingerprint:
        # Of an exception without its text, if that is no part of its group.
        shown = [
            [part.text for part in explain(grouper, checked).parts if part.choices != (CONSTANT,)]
            for checked in (one, other)
        ]
        assert shown[0] == shown[1]


@QUICK
@given(rule_sets(), st.lists(EVENTS, min_size=1, max_size=4))
def test_where_groups_go_agrees_with_where_events_go(rules: list[Rule], events: list[ErrorEvent]) -> None:
    grouper = Grouper(rules)
    for checked in events:
        found = grouper.group(checked)
        assert grouper.target(group(checked).parts) in (None, found.parts)
        assert grouper.in_force(found.parts)
        assert grouper.in_force(group(checked).parts) is (found == group(checked))


@QUICK
@given(rule_sets())
def test_different_groups_have_different_parts(rules: list[Rule]) -> None:
    events = [event(message=" ".join(words)) for words in itertools.product(["a", "b", "7", "8"], repeat=2)]
    grouper = Grouper(rules)
    by_parts: dict[tuple[str, ...], set[str]] = {}
    for checked in events:
        found = grouper.group(checked)
        by_parts.setdefault(found.parts, set()).add(found.fingerprint)
    assert all(len(fingerprints) == 1 for fingerprints in by_parts.values())


def test_nobody_can_send_himself_into_a_group_of_rules() -> None:
    one = event(message="cart is full")
    rules = chosen(one, 0, VARIABLE)
    parts = Grouper(rules).group(one).parts
    hostile = [
        event(message=f"{ANY} is not full"),
        event(message=parts[-1], fingerprint=list(parts)),
        raised(*(exception(part, frames=[]) for part in parts)),
        event(message=json.dumps(parts)),
    ]
    assert issues(rules, one, *hostile) == 5
    # That one is as the rule says, whatever its word is.
    assert issues(rules, one, event(message=f"{ANY} is full")) == 1


@pytest.mark.parametrize("position", [-1, 3, 4, 10**9])
def test_a_rule_that_makes_no_sense_does_nothing(position: int) -> None:
    """Somebody may write one by hand."""
    rules = [Rule(1, "unknown", kind, ("it", "is", "full"), position, VARIABLE) for kind in (MESSAGE, EXCEPTION)]
    checked = event(message="it is full")
    assert Grouper(rules).group(checked) == group(checked)


def test_many_rules_and_long_messages_take_no_time() -> None:
    """Nothing is measured: what is not linear would not come to an end here."""
    long = [" ".join(f"w{letter}" for letter in "abcdefghij" * 30) + f" {number}" for number in range(200)]
    words = tuple(message_template(long[0]).split())
    rules = [Rule(at, "unknown", MESSAGE, (*words[:-1], f"end{at}"), at, VARIABLE) for at in range(200)]
    grouper = Grouper(rules)
    for text in long:
        grouper.group(event(message=text))
    template = "%s" * 4_000
    logged = event(message="x" * 8_000, context={"message_template": template})
    Grouper(chosen(logged, 0, CONSTANT)).group(logged)
