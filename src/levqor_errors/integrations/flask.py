"""Flask: what no handler of the application took, by its signal `got_request_exception`.

report_from_flask(app, service="shop")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..client.api import report
from .request import describe_request

if TYPE_CHECKING:
    from flask import Flask


def report_from_flask(app: Flask, service: str | None = None) -> None:
    """Report the exceptions of an application's requests.

    Args:
        app: the application.
        service: the service's name; by default that of `init`.
    """
    from flask import got_request_exception, request

    def received(sender: Flask, exception: BaseException, **_: Any) -> None:
        described = describe_request(
            method=request.method,
            path=request.path,
            query=request.query_string.decode("latin-1"),
            headers={name.lower(): value for name, value in request.headers.items()},
        )
        report(exception, service=service, path=request.path, context={"request": described})

    # weak=False: nobody else holds this function.
    got_request_exception.connect(received, app, weak=False)
