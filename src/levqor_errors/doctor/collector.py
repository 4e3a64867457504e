"""The collector, asked over HTTP as services ask it: `/healthz`, and `/metrics` for its version."""

from __future__ import annotations

import re
import time
from typing import Any, Final

import httpx

from ..redact import Redactor
from ..version import VERSION
from . import clock
from .clock import Reading
from .finding import Finding, bad, doubtful, good

_SECONDS: Final = 5.0
#: Of what somebody else says.
_SAID_CHARS: Final = 300
_VERSION: Final = re.compile(r'^levqor_errors_build_info\{[^}\n]*version="([\w.+-]{1,40})"', re.MULTILINE | re.ASCII)
_TOPIC: Final = "collector"


def look(url: str, *, meant: bool) -> tuple[list[Finding], list[Reading]]:
    """What there is to say of it, and its clock.

    Args:
        url: its address.
        meant: whether somebody has set that; else it may well run elsewhere.
    """
    shown = Redactor().text(url)
    asked = time.time()
    try:
        answer = httpx.get(f"{url}/healthz", timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        found = f"nobody answers at {shown} ({_reason(error)})"
        if meant:
            advice = "start the collector there, or set LEVQOR_ERRORS_URL to where it is"
            return [bad(_TOPIC, "collector", found, advice)], []
        advice = "start it with `levqor-errors collector`; if it is elsewhere, set LEVQOR_ERRORS_URL"
        return [doubtful(_TOPIC, "collector", found, advice)], []
    health = _object(answer)
    if not isinstance(health.get("ok"), bool):
        found = f"what answers at {shown} is not a collector (status {answer.status_code})"
        return [bad(_TOPIC, "collector", found, "set LEVQOR_ERRORS_URL to where the collector listens")], []
    findings = [_health(shown, health), *_warnings(health), *_version(url)]
    return findings, clock.of_answer("the collector", answer, asked)


def _health(shown: str, health: dict[str, Any]) -> Finding:
    if not health["ok"]:
        why = str(health.get("why"))[:_SAID_CHARS]
        return bad(_TOPIC, "collector", f"{shown} answers that it cannot work: {why}", "its log says more")
    return good(_TOPIC, "collector", f"{shown} takes events")


def _warnings(health: dict[str, Any]) -> list[Finding]:
    warnings = health.get("warnings")
    return [
        doubtful(_TOPIC, "collector", f"says: {str(warning)[:_SAID_CHARS]}", "its log and docs/operating.md say more")
        for warning in (warnings if isinstance(warnings, list) else [])
    ]


def _version(url: str) -> list[Finding]:
    try:
        found = _VERSION.search(httpx.get(f"{url}/metrics", timeout=_SECONDS).text)
    except (httpx.HTTPError, OSError):
        found = None
    if found is None:
        return []
    if found[1] != VERSION:
        what = f"is version {found[1]}, and this command is {VERSION}"
        return [doubtful(_TOPIC, "version", what, "upgrade both to one version, and start the collector anew")]
    return [good(_TOPIC, "version", f"{VERSION}, as this command")]


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _reason(error: Exception) -> str:
    # The text of the system, where there is one; httpx's own names no address.
    return str(error)[:_SAID_CHARS] or type(error).__name__
