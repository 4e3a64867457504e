"""WSGI applications.

    application = ErrorMiddleware(application, service="checkout")

An exception that leaves the application is reported once, and raised on, also one from the middle of a streamed answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from ..client.api import report
from .request import request_scope

T = TypeVar("T")
Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class ErrorMiddleware:
    """Reports what leaves the application it wraps.

    Args:
        app: the application.
        service: the service's name; by default that of `init`.
    """

    def __init__(self, app: Application, service: str | None = None) -> None:
        self._app = app
        self._service = service

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return _Answer(self._app, self._service, environ, start_response)


class _Answer:
    """The application's answer; runs it, and each step of its body, within the request's scope."""

    def __init__(
        self, app: Application, service: str | None, environ: Environ, start_response: Callable[..., Any]
    ) -> None:
        self._service = service
        self._request = {
            "method": environ.get("REQUEST_METHOD", ""),
            "path": environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
            "query": environ.get("QUERY_STRING", ""),
            "headers": {
                key.removeprefix("HTTP_").replace("_", "-").lower(): value
                for key, value in environ.items()
                if key.startswith("HTTP_") or key == "CONTENT_TYPE"
            },
        }
        self._body = self._within(lambda: app(environ, start_response))
        self._parts: Iterator[bytes] = iter(self._body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __len__(self) -> int:
        """Servers take the length of an answer of one part from it (PEP 3333, "Handling the Content-Length Header")."""
        return len(self._body)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        return True

    def __next__(self) -> bytes:
        return self._within(lambda: next(self._parts))

    def close(self) -> None:
        """PEP 3333: the server calls it when the answer is sent or given up."""
        close = getattr(self._body, "close", None)
        if close is not None:
            self._within(close)

    def _within(self, step: Callable[[], T]) -> T:
        with request_scope(**self._request):
            try:
                return step()
            except StopIteration:
                raise
            except Exception as error:
                report(error, service=self._service)
                raise
