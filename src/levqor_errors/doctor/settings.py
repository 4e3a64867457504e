"""All settings, each by itself, so that every one that cannot be used is told, and not only the first.

What can be used goes on to the other looks (`Usable`). What a wrong setting stands for is not looked at by its default:
a test message must not go to a chat that nobody chose because the one that was chosen is misspelt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from .. import config
from ..config import AlertSettings, ClientSettings, CollectorSettings
from ..errors import ConfigError
from . import names, words
from .finding import Finding, bad, doubtful, good, told

_KINDS: Final = (CollectorSettings, AlertSettings, ClientSettings)
_MAIL: Final = ("SMTP_", "OWNER_EMAIL", "EMAIL_FROM")
_ADVICE: Final = "set it right, or unset it for its default (docs/settings.md)"


class Usable(NamedTuple):
    """What can be used of the settings.

    Attributes:
        collector, alerts, client: without what is wrong; of `alerts` without the channels that it belongs to.
        given: variables that are set.
        wrong: those of them that cannot be used.
    """

    collector: CollectorSettings
    alerts: AlertSettings
    client: ClientSettings
    given: frozenset[str]
    wrong: frozenset[str]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Channels that would be there if their settings were right."""
        channels = {"telegram": self._has_wrong("TELEGRAM_"), "email": self._has_wrong(*_MAIL)}
        needed = {"telegram": "TELEGRAM_BOT_TOKEN", "email": "SMTP_HOST"}
        return tuple(name for name, wrong in channels.items() if wrong and needed[name] in self.given)

    def _has_wrong(self, *prefixes: str) -> bool:
        return any(name.startswith(prefixes) for name in self.wrong)


def look(environ: Mapping[str, str]) -> tuple[list[Finding], Usable]:
    """All findings, and what can be used."""
    given = frozenset(name for name in config.variables() if environ.get(name))
    errors: dict[str, ConfigError] = {}
    wrong: set[str] = set()
    for name in sorted(given):
        for kind in _KINDS:
            try:
                kind.from_env({name: environ[name]})
            except ConfigError as error:
                errors[error.key] = error
                wrong.add(name)
    usable = _usable({name: environ[name] for name in given - wrong}, given, frozenset(wrong))
    findings = [bad("settings", "settings", *told(error, _ADVICE)) for error in errors.values()]
    findings += names.look(environ)
    findings += [
        doubtful("settings", "settings", f"alerts go to {recipient}, the default of {name}", f"set {name} to your own")
        for name, recipient in usable.alerts.defaults.items()
    ]
    right = len(given - wrong)
    if not given:
        findings.insert(0, good("settings", "settings", "none is set; all have their defaults"))
    elif right:
        what = words.count(right, "variable")
        findings.insert(0, good("settings", "settings", f"{what} {'is' if right == 1 else 'are'} set and can be used"))
    return findings, usable


def _usable(environ: Mapping[str, str], given: frozenset[str], wrong: frozenset[str]) -> Usable:
    usable = Usable(
        CollectorSettings.from_env(environ), AlertSettings.from_env(environ), ClientSettings.from_env(environ), given,
        wrong,
    )  # fmt: skip
    alerts = usable.alerts
    if "telegram" in usable.left_out:
        alerts = alerts._replace(telegram_token=None)
    if "email" in usable.left_out:
        alerts = alerts._replace(smtp_host=None)
    return usable._replace(alerts=alerts)
