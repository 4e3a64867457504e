"""Rules and routes of alerts: what can be written, and what it means."""

from __future__ import annotations

import pytest

from levqor_errors.alert_rules import RateRule, Route, rank, read_duration, read_rates, read_routes, shown_duration
from levqor_errors.errors import ConfigError
from levqor_errors.severity import Severity


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("checkout: 50 errors in 10m", RateRule("checkout", 50, Severity.ERROR, 600)),
        ("*: 1000 events in 5 minutes", RateRule("*", 1000, Severity.INFO, 300)),
        ("a service: 1 critical in 1h", RateRule("a service", 1, Severity.CRITICAL, 3600)),
        ("x:3 warnings in 30s", RateRule("x", 3, Severity.WARNING, 30)),
    ],
)
def test_a_rate(text: str, rule: RateRule) -> None:
    assert read_rates("ALERT_RATES", text) == (rule,)


def test_several_rates() -> None:
    assert len(read_rates("ALERT_RATES", "a: 1 error in 1m; b: 2 errors in 2m\nc: 3 errors in 3m;")) == 3
    assert read_rates("ALERT_RATES", " ; ") == ()


@pytest.mark.parametrize(
    "text",
    ["x", "checkout 50 errors in 10m", "checkout: many errors in 10m", "c: 0 errors in 10m", "c: 5 cats in 10m",
     "c: 5 errors in 10", "c: 5 errors in 2d", "c: 5 errors in 1s", ": 5 errors in 1m"],
)  # fmt: skip
def test_what_is_no_rate_is_named_by_its_key(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rates("ALERT_RATES", text)
    assert caught.value.key == "ALERT_RATES"


def test_what_a_rate_counts() -> None:
    (rule,) = read_rates("ALERT_RATES", "checkout: 1500 warnings in 90s")
    assert rule.severities == ("warning", "error", "critical")
    assert str(rule) == "1,500 warning events or worse in 90 seconds"


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("-> telegram", Route((), "*", "*", ("telegram",))),
        ("environment=staging -> none", Route((), "*", "staging", ())),
        (
            "severity=error,critical service=mail -> email, Slack",
            Route(("error", "critical"), "mail", "*", ("email", "slack")),
        ),
    ],
)  # fmt: skip
def test_a_route(text: str, route: Route) -> None:
    assert read_routes("ALERT_ROUTES", text) == (route,)


@pytest.mark.parametrize(
    "text",
    ["telegram", "->", "severity=bad -> email", "service= -> email", "color=red -> email", "service -> email",
     "-> none email"],
)  # fmt: skip
def test_what_is_no_route_is_named_by_its_key(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_routes("ALERT_ROUTES", text)
    assert caught.value.key == "ALERT_ROUTES"


def test_which_alerts_a_route_is_for() -> None:
    route = Route(("critical",), "shop", "*", ("email",))
    assert route.fits("critical", "shop", "production")
    assert route.fits("critical", "shop", None)
    assert not route.fits("error", "shop", None)
    assert not route.fits("critical", "mail", None)
    assert not route.fits("critical", None, None)


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [("90s", 90, "90 seconds"), ("1m", 60, "1 minute"), ("15min", 900, "15 minutes"), ("2 h", 7200, "2 hours"),
     ("1d", 86400, "1 day")],
)  # fmt: skip
def test_durations(text: str, seconds: int, shown: str) -> None:
    assert read_duration("KEY", text, least=1, most=86400) == seconds
    assert shown_duration(seconds) == shown


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5x", "2d", "0s", "\u0665m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError, match=r"from 1 second|from 1 seconds"):
        read_duration("KEY", text, least=1, most=86400)


def test_the_worst_comes_first() -> None:
    assert sorted(["info", "critical", "warning", "error"], key=rank) == ["critical", "error", "warning", "info"]
