"""Django: what no view took, by its signal `got_request_exception`.

report_from_django(service="shop")      # once, in an AppConfig's ready()
"""

from __future__ import annotations

import sys
from typing import Any

from ..client.api import report
from .request import describe_request


def report_from_django(service: str | None = None) -> None:
    """Report the exceptions of requests. Calling it again adds nothing.

    Args:
        service: the service's name; by default that of `init`.
    """
    from django.core.signals import got_request_exception

    def received(sender: object, request: Any = None, **_: Any) -> None:
        exception = sys.exc_info()[1]
        if exception is None:
            return
        if request is None:
            report(exception, service=service)
            return
        described = describe_request(
            method=request.method or "",
            path=request.path,
            query=request.META.get("QUERY_STRING", ""),
            headers={name.lower(): value for name, value in request.headers.items()},
        )
        report(exception, service=service, path=request.path, context={"request": described})

    got_request_exception.connect(received, weak=False, dispatch_uid="levqor_errors")
