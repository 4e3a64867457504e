"""Our own log: one line a record, whatever is in it; no secret, and nothing that acts on a terminal."""

from __future__ import annotations

import logging
import logging.config
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.collector import logs
from levqor_errors.collector.logs import LOGGING, LogFormatter, hide
from support import CollectorProcess, Database, execute, wait_until

#: 2026-11-24T03:00:00.250Z
CREATED = 1_795_489_200.25
STAMP = "2026-11-24T03:00:00.250Z"
OWNERS = 'the owner\'s "own" secret/+ é'


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """What a test hides is hidden for that test only."""
    hidden = logs._hidden
    yield
    logs._hidden = hidden


def line(
    message: object,
    *args: object,
    name: str = "levqor_errors.collector",
    exc_info: Any = None,
    extra: Mapping[Any, object] | None = None,
    **more: object,
) -> str:
    """The line for a record; `more` and `extra` are attributes of it, as `extra=` makes them."""
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, message, args, exc_info)
    record.created = CREATED
    vars(record).update({**more, **(extra or {})})
    return LogFormatter().format(record)


class Hostile:
    """An object that does not want to be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def test_a_line_is_logfmt() -> None:
    shown = line(
        "writes fail", reason="the disk is full", requests=3, seconds=1.5, again=True, cause=None, path="/a-b.c"
    )
    assert shown == (
        f'{STAMP} level=warning event="writes fail" reason="the disk is full" requests=3 seconds=1.5 again=true '
        "cause=null path=/a-b.c"
    )
    assert line("ready", empty="") == f'{STAMP} level=warning event=ready empty=""'


def test_only_loggers_of_others_are_named() -> None:
    assert line("x", name="levqor_errors") == f"{STAMP} level=warning event=x"
    assert line("x\n", name="uvicorn.error") == f"{STAMP} level=warning logger=uvicorn.error event=x"
    assert "logger=" in line("x", name="levqor_errors_of_somebody_else")


def test_an_extra_cannot_pose_as_a_field_of_the_line() -> None:
    shown = line("x", event="y", level="error", extra={"a b=c": 1, 'quote"': 2})
    assert shown == f"{STAMP} level=warning event=x event_=y level_=error a_b_c=1 quote_=2"
    assert line("x", color_message="\x1b[1mx") == f"{STAMP} level=warning event=x"


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\nlevel=error event=forged", r"a\nlevel=error event=forged"),
        ("\r\x0b\x0c\x85\u2028\u2029", r"\r\x0b\x0c\x85\u2028\u2029"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m\x90", r"\x9b31m\x90"),
        ("\u202eevil\u2066\u200b\ufeff", r"\u202eevil\u2066\u200b\ufeff"),
        ("\ud800\udfff", r"\ud800\udfff"),
        ("\x00\x7f", r"\x00\x7f"),
        ('" level=error x="', r"\" level=error x=\""),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_what_acts_on_a_terminal_is_shown_and_not_run(hostile: str, shown: str) -> None:
    try:
        raise ValueError(hostile)
    except ValueError:
        info = sys.exc_info()
    for made in (line(hostile), line("x", field=hostile), line("%s", hostile), line("x", exc_info=info)):
        assert shown in made
        assert made.isprintable()
        assert len(made.splitlines()) == 1
    # As the name of a field or of a logger, too.
    for made in (line("x", extra={hostile: 1}), line("x", name=hostile)):
        assert made.isprintable()
        assert " event=x" in made


def test_a_traceback_is_a_field_on_the_same_line() -> None:
    try:
        raise ValueError("it said \x1b[31m no")
    except ValueError:
        made = line("a task failed", exc_info=sys.exc_info(), stack_info="Stack:\n  here")
    assert made.count("\n") == 0
    assert r"ValueError: it said \x1b[31m no" in made
    assert 'trace="Traceback (most recent call last):\\n' in made
    assert made.endswith(r' stack="Stack:\n  here"')


def test_nothing_makes_it_raise() -> None:
    assert line("%d events", "many") == f"""{STAMP} level=warning event="%d events ('many',)\""""
    assert line("%s and %s", "one") == f"""{STAMP} level=warning event="%s and %s ('one',)\""""
    assert "%(name)s" in line("%(name)s", {"other": 1})
    assert "its text fails with RuntimeError" in line(Hostile())
    assert "its text fails with RuntimeError" in line("%s", Hostile())
    assert "field=" in line("x", field=Hostile())
    assert "field=" in line("x", field={"deep": [Hostile()]})
    assert line("x", extra={"": 1, 7: 2}) == f"{STAMP} level=warning event=x _=1 7=2"
    assert line(None) == f"{STAMP} level=warning event=None"
    unshowable = logging.makeLogRecord({"created": float("nan"), "msg": "x"})
    assert 'event="a log record cannot be shown" reason=' in LogFormatter().format(unshowable)


def test_a_line_is_bounded() -> None:
    assert len(line("x" * 1_000_000, field="y" * 1_000_000)) < 2 * limits.MESSAGE_CHARS + 200
    assert "characters cut" in line("x" * 1_000_000)


SECRETS = {
    "a header": "Authorization: Bearer aB3dEfGh1jKlMn0p",
    "a bot's address": "POST https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage",
    "a database's address": "postgresql://levqor:hunter22@db/x",
    "a link": "GET /login?token=9RzBdcomScihNt8hixLwMxpUdIlFCaTQ4Cx4sSDaLO0",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_what_looks_like_a_secret_is_not_shown(text: str) -> None:
    secret = text.rpartition(" ")[2].rpartition("=")[2].removesuffix("@db/x").removesuffix("/sendMessage")
    secret = secret.rpartition(":")[2]
    assert secret in text
    try:
        raise ValueError(text)
    except ValueError:
        info = sys.exc_info()
    for made in (line(text), line("x", field=text), line("x %s", text), line("x", exc_info=info)):
        assert secret not in made
        assert "[redacted]" in made


def test_what_stands_under_a_secret_name_is_not_shown() -> None:
    assert line("x", smtp_password="abc def", extra={"X-Internal-Secret": "plain"}).endswith(
        "event=x smtp_password=[redacted] X-Internal-Secret=[redacted]"
    )


def test_the_owners_secret_is_never_shown_however_it_is_written() -> None:
    hide(OWNERS, "x")
    raw = OWNERS.encode()
    forms = [
        OWNERS,
        quote(OWNERS),
        quote(OWNERS, safe=""),
        quote_plus(OWNERS),
        repr(OWNERS),
        repr(raw),
        str([raw, OWNERS]),
    ]
    for form in forms:
        for made in (line(f"header {form} end"), line("x", field=form), line("h %s", form)):
            assert "[redacted]" in made, form
            assert "own" not in made.replace("[redacted]", "").partition("event=")[2]
    try:
        raise ValueError(OWNERS)
    except ValueError:
        made = line("x", exc_info=sys.exc_info())
    assert "ValueError: [redacted]" in made
    # One that short would be told by its absence.
    assert line("x") == f"{STAMP} level=warning event=x"


def test_a_secret_that_a_cut_goes_through_is_not_shown_by_half() -> None:
    secret = "S3cretS3cretS3cretS3cret"
    hide(secret)
    for most in (limits.MESSAGE_CHARS, 2 * limits.MESSAGE_CHARS, 4 * limits.MESSAGE_CHARS):
        made = line((secret + " ") * (most // len(secret)))
        assert "S3c" not in made.replace(secret, "")
        assert secret not in made


def test_the_server_s_own_log_takes_this_form(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    names = ("levqor_errors", "uvicorn", "uvicorn.error", "httpx", "httpcore", "asyncio")
    loggers = [root, *(logging.getLogger(name) for name in names)]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    try:
        logging.config.dictConfig(LOGGING)
        # Somebody looks for a fault and opens everything.
        root.setLevel(logging.DEBUG)
        logging.getLogger("levqor_errors.collector").info("ours", extra={"count": 1})
        logging.getLogger("uvicorn.error").error("theirs\n")
        logging.getLogger("uvicorn.error").info("not told")
        logging.getLogger("asyncio").error("a task")
        logging.getLogger("httpx").info("HTTP Request: POST https://api.telegram.org/bot1:secret")
        logging.getLogger("httpcore.http11").debug("send_request_headers")
    finally:
        for logger, handlers, level, propagate in before:
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)
    lines = [each.partition(" ")[2] for each in capsys.readouterr().err.splitlines()]
    assert lines == [
        "level=info event=ours count=1",
        "level=error logger=uvicorn.error event=theirs",
        'level=error logger=asyncio event="a task"',
    ]


def test_a_running_collector_tells_of_an_outage_in_two_lines(
    start_collector: Callable[..., CollectorProcess], database: Database
) -> None:
    collector = start_collector()
    execute(database, "ALTER TABLE error_events RENAME TO elsewhere")
    for _ in range(3):
        assert httpx.post(f"{collector.url}/api/errors/log", json={"message": "x"}).status_code == 503
    assert httpx.get(f"{collector.url}/healthz").status_code == 503
    execute(database, "ALTER TABLE elsewhere RENAME TO error_events")
    assert httpx.post(f"{collector.url}/api/errors/log", json={"message": "x"}).status_code == 201
    wait_until(lambda: "work again" in collector.output)
    # The janitor has a line of its own if it looks at the database just then.
    began, ended = [each.split(" ", 1) for each in collector.output.splitlines() if ' event="writes ' in each]
    assert began[1].startswith('level=error event="writes fail; senders are told to come again" reason="')
    assert re.search(r'cause="(no such table: |relation .* does not exist)', began[1])
    assert re.fullmatch(r'level=warning event="writes work again" after_seconds=[\d.]+ requests_refused=3', ended[1])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", began[0])
