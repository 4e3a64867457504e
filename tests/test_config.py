"""Settings: each has a documented row and a default, and an error names the key and never the value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from levqor_errors.config import AlertSettings, ClientSettings, CollectorSettings, check_url, read_secret, variables
from levqor_errors.errors import ConfigError

ROOT = Path(__file__).parent.parent
SOURCE = (ROOT / "src/levqor_errors/config.py").read_text()
DOCUMENTED = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))


def test_every_variable_that_is_read_has_a_documented_row_and_the_other_way_round() -> None:
    read = set(re.findall(r'environ\.get\("([A-Z_]+)"', SOURCE))
    assert read == DOCUMENTED == variables()


def test_no_other_module_reads_the_environment() -> None:
    readers = {
        path.name
        for path in (ROOT / "src/levqor_errors").rglob("*.py")
        if re.search(r"os\.environ|os\.getenv", path.read_text())
    }
    assert readers == {"config.py"}


def test_defaults() -> None:
    assert CollectorSettings.from_env({}) == CollectorSettings()
    client = ClientSettings.from_env({})
    assert (client.url, client.service, client.environment, client.release) == (
        "http://127.0.0.1:8000", "unknown", None, None,
    )  # fmt: skip
    assert client.spool_dir.name == "levqor-errors"


def test_an_argument_wins_over_the_environment() -> None:
    environ = {"LEVQOR_ERRORS_SERVICE": "from-env", "LEVQOR_ERRORS_RELEASE": "1"}
    settings = ClientSettings.from_env(environ, service="given")
    assert (settings.service, settings.release) == ("given", "1")


def test_a_clients_key() -> None:
    environ = {"LEVQOR_ERRORS_KEY": " key-from-env.~_ "}
    assert ClientSettings.from_env(environ).key == "key-from-env.~_"
    assert ClientSettings.from_env(environ, key="key-that-is-given").key == "key-that-is-given"
    assert ClientSettings.from_env(environ, key="").key is None
    assert "key-from-env" not in repr(ClientSettings.from_env(environ))


@pytest.mark.parametrize(
    "key",
    ["short", "x" * 101, "with space", "shop:abcdefgh", "a,b,c,d,e", "new\nlines", "\u0661" * 8, b"abcdefgh", 12345678],
)
def test_a_clients_key_that_no_collector_can_have(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ClientSettings.from_env({}, key=key)
    assert caught.value.key == "LEVQOR_ERRORS_KEY"
    assert str(key) not in str(caught.value)


def test_settings_are_frozen_and_do_not_show_the_secret() -> None:
    settings = CollectorSettings(internal_secret="hunter2hunter2")
    assert "hunter2" not in repr(settings)
    with pytest.raises(AttributeError):
        settings.database = "other.db"  # type: ignore[misc]


@pytest.mark.parametrize("url", ["", "x", "ftp://host", "http://", "http://[::1", "http://host:99999", "http://host:0"])
def test_an_address_that_cannot_be_used_is_named_by_its_key(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_url(url)
    assert caught.value.key == "LEVQOR_ERRORS_URL"
    assert not url or url not in str(caught.value).removesuffix("http://127.0.0.1:8000")


@pytest.mark.parametrize("secret", ["x" * 1025, "tab\tin", "new\nline", "\x7fdel"])
def test_a_secret_that_no_header_can_carry_is_refused_without_telling_it(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_secret({"INTERNAL_SECRET": f"a{secret}b"})
    assert caught.value.key == "INTERNAL_SECRET"
    assert secret not in str(caught.value)


def test_a_blank_secret_is_none() -> None:
    assert read_secret({"INTERNAL_SECRET": "  "}) is None


def test_alert_defaults() -> None:
    assert AlertSettings.from_env({}) == AlertSettings()


def test_secrets_of_channels_are_not_shown() -> None:
    environ = {
        "TELEGRAM_BOT_TOKEN": "123:hunter2", "SMTP_PASSWORD": "hunter2", "ALERT_URLS": "slack://hunter2 ntfy://hunter2",
    }  # fmt: skip
    settings = AlertSettings.from_env(environ)
    assert "hunter2" not in repr(settings)
    assert settings.secrets == ("123:hunter2", "hunter2", "slack://hunter2", "ntfy://hunter2")


def test_a_default_recipient_in_use_is_named() -> None:
    environ = {"TELEGRAM_BOT_TOKEN": "123:abc", "SMTP_HOST": "localhost"}
    assert AlertSettings.from_env({}).defaults == {}
    assert AlertSettings.from_env(environ).defaults == {
        "TELEGRAM_CHAT_ID": "5932848683", "OWNER_EMAIL": "support@levqor.ai",
    }  # fmt: skip
    assert AlertSettings.from_env({**environ, "TELEGRAM_CHAT_ID": "1", "OWNER_EMAIL": "a@b.example"}).defaults == {}


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"TELEGRAM_CHAT_ID": "-100123/45"}, "telegram_topic", 45),
        ({"TELEGRAM_CHAT_ID": "@ops_team"}, "telegram_chat", "@ops_team"),
        ({"TELEGRAM_API_URL": "http://127.0.0.1:8081/"}, "telegram_url", "http://127.0.0.1:8081"),
        ({"SMTP_SECURITY": "TLS"}, "smtp_port", 465),
        ({"SMTP_USER": "me@mail.example"}, "email_from", "me@mail.example"),
        ({"OWNER_EMAIL": "a@b.example,c@d.example"}, "email_from", "a@b.example"),
        ({"SUMMARY_AT": "17:30"}, "summary_at", 17 * 60 + 30),
        ({"SUMMARY_AT": "0"}, "summary_at", 0),
        ({"SUMMARY_AT": "off"}, "summary_at", None),
        ({"ALERT_COOLDOWN": "1h"}, "cooldown", 3600),
        ({"SUMMARY_ZONE": "Asia/Kathmandu"}, "summary_zone", "Asia/Kathmandu"),
    ],
)
def test_what_can_be_set_of_alerts(given: dict[str, str], field: str, value: object) -> None:
    assert getattr(AlertSettings.from_env(given), field) == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("TELEGRAM_BOT_TOKEN", "hunter2"), ("TELEGRAM_BOT_TOKEN", "1:a/../b"), ("TELEGRAM_CHAT_ID", "my chat"),
        ("TELEGRAM_API_URL", "ftp://x"), ("OWNER_EMAIL", "nobody"), ("OWNER_EMAIL", "a@b\r\nBcc: c@d"),
        ("EMAIL_FROM", "me"), ("SMTP_PORT", "0"), ("SMTP_PORT", "x"), ("SMTP_SECURITY", "ssl3"),
        ("DASHBOARD_URL", "my.example.com"), ("ALERT_COOLDOWN", "soon"), ("ALERT_CAP", "1"),
        ("ALERT_RATES", "very-many"), ("ALERT_ROUTES", "by-pigeon"), ("ALERT_SILENCE", "maybe"),
        ("SUMMARY_AT", "25:00"),
        ("SUMMARY_ZONE", "Mars/Olympus"), ("SUMMARY_ZONE", "../etc/passwd"), ("SUMMARY_EMPTY", "x"),
        ("CANARY_AT", "noon"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_of_alerts_is_named_by_its_key(key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AlertSettings.from_env({key: value})
    assert caught.value.key == key
    assert len(value) < 3 or value not in str(caught.value)
