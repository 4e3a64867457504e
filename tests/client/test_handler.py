"""`ErrorHandler`: what becomes of log records."""

from __future__ import annotations

import gc
import io
import logging
import logging.config
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client_support import attached
from levqor_errors import ErrorHandler, log_error, log_exception
from levqor_errors.client.api import report

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

Events = list[dict[str, Any]]


def fail() -> None:
    raise ValueError("it broke")


def test_a_record_is_an_event(logger: logging.Logger, events: Events) -> None:
    logger.error("order %s of %s failed", 5, "bob")
    (event,) = events
    assert event["service"] == "shop"
    assert event["severity"] == "error"
    assert event["message"] == "order 5 of bob failed"
    context = event["context"]
    assert context["logger"] == "shop.cart"
    assert context["message_template"] == "order %s of %s failed"
    assert context["location"]["file"] == __file__
    assert context["location"]["function"] == "test_a_record_is_an_event"
    assert "stack" not in event
    assert "extra" not in context


def test_without_arguments_there_is_no_template(logger: logging.Logger, events: Events) -> None:
    logger.error("100% of it failed")
    assert events[0]["message"] == "100% of it failed"
    assert "message_template" not in events[0]["context"]


@pytest.mark.parametrize("message", [ValueError("an exception"), 5, None, ["a"]])
def test_a_message_of_any_type(logger: logging.Logger, events: Events, message: object) -> None:
    logger.error(message)
    assert events[0]["message"] == str(message)


@pytest.mark.parametrize(
    ("level", "severity"),
    [(5, "info"), (10, "info"), (20, "info"), (25, "info"), (30, "warning"), (35, "warning"), (40, "error"),
     (45, "error"), (50, "critical"), (60, "critical")],
)  # fmt: skip
def test_levels_and_severities(events: Events, level: int, severity: str) -> None:
    with attached(ErrorHandler(level=1), "levels", level=1) as logger:
        logger.log(level, "at %d", level)
    assert [event["severity"] for event in events] == [severity]


@pytest.mark.parametrize("level", [logging.WARNING, "WARNING", "warning", "Warning"])
def test_levels_by_number_and_by_name(events: Events, level: int | str) -> None:
    with attached(ErrorHandler(level=level), "levels") as logger:
        logger.info("no event")
        logger.warning("an event")
    assert [event["message"] for event in events] == ["an event"]


def test_a_level_that_is_none() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        ErrorHandler(level="LOUD")


# -- exceptions ---------------------------------------------------------------------------------------------------


def test_an_exception_comes_with_its_stack(logger: logging.Logger, events: Events) -> None:
    try:
        fail()
    except ValueError:
        logger.exception("order %s failed", 5)
    (event,) = events
    assert event["message"] == "order 5 failed"
    assert event["context"]["exceptions"][0]["type"] == "ValueError"
    assert event["stack"].endswith("ValueError: it broke")


@pytest.mark.parametrize("give", [lambda error: error, lambda error: (type(error), error, error.__traceback__)])
def test_an_exception_that_is_given(
    logger: logging.Logger, events: Events, give: Callable[[BaseException], Any]
) -> None:
    error = ValueError("never raised")
    logger.error("failed", exc_info=give(error))
    assert events[0]["context"]["exceptions"][0]["value"] == "never raised"


def test_outside_of_an_except_block_there_is_none(logger: logging.Logger, events: Events) -> None:
    logger.exception("no exception")
    logger.error("none here", exc_info=True)
    logger.error("nor here", exc_info=(None, None, None))
    assert [event["message"] for event in events] == ["no exception", "none here", "nor here"]
    assert all("stack" not in event and "exceptions" not in event["context"] for event in events)


def test_one_error_is_one_event(logger: logging.Logger, events: Events) -> None:
    """As it goes up through layers that each log it, to an integration that would report it."""
    try:
        try:
            fail()
        except ValueError:
            logger.exception("the inner layer")
            raise
    except ValueError as error:
        logger.exception("the outer layer")
        told = report(error, service="shop"), log_exception(service="shop")
    assert [event["message"] for event in events] == ["the inner layer"]
    # The event that stands for all of them.
    assert told == (events[0]["event_id"],) * 2


def test_a_message_of_ones_own_is_always_an_event(logger: logging.Logger, events: Events) -> None:
    try:
        fail()
    except ValueError:
        logger.exception("logged")
        log_exception(service="shop", message="and more is known")
        log_error("shop", "and even more")
        logger.exception("logged again")
    assert [event["message"] for event in events] == ["logged", "and more is known", "and even more"]


def test_two_errors_are_two_events(logger: logging.Logger, events: Events) -> None:
    for _ in range(2):
        try:
            fail()
        except ValueError:
            logger.exception("failed")
    assert len(events) == 2


def test_an_exception_from_another_one_is_another_event(logger: logging.Logger, events: Events) -> None:
    try:
        try:
            fail()
        except ValueError as error:
            logger.exception("the inner one")
            raise KeyError("outer") from error
    except KeyError:
        logger.exception("the outer one")
    assert [event["message"] for event in events] == ["the inner one", "the outer one"]


# -- extra=, breadcrumbs ------------------------------------------------------------------------------------------


def test_extra(logger: logging.Logger, events: Events) -> None:
    logger.error("failed", extra={"order": 5, "cart": {"items": [1]}, "password": "abc"})
    assert events[0]["context"]["extra"] == {"order": 5, "cart": {"items": [1]}, "password": "[redacted]"}


def test_what_other_handlers_leave_on_a_record_is_no_extra(events: Events) -> None:
    with attached(logging.NullHandler(), "shop") as logger:
        formatting = logging.StreamHandler(io.StringIO())
        formatting.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(formatting)
        handler = ErrorHandler()
        logger.addHandler(handler)
        try:
            fail()
        except ValueError:
            logger.exception("failed")
        finally:
            logger.removeHandler(formatting)
            logger.removeHandler(handler)
    (event,) = events
    assert "extra" not in event["context"]
    assert event["context"]["exceptions"]


def test_lesser_records_are_breadcrumbs(logger: logging.Logger, events: Events) -> None:
    logger.debug("too little")
    logger.info("step %d", 1)
    logger.warning("step 2, password=abc")
    logger.error("failed")
    logger.error("failed again")
    first, second = events
    crumbs = first["context"]["breadcrumbs"]
    assert [(crumb["message"], crumb["level"], crumb["category"]) for crumb in crumbs] == [
        ("step 1", "info", "shop.cart"),
        ("step 2, password=[redacted]", "warning", "shop.cart"),
    ]
    assert second["context"]["breadcrumbs"] == crumbs


@pytest.mark.parametrize(
    ("breadcrumbs", "expected"),
    [(None, []), ("WARNING", ["warning"]), (logging.DEBUG, ["debug", "info", "warning"]), ("CRITICAL", [])],
)
def test_which_records_are_breadcrumbs(events: Events, breadcrumbs: int | str | None, expected: list[str]) -> None:
    with attached(ErrorHandler(breadcrumbs=breadcrumbs), "crumbs") as logger:
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            logger.log(level, "a step")
        logger.error("failed")
    assert [crumb["level"] for crumb in events[0]["context"].get("breadcrumbs", ())] == expected


# -- dictConfig ---------------------------------------------------------------------------------------------------


@pytest.fixture
def config() -> Iterator[Callable[[dict[str, Any]], logging.Logger]]:
    def configure(handler: dict[str, Any]) -> logging.Logger:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {"errors": {"class": "levqor_errors.ErrorHandler", **handler}},
                "loggers": {"configured": {"handlers": ["errors"], "level": "DEBUG", "propagate": False}},
            }
        )
        return logging.getLogger("configured")

    yield configure
    logger = logging.getLogger("configured")
    for handler in tuple(logger.handlers):
        logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def test_dict_config(config: Callable[[dict[str, Any]], logging.Logger], events: Events) -> None:
    logger = config({"service": "checkout", "level": "WARNING"})
    logger.info("a step")
    logger.warning("failed")
    (event,) = events
    assert (event["service"], event["severity"], event["message"]) == ("checkout", "warning", "failed")
    assert [crumb["message"] for crumb in event["context"]["breadcrumbs"]] == ["a step"]


def test_dict_config_without_anything(config: Callable[[dict[str, Any]], logging.Logger], events: Events) -> None:
    logger = config({})
    logger.warning("no event")
    logger.error("an event")
    assert [event["message"] for event in events] == ["an event"]


def test_dict_config_with_breadcrumbs(config: Callable[[dict[str, Any]], logging.Logger], events: Events) -> None:
    logger = config({"breadcrumbs": None, "level": "CRITICAL"})
    logger.error("neither event nor breadcrumb")
    logger.critical("an event")
    assert [event["message"] for event in events] == ["an event"]
    assert "breadcrumbs" not in events[0]["context"]


def test_dict_config_with_a_filter_and_a_formatter(events: Events) -> None:
    """A formatter is for people's eyes; the event has the message itself."""
    handler = ErrorHandler(service="shop")
    handler.setFormatter(logging.Formatter("PREFIX %(message)s"))
    handler.addFilter(lambda record: "noise" not in record.getMessage())
    with attached(handler, "filtered") as logger:
        logger.error("noise")
        logger.error("signal")
    assert [event["message"] for event in events] == ["signal"]


# -- manners ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["httpx", "httpcore", "httpcore.http11", "levqor_errors", "levqor_errors.client"])
def test_loggers_of_our_own_way_out_are_left_alone(events: Events, name: str) -> None:
    handler = ErrorHandler(level=logging.DEBUG)
    for level in (logging.DEBUG, logging.CRITICAL):
        handler.handle(logging.makeLogRecord({"name": name, "levelno": level, "msg": "x"}))
    assert events == []


@pytest.mark.parametrize("name", ["httpx_auth", "levqor", "urllib3", "root", ""])
def test_loggers_with_names_like_those_are_not(events: Events, name: str) -> None:
    ErrorHandler().handle(logging.makeLogRecord({"name": name, "levelno": logging.ERROR, "msg": "x"}))
    assert len(events) == 1


def test_flush_and_close_do_not_wait(events: Events) -> None:
    handler = ErrorHandler()
    handler.flush()
    handler.close()
    handler.handle(logging.makeLogRecord({"name": "shop", "levelno": logging.ERROR, "msg": "after the close"}))
    assert len(events) == 1


def test_a_handler_without_a_service_takes_that_of_the_client(events: Events) -> None:
    ErrorHandler().handle(logging.makeLogRecord({"name": "shop", "levelno": logging.ERROR, "msg": "x"}))
    assert events[0]["service"] == "unknown"


def test_warnings_that_are_logged_are_events_like_others(events: Events) -> None:
    with attached(ErrorHandler(level=logging.WARNING), "py.warnings"):
        logging.captureWarnings(True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                # showwarning was put in place before the filter's copy, so it is ours to restore.
                logging.captureWarnings(False)
                logging.captureWarnings(True)
                warnings.warn("old", DeprecationWarning, stacklevel=1)
                logging.captureWarnings(False)
        finally:
            logging.captureWarnings(False)
    assert len(events) == 1
    assert "DeprecationWarning: old" in events[0]["message"]


def test_a_record_without_a_name(events: Events) -> None:
    """As logging.makeLogRecord() makes it; the handler is not the one to raise."""
    ErrorHandler().handle(logging.makeLogRecord({"levelno": logging.ERROR, "msg": "nameless"}))
    assert [event["message"] for event in events] == ["nameless"]


def test_no_reference_to_the_exception_is_kept(events: Events) -> None:
    class KeptError(Exception):
        pass

    def report_one(one: logging.Logger) -> weakref.ref[KeptError]:
        try:
            raise KeptError("x")
        except KeptError as error:
            one.exception("failed")
            return weakref.ref(error)

    # Not the fixture's: pytest keeps the records of loggers that were there before the test.
    with attached(ErrorHandler(), "kept") as one:
        gone = report_one(one)
    gc.collect()
    assert gone() is None
    assert sys.exc_info() == (None, None, None)
    assert len(events) == 1
