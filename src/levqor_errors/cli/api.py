"""The collector's API for its owner, as the command line uses it."""

from __future__ import annotations

import time
from typing import Any

import httpx

from ..config import ClientSettings, CollectorSettings, read_secret, secret_file
from ..errors import CollectorRefusedError, CollectorUnreachableError, ConfigError
from ..redact import Redactor

TIMEOUT = 15.0
#: Until a large body is on its way, read and stored.
UPLOAD_TIMEOUT = 120.0
#: How often something is sent while the collector says that it is busy, and seconds between at most.
TRIES = 8
LONGEST_WAIT = 30


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
        return self._read(self._send("GET", path, params))

    def delete(self, path: str, params: dict[str, Any]) -> dict[str, Any]:
        """DELETE a path; raises as `get` does."""
        return self._read(self._send("DELETE", path, params))

    def post(self, path: str, params: dict[str, Any], body: bytes) -> dict[str, Any]:
        """POST what is compressed by gzip, again while the collector asks for patience; raises as `get` does."""
        for _ in range(TRIES - 1):
            response = self._send("POST", path, params, body)
            if response.status_code not in (429, 503):
                return self._read(response)
            told = response.headers.get("Retry-After", "")
            time.sleep(min(int(told), LONGEST_WAIT) if told.isdigit() else 1)
        return self._read(self._send("POST", path, params, body))

    def _send(self, method: str, path: str, params: dict[str, Any] | None, body: bytes | None = None) -> httpx.Response:
        headers = {} if body is None else {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        timeout = TIMEOUT if body is None else UPLOAD_TIMEOUT
        try:
            return self._client.request(method, path, params=params, content=body, headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            raise CollectorUnreachableError(
                f"no collector answers at {shown_url(self._url)}; start one with `levqor-errors collector`, "
                "or set LEVQOR_ERRORS_URL"
            ) from error

    def _read(self, response: httpx.Response) -> dict[str, Any]:
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
        if not response.is_success:
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
