"""Which channels an alert goes to."""

from __future__ import annotations

import pytest

from levqor_errors.alert_rules import read_routes
from levqor_errors.alerts.notice import Kind
from levqor_errors.alerts.routes import Routes
from levqor_errors.errors import ConfigError

ALL = ("telegram", "email", "slack")


def routes(text: str = "", channels: tuple[str, ...] = ALL) -> Routes:
    return Routes(read_routes("ALERT_ROUTES", text), channels)


def test_without_routes_email_is_for_when_there_is_nothing_else() -> None:
    assert routes().of(Kind.CRITICAL, "critical", "shop", None) == ("telegram", "slack")
    assert routes(channels=("email",)).of(Kind.CRITICAL, "critical", "shop", None) == ("email",)


@pytest.mark.parametrize(
    ("severity", "service", "environment", "channels"),
    [
        ("critical", "shop", "production", ("telegram", "email")),
        ("critical", "shop", "staging", ()),
        ("critical", "mail", "production", ("email",)),
        ("critical", None, None, ("telegram", "email")),
        ("warning", "shop", "production", ("telegram", "slack")),
    ],
)
def test_the_first_route_that_fits_counts(
    severity: str, service: str | None, environment: str | None, channels: tuple[str, ...]
) -> None:
    found = routes("environment=staging -> none; service=mail -> email; severity=critical,error -> telegram email")
    assert found.of(Kind.CRITICAL, severity, service, environment) == channels


def test_the_canary_goes_everywhere_and_the_summary_by_email_whatever_the_routes() -> None:
    everything = routes("-> none")
    assert everything.of(Kind.CANARY, "info", None, None) == ALL
    assert everything.of(Kind.SUMMARY, "info", None, None) == ("email",)
    assert routes(channels=("slack",)).of(Kind.SUMMARY, "info", None, None) == ("slack",)
    assert everything.of(Kind.CRITICAL, "critical", "shop", None) == ()


def test_where_no_channel_that_is_wanted_works_all_others_take_over() -> None:
    found = routes()
    assert found.usable(("telegram", "email"), ()) == ("telegram", "email")
    assert found.usable(("telegram", "email"), {"telegram"}) == ("email",)
    assert found.usable(("telegram",), {"telegram"}) == ("email", "slack")
    assert found.usable(("telegram",), set(ALL)) == ("telegram",)


def test_a_route_to_a_channel_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="there are: telegram, none") as caught:
        routes("severity=critical -> telegram pager", ("telegram",))
    assert caught.value.key == "ALERT_ROUTES"
