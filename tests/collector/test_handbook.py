"""The handbook: settings in force without their secrets, channels, and snippets that carry the right address."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from levqor_errors.collector.settings_shown import of_alerts, of_collector
from levqor_errors.config import AlertSettings, ClientSettings, CollectorSettings, variables
from smtp_support import FakeSmtp
from support import SECRET, CollectorProcess, owner, wait_until
from telegram_support import FakeTelegram

HANDBOOK = "/owner/handbook"
#: Of each setting that is a secret, and of each that has one in it.
SECRETS = {
    "INTERNAL_SECRET": "secret-of-the-owner",
    "INGEST_KEYS": "shop:key-of-the-shop, *:key-of-anyone",
    "DATABASE_URL": "postgresql://ann:password-of-ann@db.example/errors",
    "TELEGRAM_BOT_TOKEN": "123456789:AAtoken_of_the_bot_token_of_the_bot_tok",
    "SMTP_PASSWORD": "password-of-the-mail",
    "ALERT_URLS": "slack://token-of-slack/x/y ntfy://topic-of-ntfy",
}


def test_every_setting_of_the_collector_and_the_alerts_is_shown() -> None:
    class Asked(dict[str, str]):
        names: set[str] = set()  # noqa: RUF012

        def get(self, key: str, default: object = None) -> None:  # type: ignore[override]
            self.names.add(key)

    ClientSettings.from_env(Asked())
    shown = [one.name for one in (*of_collector(CollectorSettings()), *of_alerts(AlertSettings()))]
    assert len(shown) == len(set(shown))
    assert set(shown) == variables() - Asked.names


def test_no_secret_is() -> None:
    rows = [*of_collector(CollectorSettings.from_env(SECRETS)), *of_alerts(AlertSettings.from_env(SECRETS))]
    values = {one.name: one.value for one in rows}
    text = repr(rows)
    for secret in re.findall(r"[\w-]*(?:secret|key|password|token|topic)[_-]of[\w-]*", " ".join(SECRETS.values())):
        assert secret not in text
    assert values["INTERNAL_SECRET"] == values["TELEGRAM_BOT_TOKEN"] == values["SMTP_PASSWORD"] == "set"
    assert values["INGEST_KEYS"] == "set, for *, shop"
    assert values["ALERT_URLS"] == "slack, ntfy"
    assert values["DATABASE_URL"] == "postgresql://db.example/errors"


def test_rules_are_written_as_they_are_read() -> None:
    given = {"ALERT_ROUTES": "environment=staging -> none; service=mail -> email", "SUMMARY_AT": "off"}
    values = {one.name: one.value for one in of_alerts(AlertSettings.from_env(given))}
    assert values["ALERT_ROUTES"] == given["ALERT_ROUTES"]
    assert values["SUMMARY_AT"] == "off"
    assert AlertSettings.from_env({"ALERT_ROUTES": values["ALERT_ROUTES"]}) == AlertSettings.from_env(
        {"ALERT_ROUTES": given["ALERT_ROUTES"]}
    )


def test_snippets_carry_the_address_and_ask_for_a_key_where_one_is_needed(
    start_collector: Callable[..., CollectorProcess],
) -> None:
    collector = start_collector(INGEST_KEYS="shop:0123456789abcdef")
    with owner(collector.url) as client:
        page = client.get(HANDBOOK).text
        assert f"curl -X POST {collector.url}/api/errors/log" in page
        assert f"{collector.url}/errorClient.js" in page
        assert "X-Levqor-Key: KEY" in page.replace("&#39;", "'")
        assert "0123456789abcdef" not in page
        assert SECRET not in page


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "host", ["evil.example/x;rm", "a b", "evil.example'$(id)", "<b>.example", "x" * 300, "[::1", "x:99999", 'x"y']
)
def test_a_forged_host_is_in_no_snippet(collector_url: str, host: str) -> None:
    with owner(collector_url) as client:
        page = client.get(HANDBOOK, headers={"Host": host})
        assert host not in page.text
        assert page.status_code in (200, 400)


def test_channels_with_their_last_success(
    start_collector: Callable[..., CollectorProcess], telegram: FakeTelegram, smtp: FakeSmtp
) -> None:
    mail = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(smtp.port), "SMTP_SECURITY": "none"}
    collector = start_collector(**telegram.settings, **mail)
    httpx.post(f"{collector.url}/api/errors/log", json={"message": "down", "severity": "critical"})
    wait_until(lambda: [one for one in telegram.messages if "down" in one.text])

    def page() -> str:
        with owner(collector.url) as client:
            return client.get(HANDBOOK).text

    wait_until(
        lambda: re.search(r"<td>telegram</td>\s*<td>chat [-\d]+</td>.*?ok</span> since.*?<td><time", page(), re.DOTALL)
    )
    assert "You are told at once, by telegram and email" in page()


def test_an_empty_dashboard_leads_to_it_and_it_leads_back(collector_url: str) -> None:
    with owner(collector_url) as client:
        assert f'href="{HANDBOOK}"' in client.get("/owner/errors").text
        assert 'href="/owner/errors"' in client.get(HANDBOOK).text


def test_what_it_links_is_there() -> None:
    """The documents that it names are in the repository."""
    template = Path("src/levqor_errors/collector/templates/handbook.html").read_text(encoding="utf-8")
    for name in set(re.findall(r"docs/[a-z]+\.md", template)):
        assert Path(name).is_file(), name
