"""Settings as the doctor sees them: all that is wrong and not only the first, names nothing reads, never a value."""

from __future__ import annotations

import pytest

from levqor_errors.doctor import hidden, settings
from levqor_errors.doctor.finding import Level

#: Values that cannot be used, each with something in it that must not be seen.
WRONG = {
    "DATABASE_URL": "mysql://user:hunter2@db/x", "RATE_LIMIT": "hunter2", "TRUSTED_PROXIES": "hunter2",
    "ALLOWED_ORIGINS": "https://hunter2/path", "INGEST_KEYS": "hunter2", "RETENTION_DAYS": "hunter2",
    "MAX_DATABASE_BYTES": "hunter2", "MIN_FREE_BYTES": "hunter2", "INTERNAL_SECRET": "hunter2\tx",
    "TELEGRAM_BOT_TOKEN": "hunter2", "TELEGRAM_CHAT_ID": "hunter2 2", "TELEGRAM_API_URL": "ftp://hunter2",
    "OWNER_EMAIL": "hunter2", "SMTP_PORT": "hunter2", "SMTP_SECURITY": "hunter2", "EMAIL_FROM": "hunter2",
    "DASHBOARD_URL": "hunter2", "ALERT_COOLDOWN": "hunter2", "ALERT_CAP": "hunter2", "ALERT_RATES": "hunter2",
    "ALERT_ROUTES": "hunter2", "ALERT_SILENCE": "hunter2", "SUMMARY_AT": "hunter2", "SUMMARY_ZONE": "hunter2",
    "SUMMARY_EMPTY": "hunter2", "CANARY_AT": "hunter2", "LEVQOR_ERRORS_URL": "hunter2", "LEVQOR_ERRORS_KEY": "hunter",
}  # fmt: skip


def test_all_that_is_wrong_is_told_and_no_value() -> None:
    findings, usable = settings.look({**WRONG, "SMTP_HOST": "mail.example"})
    failed = [one for one in findings if one.level is Level.FAILED]
    assert sorted(one.found.split()[0] for one in failed) == sorted(WRONG)
    assert usable.wrong == WRONG.keys()
    assert all(one.advice for one in failed)
    for one in findings:
        assert "hunter" not in one.found + one.advice
    assert findings[0].found == "1 variable is set and can be used"
    # What is wrong is not replaced by its default: nothing may go to a chat that nobody chose.
    assert usable.alerts.telegram_token is None
    assert usable.alerts.smtp_host is None
    assert usable.left_out == ("telegram", "email")


def test_what_is_made_of_another_variable_is_told_once() -> None:
    findings, usable = settings.look({"SMTP_HOST": "mail.example", "SMTP_USER": "me@bad host"})
    assert [one.found.split()[0] for one in findings if one.level is Level.FAILED] == ["EMAIL_FROM"]
    assert usable.wrong == {"SMTP_USER"}
    assert usable.left_out == ("email",)


def test_what_is_right_is_used() -> None:
    environ = {"TELEGRAM_BOT_TOKEN": "1:a", "TELEGRAM_CHAT_ID": "-100", "SMTP_HOST": "mail.example", "RATE_LIMIT": "x"}
    _, usable = settings.look(environ)
    assert (usable.alerts.telegram_token, usable.alerts.smtp_host) == ("1:a", "mail.example")
    assert usable.collector.rate_limit == 200


@pytest.mark.parametrize(
    ("environ", "name", "advice"),
    [
        ({"LEVQOR_ERRORS_URLS": "x"}, "LEVQOR_ERRORS_URLS", "did you mean LEVQOR_ERRORS_URL?"),
        ({"TELEGRAM_TOKEN": "x"}, "TELEGRAM_TOKEN", "did you mean TELEGRAM_BOT_TOKEN?"),
        ({"SMTP_PASS": "x"}, "SMTP_PASS", "did you mean SMTP_PASSWORD?"),
        ({"DATABASE_PAHT": "x"}, "DATABASE_PAHT", "did you mean DATABASE_PATH?"),
        ({"internal_secret": "x"}, "internal_secret", "did you mean INTERNAL_SECRET?"),
        ({"SMTP_SERVER": "x"}, "SMTP_SERVER", "there are SMTP_HOST, SMTP_PASSWORD, SMTP_PORT, "),
        ({"NEXT_PUBLIC_INTERNAL_SECRET": "x"}, "NEXT_PUBLIC_INTERNAL_SECRET", "remove it"),
    ],
)  # fmt: skip
def test_names_that_nothing_reads(environ: dict[str, str], name: str, advice: str) -> None:
    findings, _ = settings.look(environ)
    (one,) = [one for one in findings if one.level is not Level.OK]
    assert one.level is Level.WARNING
    assert one.found.startswith(name)
    assert one.advice.startswith(advice)


@pytest.mark.parametrize(
    "environ",
    [
        {}, {"PATH": "/bin", "HOME": "/", "PORT": "80"}, {"DATABASE_USER": "x", "DATABASE_HOST": "y"},
        # Of a variable that is set this is no misspelling, but another program's.
        {"MAIL_FROM": "x", "EMAIL_FROM": "a@b.example"},
    ],
)  # fmt: skip
def test_names_of_other_programs_are_left_alone(environ: dict[str, str]) -> None:
    findings, _ = settings.look(environ)
    assert [one for one in findings if one.level is not Level.OK] == []


def test_a_default_recipient_in_use_is_named() -> None:
    findings, _ = settings.look({"TELEGRAM_BOT_TOKEN": "1:a"})
    (one,) = [one for one in findings if one.level is Level.WARNING]
    assert "5932848683, the default of TELEGRAM_CHAT_ID" in one.found


def test_what_is_hidden() -> None:
    environ = {
        "INTERNAL_SECRET": " secret-1 ", "INGEST_KEYS": "shop:secret-2, web:secret-3",
        "TELEGRAM_BOT_TOKEN": "123:secret-4", "SMTP_PASSWORD": "secret-5", "ALERT_URLS": "slack://secret-6/secret-7/x",
        "LEVQOR_ERRORS_KEY": "secret-8", "DATABASE_URL": "postgresql://me:secret-9@db/x?password=secret-10&sslmode=no",
        "DASHBOARD_URL": "https://me:secret-11@host", "NEXT_PUBLIC_INTERNAL_SECRET": "secret-12",
    }  # fmt: skip
    found = hidden.secrets(environ, "postgresql://me:secret-13@x@db/x")
    assert {f"secret-{number}" for number in range(1, 13)} <= found
    assert "secret-13@x" in found
    assert "x" not in found
