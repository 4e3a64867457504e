"""Exceptions that do what no handler expects."""

# ruff: noqa: N818 - these exceptions are named after what they do

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from client_support import group
from hostile_objects import Huge, NoTruth, Raises, Text


class StrRaises(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class GetattrRaises(Exception):
    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


class GetattrRecurses(Exception):
    def __getattr__(self, name: str) -> Any:
        return self.values[name]


class GetattrAnswers(Exception):
    """As a proxy or a mock does: has every attribute that it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return f"the {name}"


class GetattributeRaises(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise OSError(name)


class SetattrRaises(Exception):
    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("frozen")


class ClassRaises(Exception):
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise ValueError("no class")


class TracebackRaises(Exception):
    @property
    def _fails(self) -> Any:
        raise ValueError("not even this")

    __cause__: Any = _fails
    __context__: Any = _fails
    __notes__: Any = _fails
    __traceback__: Any = _fails
    __suppress_context__: Any = _fails


class NotesAreAText(Exception):
    __notes__: Any = "not a list"


class NotesAreANumber(Exception):
    __notes__: Any = 5


class NotesAreEndless(Exception):
    __notes__: Any = itertools.repeat("note")


class NotesAreAMillion(Exception):
    __notes__: Any = ["n" * 100] * 1_000_000


class NotesAreStrange(Exception):
    __notes__: Any = [Raises(), Huge(), None, Text("sneaky"), "\ud800", 5]  # noqa: RUF012


class NotesHaveNoTruth(Exception):
    class Notes(list[str]):
        __bool__ = __len__ = NoTruth.__bool__

    __notes__: Any = Notes(["a"])


class ManyMembers(Exception):
    """What ExceptionGroup is to us, on every version of Python."""

    def __init__(self, members: tuple[Any, ...]) -> None:
        super().__init__("several")
        self.exceptions = members


class MembersRaise(Exception):
    @property
    def exceptions(self) -> Any:
        raise ValueError("no members")


class ModuleIsNoText(Exception):
    __module__ = None  # type: ignore[assignment]


def chain(*exceptions: BaseException) -> BaseException:
    for one, following in itertools.pairwise(exceptions):
        following.__cause__ = one
    return exceptions[-1]


def cycle() -> BaseException:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    one.__context__ = two.__context__ = one
    return one


def group_in_itself() -> BaseException:
    inner = ManyMembers(())
    outer = ManyMembers((inner, ValueError("a member")))
    inner.exceptions = (outer, outer)
    return outer


def deep_group() -> BaseException:
    inner: BaseException = ValueError("the innermost")
    for _ in range(2_000):
        inner = ManyMembers((inner,))
    return inner


def heavy_chain() -> BaseException:
    links = [ValueError("\N{COLLISION SYMBOL}" * 20_000) for _ in range(40)]
    for link in links:
        link.__notes__ = ["\N{COLLISION SYMBOL}" * 20_000] * 40
    return chain(*links)


def recursion_error() -> BaseException:
    def endless(depth: int) -> int:
        return 1 + endless(depth + 1)

    try:
        endless(0)
    except RecursionError as error:
        return error
    raise AssertionError


EXCEPTIONS: dict[str, Callable[[], BaseException]] = {
    "str raises": StrRaises,
    "getattr raises": GetattrRaises,
    "getattr recurses": GetattrRecurses,
    "getattr answers": GetattrAnswers,
    "getattribute raises": GetattributeRaises,
    "setattr raises": SetattrRaises,
    "class raises": ClassRaises,
    "dunders raise": TracebackRaises,
    "notes: a text": NotesAreAText,
    "notes: a number": NotesAreANumber,
    "notes: endless": NotesAreEndless,
    "notes: a million": NotesAreAMillion,
    "notes: strange": NotesAreStrange,
    "notes: no truth": NotesHaveNoTruth,
    "arguments: strange": lambda: ValueError(Raises(), Huge()),
    "arguments: 100 MB": lambda: ValueError("x" * 100_000_000),
    "arguments: lone surrogates": lambda: ValueError("\ud800"),
    "arguments: a str subclass": lambda: ValueError(Text("sneaky")),
    "members raise": MembersRaise,
    "members: no exceptions": lambda: ManyMembers((1, "two", None, Raises())),
    "members: a million": lambda: ManyMembers((ValueError("one"),) * 1_000_000),
    "members: a cycle": group_in_itself,
    "members: 2,000 deep": deep_group,
    "members: an ExceptionGroup": lambda: group("g", [ValueError("v"), group("h", [KeyError("k"), StrRaises()])]),
    "module is no text": ModuleIsNoText,
    "a name of 2 MB": lambda: type("N" * 2_000_000, (Exception,), {})("x"),
    "a chain in a cycle": cycle,
    "a chain of 1,000": lambda: chain(*(ValueError(str(n)) for n in range(1_000))),
    "a heavy chain": heavy_chain,
    "strangers in a chain": lambda: chain(GetattrRaises(), StrRaises(), MembersRaise(), ValueError("outermost")),
    "1,000 frames": recursion_error,
}
