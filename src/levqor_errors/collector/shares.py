"""Links that show one issue to somebody who cannot sign in: made and ended by the owner, read only, and without what is
known of users.

A link has a random token in it, of which the database keeps the hash only; so a link is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .. import instants
from ..errors import LevqorError, RequestRefusedError
from ..storage import Filters, Storage
from .forms import Form, read_form
from .issue_pages import HOME, IssuePages
from .own_address import OwnAddress
from .pages import page, problem
from .queries import read_id
from .scrubbing import scrubbed
from .sparkline import sparkline

#: For how many days a link may be made.
DAYS: Final = frozenset({"1", "7", "30"})
_FORM_BYTES: Final = 1_000
#: Longer than any of our tokens.
_TOKEN_CHARS: Final = 100


class Shares:
    """The owner's endpoint.

    Args:
        storage: where issues and links are.
        pages: the owner's page of an issue, which shows a new link.
        address: where others reach the collector.
    """

    def __init__(self, storage: Storage, pages: IssuePages, address: OwnAddress) -> None:
        self._storage = storage
        self._pages = pages
        self._address = address

    async def change(self, request: Request) -> Response:
        """POST /owner/issues/{id}/shares: make a link, or end one."""
        form = await read_form(request, _FORM_BYTES)
        try:
            issue_id = read_id(request, "issue")
            token = await run_in_threadpool(self._change, issue_id, form)
        except LevqorError as error:
            return problem(request, error, back=HOME)
        if token is None:
            root = request.scope.get("root_path", "")
            return RedirectResponse(f"{root}{HOME}/{issue_id}#shares", 303)
        return await self._pages.issue(request, link=f"{self._address.of(request)}/shared/{token}")

    def _change(self, issue_id: int, form: Form) -> str | None:
        if ended := form.get("end"):
            self._storage.drop_share(ended[:_TOKEN_CHARS])
            return None
        if form.get("days") not in DAYS:
            raise RequestRefusedError(400, f"days must be one of {', '.join(sorted(DAYS, key=int))}")
        token = secrets.token_urlsafe(32)
        now = datetime.now(timezone.utc)
        is_kept = self._storage.add_share(
            _hash(token),
            issue_id,
            created_at=instants.to_text(now),
            expires_at=instants.to_text(now + timedelta(days=int(form.get("days")))),
        )
        if not is_kept:
            raise RequestRefusedError(404, "There is no issue with this id; it may have been removed.")
        return token


class SharedPage:
    """The endpoint for those who have a link.

    Args:
        storage: where issues and links are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def get(self, request: Request) -> Response:
        """GET /shared/{token}: what a link shows, to anyone who has it."""
        try:
            values = await run_in_threadpool(self._read, str(request.path_params["token"]))
        except LevqorError as error:
            return problem(request, error, back=None)
        response = page(request, "shared.html", **values, sparkline=sparkline)
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    def _read(self, token: str) -> dict[str, Any]:
        now = instants.now()
        issue_id = self._storage.shared(_hash(token[:_TOKEN_CHARS]), now=now)
        issue = None if issue_id is None else self._storage.issue(issue_id, now=now, days=True)
        if issue is None:
            raise RequestRefusedError(404, "This link has ended, or never was one.")
        found = self._storage.recent(Filters(issue_id=issue["id"]), limit=1).errors
        event = self._storage.get(found[0]["id"]) if found else None
        return {"issue": issue | {"title": scrubbed(issue["title"], event)}, "event": event and scrubbed_event(event)}


def scrubbed_event(event: dict[str, Any]) -> dict[str, Any]:
    """What a link shows of an event: where it happened in the code, and nothing of whom it happened to."""
    shown = {name: event[name] for name in ("severity", "source", "environment", "release", "received_at")}
    return shown | {name: event[name] and scrubbed(event[name], event) for name in ("message", "stack")}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
