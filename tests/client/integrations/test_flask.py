"""Flask in a real server, with and without the WSGI middleware: one unhandled error is one event."""

from __future__ import annotations

import flask
import pytest

from integration_support import DeclinedError, Events, check, essence, get, serving
from levqor_errors.integrations import wsgi
from levqor_errors.integrations.flask import report_from_flask


def flask_app(*, reporting: bool) -> flask.Flask:
    app = flask.Flask("shop_of_the_test")

    @app.route("/ok")
    def ok() -> str:
        return "fine"

    @app.route("/fail", methods=["GET", "POST"])
    def fail() -> str:
        raise ValueError("it broke")

    @app.route("/log-and-fail")
    def log_and_fail() -> str:
        try:
            raise ValueError("it broke")
        except ValueError:
            app.logger.exception("logged before")
            raise

    @app.route("/declined")
    def declined() -> str:
        raise DeclinedError

    @app.route("/forbidden")
    def forbidden() -> str:
        flask.abort(403)

    @app.errorhandler(DeclinedError)
    def handle(error: DeclinedError) -> tuple[str, int]:
        return "declined", 402

    if reporting:
        report_from_flask(app, service="shop")
    return app


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_flask_an_unhandled_error_is_one_event(method: str, events: Events) -> None:
    with serving(flask_app(reporting=True)) as url:
        assert get(url, "/fail", method).status_code == 500
    check(events, "ValueError: it broke", "/fail", method)


def test_flask_behind_the_wsgi_middleware_is_one_event_too(events: Events) -> None:
    app = flask_app(reporting=True)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with serving(wsgi.ErrorMiddleware(app, service="shop")) as url:
        assert get(url, "/fail").status_code == 500
        assert get(url, "/log-and-fail").status_code == 500
    check(events[:1], "ValueError: it broke", "/fail")
    check(events[1:], "logged before", "/log-and-fail", service="logged")


def test_flask_what_the_application_logs_itself_is_not_told_again(events: Events) -> None:
    with serving(flask_app(reporting=True)) as url:
        assert get(url, "/log-and-fail").status_code == 500
    assert [event["message"] for event in events] == ["logged before"]


@pytest.mark.parametrize(("path", "status"), [("/ok", 200), ("/declined", 402), ("/forbidden", 403), ("/no-such", 404)])
def test_flask_what_is_handled_is_no_event(path: str, status: int, events: Events) -> None:
    with serving(flask_app(reporting=True)) as url:
        assert get(url, path).status_code == status
    assert events == []


@pytest.mark.parametrize("path", ["/ok", "/fail", "/declined", "/no-such"])
@pytest.mark.usefixtures("events")
def test_flask_answers_are_as_without(path: str) -> None:
    answers = []
    for reporting in (False, True):
        with serving(flask_app(reporting=reporting)) as url:
            answers.append(essence(get(url, path)))
    assert answers[0] == answers[1]


def test_flask_another_application_is_not_reported(events: Events) -> None:
    flask_app(reporting=True)
    with serving(flask_app(reporting=False)) as url:
        assert get(url, "/fail").status_code == 500
    # Flask logs it, and that is all.
    assert [event["service"] for event in events] == ["logged"]
