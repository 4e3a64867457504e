"""The settings in force, for the handbook: each variable with its value as it would be written, and no secret.

docs/settings.md says what each of them is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..addresses import is_address, shown
from ..alert_rules import RateRule, Route, shown_duration
from ..config import AlertSettings, CollectorSettings

_SET: Final = "set"
_NOT_SET: Final = "not set"


class Setting(NamedTuple):
    """A variable and what it is."""

    name: str
    value: str


def of_collector(settings: CollectorSettings) -> list[Setting]:
    """Those of the collector."""
    in_server = is_address(settings.database)
    return [
        Setting("DATABASE_PATH", _NOT_SET if in_server else settings.database),
        Setting("DATABASE_URL", shown(settings.database) if in_server else _NOT_SET),
        Setting("INTERNAL_SECRET", _is_set(settings.internal_secret, "made here, kept beside the database")),
        Setting("RATE_LIMIT", "off" if settings.rate_limit is None else f"{settings.rate_limit:g}"),
        Setting("TRUSTED_PROXIES", ", ".join(map(str, settings.trusted_proxies)) or "none"),
        Setting("ALLOWED_ORIGINS", ", ".join(settings.allowed_origins) or "none"),
        Setting("INGEST_KEYS", _keys(settings)),
        Setting("RETENTION_DAYS", _or_off(settings.retention_days)),
        Setting("MAX_DATABASE_BYTES", _bytes(settings.max_database_bytes)),
        Setting("MIN_FREE_BYTES", _bytes(settings.min_free_bytes)),
    ]


def of_alerts(settings: AlertSettings) -> list[Setting]:
    """Those of the alerts."""
    topic = "" if settings.telegram_topic is None else f"/{settings.telegram_topic}"
    return [
        Setting("TELEGRAM_BOT_TOKEN", _is_set(settings.telegram_token)),
        Setting("TELEGRAM_CHAT_ID", f"{settings.telegram_chat}{topic}"),
        Setting("TELEGRAM_API_URL", settings.telegram_url),
        Setting("OWNER_EMAIL", settings.owner_email),
        Setting("SMTP_HOST", settings.smtp_host or _NOT_SET),
        Setting("SMTP_PORT", str(settings.smtp_port)),
        Setting("SMTP_USER", settings.smtp_user or "none"),
        Setting("SMTP_PASSWORD", _is_set(settings.smtp_password)),
        Setting("SMTP_SECURITY", settings.smtp_security),
        Setting("EMAIL_FROM", settings.email_from),
        # Their names only: the rest of such an address is a password.
        Setting("ALERT_URLS", ", ".join(url.partition("://")[0] for url in settings.alert_urls) or "none"),
        Setting("DASHBOARD_URL", settings.dashboard_url or "the collector's own address"),
        Setting("ALERT_COOLDOWN", shown_duration(settings.cooldown)),
        Setting("ALERT_CAP", str(settings.cap)),
        Setting("ALERT_RATES", "; ".join(map(_rate, settings.rates)) or "none"),
        Setting("ALERT_ROUTES", "; ".join(map(_route, settings.routes)) or "none"),
        Setting("ALERT_SILENCE", "on" if settings.silence else "off"),
        Setting("SUMMARY_AT", clock_time(settings.summary_at)),
        Setting("SUMMARY_ZONE", settings.summary_zone),
        Setting("SUMMARY_EMPTY", "line" if settings.summary_empty else "silent"),
        Setting("CANARY_AT", clock_time(settings.canary_at)),
    ]


def clock_time(minutes: int | None) -> str:
    """A time of day, given in minutes from midnight on."""
    return "off" if minutes is None else f"{minutes // 60:02}:{minutes % 60:02}"


def _is_set(secret: str | None, otherwise: str = _NOT_SET) -> str:
    return _SET if secret else otherwise


def _keys(settings: CollectorSettings) -> str:
    services = sorted(settings.ingest_keys.values())
    return f"set, for {', '.join(services)}" if services else "none; anyone may send"


def _or_off(value: int | None) -> str:
    return "off" if value is None else str(value)


def _bytes(value: int | None) -> str:
    return "off" if value is None else f"{value:,}"


def _rate(rule: RateRule) -> str:
    return f"{rule.service}: {rule}"


def _route(route: Route) -> str:
    conditions = [
        *((f"severity={','.join(route.severities)}",) if route.severities else ()),
        *(
            f"{name}={value}"
            for name, value in (("service", route.service), ("environment", route.environment))
            if value != "*"
        ),
    ]
    return f"{', '.join(conditions) or '*'} -> {', '.join(route.channels) or 'none'}"
