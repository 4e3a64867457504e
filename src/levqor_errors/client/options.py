"""What `init()` can be told besides addresses and names, checked once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from ..errors import ConfigError
from ..redact import Redactor
from ..severity import SEVERITY_ALIASES

BeforeSend: TypeAlias = Callable[[dict[str, Any]], "dict[str, Any] | None"]


class ClientOptions(NamedTuple):
    """See `api.init` for what each means."""

    before_send: BeforeSend | None
    sample_rates: Mapping[str, float]
    flood_limit: int | None
    include_locals: bool
    redactor: Redactor

    @classmethod
    def usable(cls, complain: Callable[[ConfigError], object], **given: Any) -> ClientOptions:
        """Of what is given all that can be used; one that cannot does not take the others along, least of all those
        that hide secrets.

        Args:
            complain: called with each error.
            **given: as for `check`.
        """
        kept: dict[str, Any] = {}
        for name, value in given.items():
            several = name.startswith("redact_") and type(value) in (list, tuple, set, frozenset)
            for one in value if several else (value,):
                option: dict[str, Any] = {name: [one] if several else one}
                try:
                    cls.check(**option)
                except ConfigError as error:
                    complain(error)
                    continue
                kept[name] = [*kept.get(name, ()), one] if several else one
        return cls.check(**kept)

    @classmethod
    def check(
        cls,
        *,
        before_send: BeforeSend | None = None,
        sample_rate: float | Mapping[str, float] | None = None,
        flood_limit: int | None = None,
        include_locals: bool = False,
        redact_keys: Iterable[str] = (),
        redact_patterns: Iterable[str] = (),
    ) -> ClientOptions:
        """Options in their checked form.

        Raises:
            ConfigError: naming the option at fault.
        """
        if before_send is not None and not callable(before_send):
            raise ConfigError("before_send", "must be a function")
        if flood_limit is not None and (not isinstance(flood_limit, int) or flood_limit < 1):
            raise ConfigError("flood_limit", "must be a whole number of events a minute, at least 1")
        keys, patterns = _texts("redact_keys", redact_keys), _texts("redact_patterns", redact_patterns)
        try:
            redactor = Redactor(keys, patterns)
        except re.error as error:
            raise ConfigError("redact_patterns", f"must be regular expressions: {error}") from error
        return cls(before_send, _rates(sample_rate), flood_limit, bool(include_locals), redactor)


def _texts(name: str, given: Iterable[str]) -> list[str]:
    try:
        # One text is one, and not its letters.
        texts = [given] if isinstance(given, str) else list(given)
    except TypeError as error:
        raise ConfigError(name, "must be a list of texts") from error
    if not all(isinstance(text, str) for text in texts):
        raise ConfigError(name, "must be a list of texts")
    return texts


def _rates(given: float | Mapping[str, float] | None) -> dict[str, float]:
    """Rates by severity, only where they are below 1."""
    if given is None:
        return {}
    by_name = given if isinstance(given, Mapping) else dict.fromkeys(SEVERITY_ALIASES, given)
    rates: dict[str, float] = {}
    for name, rate in by_name.items():
        severity = SEVERITY_ALIASES.get(str(name).lower())
        if severity is None or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ConfigError("sample_rate", "must be a number from 0 to 1, or such numbers by severity")
        if rate < 1:
            rates[severity.value] = float(rate)
    return rates
