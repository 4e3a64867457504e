"""Where others reach this collector, as the owner's pages tell it: in snippets of the handbook, in the first command of
an empty list, in links to issues that he shares. One rule for all of them.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import URL
from starlette.requests import Request

from .alerting import Alerting

#: An address that may stand in a snippet: whoever copies it runs it, and the Host header is the sender's.
_ADDRESS: Final = re.compile(
    r"https?://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]{0,200})?"
)
_OTHERWISE: Final = "http://127.0.0.1:8000"


class OwnAddress:
    """The rule: what `DASHBOARD_URL` says, else where the owner's browser came to, else where we listen.

    Args:
        dashboard_url: the setting.
        alerting: knows where we listen, once that is known.
    """

    def __init__(self, dashboard_url: str | None, alerting: Alerting) -> None:
        self._dashboard_url = dashboard_url
        self._alerting = alerting

    def of(self, request: Request) -> str:
        """The address without a slash at its end, for whoever sent this request."""
        # Not `request.base_url`: it leaves out the path that a host application has mounted us under.
        here = URL(scope={**request.scope, "path": request.scope.get("root_path", ""), "query_string": b""})
        for address in (self._dashboard_url, str(here), self._alerting.address):
            if address and _ADDRESS.fullmatch(address.rstrip("/")):
                return address.rstrip("/")
        return _OTHERWISE
