"""Rules of grouping: a constant part divides, a variable one joins, in whatever order they were made; and all of it
explains itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from grouping_support import chosen, event, exception, frame, issues, raised
from levqor_errors.errors import RequestRefusedError
from levqor_errors.event import ErrorEvent
from levqor_errors.grouping import group
from levqor_errors.grouping_explained import explain, rule_for
from levqor_errors.grouping_rules import ANY, CONSTANT, EXCEPTION, MESSAGE, VARIABLE, Grouper, Rule, parts_of

TIMEOUT = "Timeout after 30 ms in shop"


def messages(*texts: str) -> list[ErrorEvent]:
    """An event of each message."""
    return [event(message=text) for text in texts]


def texts(checked: ErrorEvent, rules: Sequence[Rule] = ()) -> list[str]:
    """How the parts of an event's group are shown."""
    return [part.text for part in explain(Grouper(rules), checked).parts]


# -- by message -------------------------------------------------------------------------------------------------------


def test_a_constant_number_makes_two_issues_of_one() -> None:
    one, same, other = messages(TIMEOUT, TIMEOUT, "Timeout after 60 ms in shop")
    rules = chosen(one, 2, CONSTANT)
    assert issues([], one, same, other) == 1
    assert issues(rules, one, same) == 1
    assert issues(rules, one, other) == 2
    assert Grouper(rules).group(one).parts[3] == '["30"]'


def test_a_variable_word_makes_one_issue_of_two() -> None:
    one, other, third = messages("cart is full", "basket is full", "cart is empty")
    rules = chosen(one, 0, VARIABLE)
    assert issues(rules, one, other) == 1
    assert issues(rules, one, third) == 2
    assert texts(other, rules) == [ANY, "is", "full"]


def test_a_variable_word_is_whatever_stands_between_blanks() -> None:
    """Were it only what `cart-a` is in the template, a number in the next one would keep them apart."""
    told = messages("no cart-a here", "no cart-17 here", 'no "old cart" here', "no 10.0.0.1:80, here")
    assert issues(chosen(told[0], 1, VARIABLE), *told) == 1


def test_other_issues_stay_as_they_are() -> None:
    rules = chosen(event(message=TIMEOUT), 0, VARIABLE)
    others = [*messages("it failed", "Timeout after 30 ms"), raised(exception()), event(message="x", service="mail")]
    others.append(event(message=TIMEOUT, service="mail"))
    assert [Grouper(rules).group(one) for one in others] == [group(one) for one in others]


def test_several_rules_on_one_issue() -> None:
    one = event(message=TIMEOUT)
    rules = chosen(one, 0, VARIABLE)
    rules = chosen(one, 5, VARIABLE, rules)
    rules = chosen(one, 2, CONSTANT, rules)
    same = event(message="Retry after 30 ms in mail")
    assert issues(rules, one, same) == 1
    assert issues(rules, one, event(message="Retry after 60 ms in mail")) == 2
    assert texts(same, rules) == [ANY, "after", "30", "ms", "in", ANY]


def test_a_rule_of_one_event_speaks_of_all_its_issue() -> None:
    """Of the issue, not of that one event, it is said that the number matters."""
    one, other = messages(TIMEOUT, "Retry after 30 ms in shop")
    rules = chosen(other, 2, CONSTANT, chosen(one, 0, VARIABLE))
    assert issues(rules, one, other) == 1
    assert issues(rules, one, event(message="Timeout after 60 ms in shop")) == 2


def test_issues_with_an_event_in_common_are_one() -> None:
    one, other = messages("cart is full", "basket is empty")
    rules = chosen(other, 2, VARIABLE, chosen(one, 0, VARIABLE))
    # Both rules speak of it.
    assert issues(rules, one, other, event(message="basket is full")) == 1


def test_what_is_both_is_variable() -> None:
    one, other = messages("host-1 died", "host-x died")
    rules = chosen(other, 0, VARIABLE, chosen(one, 0, CONSTANT))
    assert issues(rules, one, other, event(message="host-2 died")) == 1


def test_a_rule_that_is_taken_back_leaves_nothing() -> None:
    one, other = messages(TIMEOUT, "Retry after 60 ms in mail")
    rules = chosen(one, 0, VARIABLE)
    rules = chosen(one, 5, VARIABLE, rules)
    assert issues(rules, one, other) == 1
    assert issues(rules[1:], one, event(message="Timeout after 9 ms in mail")) == 1
    assert issues(rules[1:], one, other) == 2
    assert Grouper(rules[:0]).group(one) == group(one)


def test_blanks_of_any_number_are_alike_where_there_is_a_rule() -> None:
    one, other = messages("cart is full", "cart  is\tfull")
    assert issues([], one, other) == 2
    assert issues(chosen(one, 0, VARIABLE), one, other) == 1


@pytest.mark.parametrize(
    ("template", "message", "values"),
    [
        ("user %s has no cart", "user ann has no cart", ["user", "ann", "has", "no", "cart"]),
        ("%s: %d of %5.1f%%", "x: 3 of  12.5%", ["x:", "3", "of", " 12.5%"]),
        ("%s", "all of it", ["all of it"]),
        ("a %s", "a b c", ["a", "b c"]),
        ("%(name)s left %s", "ann left 'the shop'", ["ann", "left", "'the shop'"]),
        ("retry 3 of %d", "retry 3 of 7", ["retry", "3", "of", "7"]),
        ("a=%s,b=%s", "a=1,b=2", ["a=1,b=2"]),
        ("%s%s %s", "ab c", ["ab", "c"]),
        # What the message does not show stays as the template has it.
        ("user %s has no cart", "another text", ["user", "%s", "has", "no", "cart"]),
        ("%s by %s of %s", "cart by ann", ["cart", "by", "%s", "of", "%s"]),
    ],
)
def test_arguments_of_a_logging_call_are_found(template: str, message: str, values: list[str]) -> None:
    logged = event(message=message, context={"message_template": template})
    assert [part.value for part in parts_of(logged)] == values


def test_an_argument_of_a_logging_call_can_be_constant() -> None:
    template = {"message_template": "no %s for user %s"}
    one, same, other = (
        event(message=f"no {what} for user {who}", context=template)
        for what, who in (("cart", "ann"), ("cart", "bob"), ("address", "ann"))
    )
    rules = chosen(one, 1, CONSTANT)
    assert issues(rules, one, same) == 1
    assert issues(rules, one, other) == 2


# -- by exception -----------------------------------------------------------------------------------------------------


def test_a_variable_function_or_type_joins() -> None:
    one = raised(exception("OSError", frames=[frame("pay"), frame("send")]))
    other_way = raised(exception("OSError", frames=[frame("refund"), frame("send")]))
    other_type = raised(exception("TimeoutError", frames=[frame("pay"), frame("send")]))
    assert issues([], one, other_way, other_type) == 3
    assert issues(chosen(one, 1, VARIABLE), one, other_way) == 1
    assert issues(chosen(one, 1, VARIABLE), one, other_type) == 2
    assert issues(chosen(one, 0, VARIABLE), one, other_type) == 1
    assert texts(one, chosen(one, 1, VARIABLE)) == ["OSError", ANY, "shop.cart:send", "it failed"]


def test_a_constant_message_divides_what_happens_at_one_place() -> None:
    one = raised(exception(value="no item 7"))
    same = raised(exception(value="no item 8"))
    other = raised(exception(value="no cart"))
    rules = chosen(one, 2, CONSTANT)
    assert issues([], one, same, other) == 1
    assert issues(rules, one, same) == 1
    assert issues(rules, one, other) == 2


def test_a_constant_message_of_an_exception_without_frames_is_kept_as_it_is() -> None:
    one, other = (raised(exception(value=f"no item {number}", frames=[])) for number in (7, 8))
    assert issues([], one, other) == 1
    assert issues(chosen(one, 1, CONSTANT), one, other) == 2
    assert issues(chosen(one, 1, VARIABLE), one, raised(exception(value="no cart", frames=[]))) == 1


# -- what it says of itself -------------------------------------------------------------------------------------------


def test_parts_explain_themselves() -> None:
    told = explain(Grouper(), event(message="user 42 has no 'big cart'"))
    assert told.kind == MESSAGE
    assert [(part.text, part.value, part.variable, part.choices) for part in told.parts] == [
        ("user", "user", False, (VARIABLE,)),
        ("<number>", "42", True, (CONSTANT, VARIABLE)),
        ("has", "has", False, (VARIABLE,)),
        ("no", "no", False, (VARIABLE,)),
        ("<quoted>", "'big cart'", True, (CONSTANT, VARIABLE)),
    ]
    told = explain(Grouper(), raised(exception("OSError", "no item 7")))
    assert told.kind == EXCEPTION
    assert [(part.what, part.text, part.variable, part.choices) for part in told.parts] == [
        ("type", "OSError", False, (VARIABLE,)),
        ("place", "shop.cart:pay", False, (VARIABLE,)),
        ("text", "no item <number>", True, (CONSTANT,)),
    ]


def test_a_part_with_a_rule_names_it_and_offers_nothing_else() -> None:
    one = event(message=TIMEOUT)
    rules = chosen(one, 0, VARIABLE, chosen(one, 2, CONSTANT))
    told = explain(Grouper(rules), one).parts
    assert [(part.position, part.rules) for part in told if not part.choices] == [(0, (2,)), (2, (1,))]
    assert (told[0].text, told[0].variable) == (ANY, True)
    assert (told[2].text, told[2].variable) == ("30", False)


def test_what_the_sender_grouped_is_left_alone() -> None:
    one = event(message=TIMEOUT, fingerprint=["checkout", "30"])
    told = explain(Grouper(chosen(event(message=TIMEOUT), 2, CONSTANT)), one)
    assert told.kind == "custom"
    assert [(part.text, part.choices) for part in told.parts] == [("checkout", ()), ("30", ())]
    assert Grouper([Rule(1, "unknown", "custom", ("checkout", "30"), 1, VARIABLE)]).group(one) == group(one)


@pytest.mark.parametrize(("position", "treat"), [(1, CONSTANT), (6, VARIABLE), (-1, VARIABLE), (0, "gone"), (0, "")])
def test_what_is_not_offered_is_refused(position: int, treat: str) -> None:
    with pytest.raises(RequestRefusedError):
        rule_for(explain(Grouper(), event(message=TIMEOUT)), position, treat)


def test_a_rule_in_force_is_not_made_twice() -> None:
    one = event(message=TIMEOUT)
    with pytest.raises(RequestRefusedError):
        chosen(one, 0, VARIABLE, chosen(one, 0, VARIABLE))


# -- what a group without rules becomes, for what is stored -----------------------------------------------------------


def test_where_a_group_goes() -> None:
    one, other = messages("cart 7 is full", "basket 7 is full")
    joined = Grouper(chosen(one, 0, VARIABLE))
    divided = Grouper(chosen(one, 1, CONSTANT))
    assert joined.target(group(other).parts) == joined.group(one).parts
    assert divided.target(group(one).parts) is None
    assert divided.target(group(other).parts) == group(other).parts


def test_which_groups_there_may_be() -> None:
    one = event(message="cart 7 is full")
    joined = Grouper(chosen(one, 0, VARIABLE))
    divided = Grouper(chosen(one, 1, CONSTANT))
    both = Grouper(chosen(one, 1, CONSTANT, chosen(one, 0, VARIABLE)))
    groupers = (Grouper(), joined, divided, both)
    parts = [grouper.group(one).parts for grouper in groupers]
    assert [[grouper.in_force(of) for of in parts] for grouper in groupers] == [
        [number == at for at in range(4)] for number in range(4)
    ]
    assert divided.in_force(divided.group(event(message="cart 8 is full")).parts)
    assert joined.in_force(group(event(fingerprint=["x"])).parts)
