"""Settings, read once from the environment and frozen. The one place that names variables.

docs/settings.md has a row for each; `tests/test_config.py` holds the two together. An error names the variable and
never its value, which may be a secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import addresses, limits
from .errors import ConfigError
from .severity import DEFAULT_SERVICE

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from .alert_rules import RateRule, Route

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_DATABASE = "levqor.db"
#: Events a second of one client; `collector/limiter.py` derives the burst and the wider limits from it.
DEFAULT_RATE: Final = 200.0
DEFAULT_RETENTION_DAYS: Final = 90
DEFAULT_DATABASE_BYTES: Final = 10 * 1024**3
DEFAULT_FREE_BYTES: Final = 256 * 1024**2
#: Less than this holds no useful number of events.
_LEAST_DATABASE_BYTES: Final = 1024**2
_NO_KEYS: Final[Mapping[str, str]] = MappingProxyType({})
DEFAULT_CHAT: Final = "5932848683"
DEFAULT_EMAIL: Final = "support@levqor.ai"
DEFAULT_TELEGRAM_URL: Final = "https://api.telegram.org"
#: By `SMTP_SECURITY`: the ports of RFC 6409, RFC 8314 and RFC 5321.
_SMTP_PORTS: Final[Mapping[str, int]] = MappingProxyType({"starttls": 587, "tls": 465, "none": 25})
_DAY_SECONDS: Final = 24 * 3600


class CollectorSettings(NamedTuple):
    """What the collector needs to know.

    Attributes:
        database: the path of the SQLite file (`DATABASE_PATH`), or the address of a PostgreSQL database
            (`DATABASE_URL`, which wins).
        internal_secret: what the owner signs in and calls the API with (`INTERNAL_SECRET`); `None`: the collector
            makes one and keeps it beside the database.
        rate_limit: events a second that one client may send for long (`RATE_LIMIT`); `None`: no limits at all.
        trusted_proxies: whose `X-Forwarded-*` headers are believed (`TRUSTED_PROXIES`).
        allowed_origins: the web pages' origins that may send events (`ALLOWED_ORIGINS`).
        ingest_keys: the service for each key (`INGEST_KEYS`), `*` for any; empty: no key is asked for.
        retention_days: how long an event is kept (`RETENTION_DAYS`); `None`: for good.
        max_database_bytes: how large the database may grow (`MAX_DATABASE_BYTES`); `None`: as large as the disk.
        min_free_bytes: how much of the disk is left free (`MIN_FREE_BYTES`); `None`: nothing.
    """

    database: str = DEFAULT_DATABASE
    internal_secret: str | None = None
    rate_limit: float | None = DEFAULT_RATE
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    ingest_keys: Mapping[str, str] = _NO_KEYS
    retention_days: int | None = DEFAULT_RETENTION_DAYS
    max_database_bytes: int | None = DEFAULT_DATABASE_BYTES
    min_free_bytes: int | None = DEFAULT_FREE_BYTES

    def __repr__(self) -> str:
        # Without the secret, the keys and the database's password: settings get printed and logged.
        hidden = ("internal_secret", "ingest_keys")
        safe = self._asdict() | {"database": addresses.shown(self.database)}
        shown = (f"{name}={value!r}" for name, value in safe.items() if name not in hidden)
        return f"CollectorSettings({', '.join(shown)})"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> CollectorSettings:
        """Read them from the environment.

        Raises:
            ConfigError: naming the variable at fault.
        """
        address = environ.get("DATABASE_URL")
        if address and not addresses.is_address(address):
            raise ConfigError("DATABASE_URL", "must begin with postgresql://; for an SQLite file set DATABASE_PATH")
        # The disk of a server is its administrator's; ours would be a guess.
        most = "off" if address else str(DEFAULT_DATABASE_BYTES)
        # Here and not at the top: the client reads its settings here too, and has no use for these.
        from . import values

        return cls(
            database=address or environ.get("DATABASE_PATH") or DEFAULT_DATABASE,
            internal_secret=read_secret(environ),
            rate_limit=values.read_rate("RATE_LIMIT", environ.get("RATE_LIMIT") or str(DEFAULT_RATE)),
            trusted_proxies=values.read_networks("TRUSTED_PROXIES", environ.get("TRUSTED_PROXIES") or ""),
            allowed_origins=values.read_origins("ALLOWED_ORIGINS", environ.get("ALLOWED_ORIGINS") or ""),
            ingest_keys=values.read_keys("INGEST_KEYS", environ.get("INGEST_KEYS") or ""),
            retention_days=values.read_days(
                "RETENTION_DAYS", environ.get("RETENTION_DAYS") or str(DEFAULT_RETENTION_DAYS)
            ),
            max_database_bytes=values.read_size(
                "MAX_DATABASE_BYTES",
                environ.get("MAX_DATABASE_BYTES") or most,
                least=_LEAST_DATABASE_BYTES,
            ),
            min_free_bytes=values.read_size(
                "MIN_FREE_BYTES", environ.get("MIN_FREE_BYTES") or str(DEFAULT_FREE_BYTES), least=0
            ),
        )


class AlertSettings(NamedTuple):
    """Whom to tell, of what, and when.

    Attributes:
        telegram_token: the bot's (`TELEGRAM_BOT_TOKEN`); `None`: nothing goes by Telegram.
        telegram_chat: a chat's number or @name (`TELEGRAM_CHAT_ID`).
        telegram_topic: the topic of that chat, as in `TELEGRAM_CHAT_ID=-100123/45`; `None`: none.
        telegram_url: the Bot API's address (`TELEGRAM_API_URL`), without a slash at its end.
        owner_email: whom the summary goes to (`OWNER_EMAIL`); several with commas between.
        smtp_host: the mail server (`SMTP_HOST`); `None`: nothing goes by email.
        smtp_port: its port (`SMTP_PORT`).
        smtp_user: what to sign in with (`SMTP_USER`); `None`: no sign-in.
        smtp_password: the same (`SMTP_PASSWORD`).
        smtp_security: `starttls`, `tls` or `none` (`SMTP_SECURITY`).
        email_from: the sender (`EMAIL_FROM`).
        alert_urls: further channels, as Apprise names them (`ALERT_URLS`).
        dashboard_url: where the owner reaches the dashboard (`DASHBOARD_URL`), for links; `None`: as the collector
            was started.
        cooldown: seconds in which more of an issue is gathered into one message (`ALERT_COOLDOWN`).
        cap: how many messages in ten minutes, besides one about all that is beyond (`ALERT_CAP`).
        rates: what else to tell (`ALERT_RATES`).
        routes: which alerts go where (`ALERT_ROUTES`); empty: to all channels that are for alerts.
        silence: whether to tell of services that have gone silent (`ALERT_SILENCE`).
        summary_at: minutes after midnight at which the day's summary is due (`SUMMARY_AT`); `None`: never.
        summary_zone: of that time (`SUMMARY_ZONE`).
        summary_empty: whether a day without events is told in a line (`SUMMARY_EMPTY`).
        canary_at: when all of the way is tried (`CANARY_AT`), in the same form and zone.
    """

    telegram_token: str | None = None
    telegram_chat: str = DEFAULT_CHAT
    telegram_topic: int | None = None
    telegram_url: str = DEFAULT_TELEGRAM_URL
    owner_email: str = DEFAULT_EMAIL
    smtp_host: str | None = None
    smtp_port: int = _SMTP_PORTS["starttls"]
    smtp_user: str | None = None
    smtp_password: str | None = None
    smtp_security: str = "starttls"
    email_from: str = DEFAULT_EMAIL
    alert_urls: tuple[str, ...] = ()
    dashboard_url: str | None = None
    cooldown: int = 900
    cap: int = 10
    rates: tuple[RateRule, ...] = ()
    routes: tuple[Route, ...] = ()
    silence: bool = True
    summary_at: int | None = 9 * 60
    summary_zone: str = "UTC"
    summary_empty: bool = True
    canary_at: int | None = 7 * 60

    def __repr__(self) -> str:
        # Apprise's addresses carry tokens and passwords.
        hidden = ("telegram_token", "smtp_password", "alert_urls")
        shown = (f"{name}={value!r}" for name, value in self._asdict().items() if name not in hidden)
        return f"AlertSettings({', '.join(shown)})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of this no log may show."""
        return tuple(filter(None, (self.telegram_token, self.smtp_password, *self.alert_urls)))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> AlertSettings:
        """Read them from the environment.

        Raises:
            ConfigError: naming the variable at fault.
        """
        # Here and not at the top: the client reads its settings here too, and has no use for these.
        from . import alert_rules, values

        chat, topic = values.read_chat("TELEGRAM_CHAT_ID", environ.get("TELEGRAM_CHAT_ID") or DEFAULT_CHAT)
        security = values.read_choice("SMTP_SECURITY", environ.get("SMTP_SECURITY") or "starttls", tuple(_SMTP_PORTS))
        owner = values.read_emails("OWNER_EMAIL", environ.get("OWNER_EMAIL") or DEFAULT_EMAIL)
        user = environ.get("SMTP_USER") or None
        # Most servers only take mail from the address that signed in.
        sender = environ.get("EMAIL_FROM") or (user if user and "@" in user else owner.partition(",")[0])
        return cls(
            telegram_token=values.read_token("TELEGRAM_BOT_TOKEN", environ.get("TELEGRAM_BOT_TOKEN") or ""),
            telegram_chat=chat,
            telegram_topic=topic,
            telegram_url=_address("TELEGRAM_API_URL", environ.get("TELEGRAM_API_URL") or DEFAULT_TELEGRAM_URL),
            owner_email=owner,
            smtp_host=environ.get("SMTP_HOST") or None,
            smtp_port=values.read_port("SMTP_PORT", environ.get("SMTP_PORT") or str(_SMTP_PORTS[security])),
            smtp_user=user,
            smtp_password=environ.get("SMTP_PASSWORD") or None,
            smtp_security=security,
            email_from=values.read_emails("EMAIL_FROM", sender),
            alert_urls=tuple((environ.get("ALERT_URLS") or "").split()),
            dashboard_url=_address("DASHBOARD_URL", url) if (url := environ.get("DASHBOARD_URL")) else None,
            cooldown=alert_rules.read_duration(
                "ALERT_COOLDOWN", environ.get("ALERT_COOLDOWN") or "15m", least=1, most=_DAY_SECONDS
            ),
            cap=values.read_whole("ALERT_CAP", environ.get("ALERT_CAP") or "10", least=2, most=1_000),
            rates=alert_rules.read_rates("ALERT_RATES", environ.get("ALERT_RATES") or ""),
            routes=alert_rules.read_routes("ALERT_ROUTES", environ.get("ALERT_ROUTES") or ""),
            silence=values.read_choice("ALERT_SILENCE", environ.get("ALERT_SILENCE") or "on", ("on", "off")) == "on",
            summary_at=values.read_time("SUMMARY_AT", environ.get("SUMMARY_AT") or "09:00"),
            summary_zone=values.read_zone("SUMMARY_ZONE", environ.get("SUMMARY_ZONE") or "UTC"),
            summary_empty=values.read_choice(
                "SUMMARY_EMPTY", environ.get("SUMMARY_EMPTY") or "line", ("line", "silent")
            )
            == "line",
            canary_at=values.read_time("CANARY_AT", environ.get("CANARY_AT") or "07:00"),
        )

    @property
    def defaults(self) -> dict[str, str]:
        """Recipients in use that nobody chose, by the variable that changes them: to be named at start."""
        used = {}
        if self.telegram_token and self.telegram_chat == DEFAULT_CHAT:
            used["TELEGRAM_CHAT_ID"] = self.telegram_chat
        if self.smtp_host and self.owner_email == DEFAULT_EMAIL:
            used["OWNER_EMAIL"] = self.owner_email
        return used


def read_secret(environ: Mapping[str, str] = os.environ) -> str | None:
    """`INTERNAL_SECRET`, or `None` where it is not set.

    Raises:
        ConfigError: when it can never be sent in a header.
    """
    secret = environ.get("INTERNAL_SECRET", "").strip()
    if len(secret.encode(errors="replace")) > limits.SECRET_BYTES:
        raise ConfigError("INTERNAL_SECRET", f"must have at most {limits.SECRET_BYTES} bytes")
    if any(ord(character) < 32 or ord(character) == 127 for character in secret):
        raise ConfigError("INTERNAL_SECRET", "must not contain control characters; a header cannot carry them")
    return secret or None


def environment() -> Mapping[str, str]:
    """All variables of this process: for who looks for one that is misspelt."""
    return os.environ


def variables() -> frozenset[str]:
    """The names of all variables that are read, here and nowhere else."""
    asked = _Asked()
    for settings in (CollectorSettings, AlertSettings, ClientSettings):
        settings.from_env(asked)
    return frozenset(asked.names)


class _Asked(dict[str, str]):
    """An environment in which nothing is set, and which remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return default


def secret_file(database: str) -> Path | None:
    """Where a collector without `INTERNAL_SECRET` keeps the one that it made: beside its file. `None` for PostgreSQL,
    whose collectors have to share one."""
    return None if addresses.is_address(database) else Path(f"{database}.secret")


class ClientSettings(NamedTuple):
    """What the client in a service needs to know.

    Attributes:
        url: the collector's address (`LEVQOR_ERRORS_URL`).
        service: the service's name where a call gives none (`LEVQOR_ERRORS_SERVICE`).
        environment: production, staging, … (`LEVQOR_ERRORS_ENVIRONMENT`).
        release: the version that runs (`LEVQOR_ERRORS_RELEASE`).
        spool_dir: where the journal is kept until it is delivered (`LEVQOR_ERRORS_SPOOL_DIR`).
        key: sent with the events, where the collector asks for one (`LEVQOR_ERRORS_KEY`).
    """

    url: str
    service: str
    environment: str | None
    release: str | None
    spool_dir: Path
    key: str | None = None

    def __repr__(self) -> str:
        # Without the key: it is public and only writes, but whoever finds it in a log can write too.
        shown = (f"{name}={value!r}" for name, value in self._asdict().items() if name != "key")
        return f"ClientSettings({', '.join(shown)})"

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] = os.environ,
        *,
        url: str | None = None,
        service: str | None = None,
        environment: str | None = None,
        release: str | None = None,
        spool_dir: str | os.PathLike[str] | None = None,
        key: str | None = None,
    ) -> ClientSettings:
        """Read them from the environment; what is given as an argument wins. `key=""` is no key at all.

        Raises:
            ConfigError: naming the variable at fault.
        """
        spool = spool_dir or environ.get("LEVQOR_ERRORS_SPOOL_DIR")
        return cls(
            url=check_url(url or environ.get("LEVQOR_ERRORS_URL") or DEFAULT_URL),
            service=service or environ.get("LEVQOR_ERRORS_SERVICE") or DEFAULT_SERVICE,
            environment=environment or environ.get("LEVQOR_ERRORS_ENVIRONMENT") or None,
            release=release or environ.get("LEVQOR_ERRORS_RELEASE") or None,
            spool_dir=_directory(spool),
            key=_key(environ.get("LEVQOR_ERRORS_KEY") if key is None else key),
        )


def _directory(given: str | os.PathLike[str] | None) -> Path:
    if not given:
        from platformdirs import user_state_path

        return user_state_path("levqor-errors")
    try:
        return Path(given)
    except TypeError as error:
        raise ConfigError("LEVQOR_ERRORS_SPOOL_DIR", "must be a path") from error


def _key(given: str | None) -> str | None:
    if not given:
        return None
    from .values import read_key

    return read_key("LEVQOR_ERRORS_KEY", given)


def check_url(url: str) -> str:
    """The collector's address without a slash at its end.

    Raises:
        ConfigError: when it is no http or https address. The address itself is not told: it may carry a password.
    """
    return _address("LEVQOR_ERRORS_URL", url, DEFAULT_URL)


def _address(key: str, url: str, example: str = "https://errors.example.com") -> str:
    # Here and below, not at the top: a service's start is its own, and it pays only for what it uses.
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(str(url).strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError):
        usable = False
    if not usable:
        raise ConfigError(key, f"must be an http or https address such as {example}")
    return str(url).strip().rstrip("/")
