"""The collector's reading API, as the command line uses it."""

from __future__ import annotations

from typing import Any

import httpx

from ..config import ClientSettings, CollectorSettings, read_secret, secret_file
from ..errors import CollectorRefusedError, CollectorUnreachableError, ConfigError
from ..redact import Redactor

TIMEOUT = 15.0


class Api:
    """A connection to a collector, signed in with the owner's secret.

    Args:
        url: its address; `None`: that of the environment.

    Raises:
        ConfigError: the address cannot be used, or no secret is to be found.
    """

    def __init__(self, url: str | None) -> None:
        self._url = ClientSettings.from_env(url=url).url
        self._client = httpx.Client(
            base_url=self._url, timeout=TIMEOUT, headers={b"X-Internal-Secret": find_secret().encode()}
        )

    def recent(self, params: dict[str, Any]) -> dict[str, Any]:
        """GET /api/errors/recent; raises as `get` does."""
        return self.get("/api/errors/recent", params)

    def get(self, path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """GET a path that answers with an object.

        Raises:
            CollectorUnreachableError: nobody answers.
            CollectorRefusedError: anything but that came back.
        """
        try:
            response = self._client.get(path, params=params)
        except httpx.HTTPError as error:
            raise CollectorUnreachableError(
                f"no collector answers at {shown_url(self._url)}; start one with `levqor-errors collector`, "
                "or set LEVQOR_ERRORS_URL"
            ) from error
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise CollectorRefusedError(
                response.status_code, f"what answers at {shown_url(self._url)} is not a collector"
            )
        if response.status_code == 401:
            raise CollectorRefusedError(
                401, "the collector does not accept this secret; set INTERNAL_SECRET to its own"
            )
        if response.status_code != 200:
            why = answer.get("error", f"status {response.status_code}")
            raise CollectorRefusedError(response.status_code, f"the collector says: {why}")
        return answer


def find_secret() -> str:
    """The owner's secret: INTERNAL_SECRET, or the one that a collector on this machine keeps beside its database.

    Raises:
        ConfigError: there is none.
    """
    secret = read_secret()
    if secret is not None:
        return secret
    path = secret_file(CollectorSettings.from_env().database)
    if path is None:
        raise ConfigError("INTERNAL_SECRET", "is not set; set it to the collector's secret")
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            "INTERNAL_SECRET", f"is not set and there is no {path}; set it to the collector's secret"
        ) from error


def shown_url(url: str) -> str:
    """An address as it may be printed: without the password that it may carry."""
    return Redactor().text(url)
