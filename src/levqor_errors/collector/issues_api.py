"""The JSON API of issues: the list, one in full, and what the owner does with them. The pages do the same by forms."""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from .. import instants, limits
from ..errors import RequestRefusedError, TriageError
from ..storage import Storage
from ..storage.issues.model import Action, Triaged
from .answers import JsonResponse
from .forms import read_bounded
from .issue_pages import WHO, read_query
from .queries import read_id, refuse_unknown

#: The longest note with each of its characters written as two escapes, and a list of ids beside it.
_BODY_BYTES: Final = 12 * limits.NOTE_CHARS + 32 * 1024
#: What `read_query` reads.
_PARAMETERS: Final = ("state", "service", "severity", "q", "sort", "limit", "after", "days")
_FIELDS: Final = frozenset({"action", "seconds", "events", "into", "note"})


class IssuesApi:
    """The endpoints. What they raise, `app.py` answers by `answers.error_response`.

    Args:
        storage: where issues are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def issues(self, request: Request) -> Response:
        """GET /api/issues."""
        refuse_unknown(request.query_params, *_PARAMETERS)
        query = read_query(request.query_params)
        try:
            found = await run_in_threadpool(self._storage.issues, query, now=instants.now())
        except TriageError as error:
            # No schema can say which cursors there are.
            raise RequestRefusedError(404, str(error)) from None
        return JsonResponse({"ok": True, "issues": found.issues, "count": len(found.issues), "next": found.next})

    async def one(self, request: Request) -> Response:
        """GET /api/issues/{id}, and POST: do something with it."""
        issue_id = read_id(request, "issue")
        if request.method == "POST":
            return await self._act(request, issue_id)
        issue = await run_in_threadpool(self._storage.issue, issue_id, now=instants.now(), days=True)
        if issue is None:
            raise RequestRefusedError(404, "there is no issue with this id")
        return JsonResponse({"ok": True, "issue": issue})

    async def _act(self, request: Request, issue_id: int) -> Response:
        action = _read_action(await read_object(request))
        if await run_in_threadpool(self._storage.issue, issue_id, now=instants.now()) is None:
            raise RequestRefusedError(404, "there is no issue with this id")
        done = await run_in_threadpool(self._storage.triage, action, [issue_id], who=WHO, now=instants.now())
        return _outcome(done)

    async def undo(self, request: Request) -> Response:
        """POST /api/issues/undo: take changes back that answers have named."""
        changes = (await read_object(request)).get("changes")
        if not isinstance(changes, list) or not 1 <= len(changes) <= limits.TRIAGE_ISSUES:
            raise RequestRefusedError(400, f"changes must be a list of 1 to {limits.TRIAGE_ISSUES} numbers")
        numbers = [whole_number("changes", change) for change in changes]
        return _outcome(await run_in_threadpool(self._storage.undo, numbers, who=WHO, now=instants.now()))


def _outcome(done: Triaged) -> Response:
    refused = [{"id": one.id, "why": one.why} for one in done.refused]
    if done.changes or not refused:
        return JsonResponse({"ok": True, "changes": done.changes, "issues": done.issues, "refused": refused})
    return JsonResponse({"ok": False, "error": refused[0]["why"], "refused": refused}, 409)


def _read_action(wanted: dict[str, Any]) -> Action:
    if unknown := wanted.keys() - _FIELDS:
        raise RequestRefusedError(400, f"unknown field {min(unknown)[:50]!r}; there are {', '.join(sorted(_FIELDS))}")
    numbers = {name: whole_number(name, wanted[name]) for name in ("seconds", "events", "into") if name in wanted}
    for name in ("action", "note"):
        if name in wanted and not isinstance(wanted[name], str):
            raise RequestRefusedError(400, f"{name} must be text")
    return Action(wanted.get("action", ""), note=wanted.get("note"), **numbers)


def whole_number(name: str, value: object) -> int:
    """A number as JSON has them: 80.0 is one, true is none.

    Raises:
        RequestRefusedError: 400; it is something else.
    """
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= limits.INTEGER_MAX:
        raise RequestRefusedError(400, f"{name} must be a whole number")
    return number


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in the request's body.

    Raises:
        RequestRefusedError: 413; it is too long.
        TriageError: it is none.
    """
    body = await read_bounded(request, _BODY_BYTES)
    if body is None:
        raise RequestRefusedError(413, f"the body must have at most {_BODY_BYTES:,} bytes")
    try:
        wanted = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise TriageError("the body must be a JSON object") from None
    if not isinstance(wanted, dict):
        raise TriageError("the body must be a JSON object")
    return wanted
