"""Grouping by exception: functions, modules, types and causes matter, and what changes with each build does not."""

from __future__ import annotations

import string
from typing import Any

import pytest

from grouping_support import event, exception, frame, raised, same_issue
from levqor_errors.event import ErrorEvent


def test_line_numbers_do_not_matter() -> None:
    assert same_issue(raised(exception(frames=[frame(line=7)])), raised(exception(frames=[frame(line=8)])))


def test_what_stands_in_a_frame_beside_its_function_does_not_matter() -> None:
    plain = raised(exception())
    told = raised(exception(frames=[frame(vars={"cart": 7}, context_line="pay(cart)", pre_context=["x"])]))
    assert same_issue(plain, told)


def test_the_text_of_an_exception_with_frames_does_not_matter() -> None:
    assert same_issue(raised(exception(value="no item 7")), raised(exception(value="no cart"), message="another"))


def test_functions_matter() -> None:
    assert not same_issue(raised(exception(frames=[frame("pay")])), raised(exception(frames=[frame("ship")])))


def test_the_order_of_functions_matters() -> None:
    one, other = [frame("pay"), frame("ship")], [frame("ship"), frame("pay")]
    assert not same_issue(raised(exception(frames=one)), raised(exception(frames=other)))


def test_modules_matter() -> None:
    assert not same_issue(raised(exception()), raised(exception(frames=[frame(module="shop.stock")])))


def test_files_matter_where_there_is_no_module() -> None:
    one, other = frame(module=None), frame(module=None, file="/srv/shop/stock.py")
    assert not same_issue(raised(exception(frames=[one])), raised(exception(frames=[other])))


def test_types_matter() -> None:
    assert not same_issue(raised(exception("ValueError")), raised(exception("KeyError")))


def test_the_cause_matters() -> None:
    assert not same_issue(raised(exception()), raised(exception(), exception("KeyError")))
    assert not same_issue(raised(exception(), exception("OSError")), raised(exception(), exception("KeyError")))


def test_the_service_matters() -> None:
    assert not same_issue(raised(exception(), service="shop"), raised(exception(), service="mail"))
    assert not same_issue(event(service="shop"), event(service="mail"))


def test_nothing_else_matters() -> None:
    other = event(
        severity="critical",
        source="frontend",
        environment="staging",
        release="2",
        user_email="a@b.c",
        path_or_screen="/x",
        stack="x",
        created_at=0,
        context={"tags": {"a": 1}},
    )
    assert same_issue(event(), other)


def test_the_way_through_libraries_does_not_matter_where_our_own_code_is_on_it() -> None:
    library = frame("send", module="requests.api", in_app=False)
    assert same_issue(raised(exception(frames=[frame()])), raised(exception(frames=[library, frame(), library])))


def test_libraries_matter_where_there_is_nothing_else() -> None:
    one, other = frame("send", in_app=False), frame("receive", in_app=False)
    assert not same_issue(raised(exception(frames=[one])), raised(exception(frames=[other])))


def built(*functions: str, file: str = "/assets/app.js", **changes: Any) -> list[dict[str, Any]]:
    """Frames of a built script, as `browser_stacks` reads them."""
    return [frame(function, module=file, column=number, **changes) for number, function in enumerate(functions)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a", "b"], ["c", "d"]),
        (["$", "addPrices", "_t"], ["n", "addPrices", "xr"]),
        (["tIe", "onClick", "r1"], ["add", "onClick", "r"]),
        # Put into their callers, or not.
        (["a", "b", "onClick", "c", "d"], ["a", "onClick", "c"]),
        (["a", "", "onClick", "b"], ["", "b", "onClick", "b"]),
    ],
)
def test_what_a_minifier_calls_functions_does_not_matter(one: list[str], other: list[str]) -> None:
    assert same_issue(raised(exception(frames=built(*one))), raised(exception(frames=built(*other))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Methods keep their names.
        (["a", "addPrices"], ["a", "addTaxes"]),
        (["addPrices", "a"], ["addTaxes", "a"]),
        # Short names of people, for nothing here was made up.
        (["run", "add"], ["run", "pay"]),
        (["App", "URL"], ["Row", "URL"]),
    ],
)
def test_names_that_last_matter_in_built_scripts(one: list[str], other: list[str]) -> None:
    assert not same_issue(raised(exception(frames=built(*one))), raised(exception(frames=built(*other))))


def test_the_file_matters_where_functions_have_lost_their_names() -> None:
    one, other = built("a", "b"), built("a", "b", file="/assets/cart.js")
    assert not same_issue(raised(exception(frames=one)), raised(exception(frames=other)))


def test_the_template_of_the_text_matters_where_the_innermost_function_has_lost_its_name() -> None:
    def failed(value: str, *functions: str) -> ErrorEvent:
        return raised(exception(value=value, frames=built(*functions)))

    assert not same_issue(failed("no cart", "onClick", "a"), failed("no stock", "onClick", "b"))
    assert same_issue(failed("no item 7", "onClick", "a"), failed("no item 8", "onClick", "b"))
    assert same_issue(failed("no cart", "a", "onClick"), failed("no stock", "b", "onClick"))


def test_short_names_of_other_languages_matter() -> None:
    assert not same_issue(raised(exception(frames=[frame("f")])), raised(exception(frames=[frame("g")])))


def test_callers_far_out_do_not_matter() -> None:
    near = [frame(f"inner_{letter}") for letter in string.ascii_lowercase]
    one = raised(exception(frames=[frame("from_the_web"), *near]))
    other = raised(exception(frames=[frame("from_a_job"), *near]))
    assert same_issue(one, other)
    assert not same_issue(one, raised(exception(frames=[*near, frame("innermost")])))


def test_without_frames_the_template_of_the_text_matters() -> None:
    assert same_issue(raised(exception(value="no item 7", frames=[])), raised(exception(value="no item 8", frames=[])))
    assert not same_issue(raised(exception(value="no item", frames=[])), raised(exception(value="no cart", frames=[])))


def test_an_exception_is_not_the_message_that_it_has() -> None:
    assert not same_issue(event(message="ValueError: it failed"), raised(exception(frames=[])))
