"""What the owner says of an issue's grouping, by the form on its page and by the API: a part is constant or variable, a
rule is taken back, a merged issue is split off. From here to `Storage`; what is stored follows (`regrouping.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from .. import instants
from ..errors import LevqorError, RequestRefusedError
from ..storage import Storage
from ..storage.issues.model import Triaged
from .answers import JsonResponse
from .forms import Form, own_page, read_form
from .issue_pages import HOME, WHO, outcome
from .issues_api import read_object, whole_number
from .pages import problem
from .queries import read_id
from .regrouping import RulesInForce

_FORM_BYTES: Final = 4_000
_FINGERPRINT_CHARS: Final = 32


class Grouping:
    """The endpoints.

    Args:
        storage: where issues and rules are.
        rules: those in force here.
    """

    def __init__(self, storage: Storage, rules: RulesInForce) -> None:
        self._storage = storage
        self._rules = rules

    async def press(self, request: Request) -> Response:
        """POST /owner/issues/{id}/grouping: one of the buttons on its page."""
        form = await read_form(request, _FORM_BYTES)
        back = own_page(form.get("back"), HOME)
        do = form.get("do")
        try:
            issue_id = read_id(request, "issue")
            done = await self._do(lambda: self._pressed(issue_id, do, form))
        except LevqorError as error:
            return problem(request, error, back=back)
        return outcome(request, do, done, back)

    def _pressed(self, issue_id: int, do: str, form: Form) -> Triaged:
        if do == "treat":
            return self._treat(issue_id, _number(form, "position"), form.get("treat"), _number(form, "event"))
        if do == "take_back":
            return self._take_back(issue_id, _number(form, "rule"))
        if do == "split":
            return self._split(issue_id, form.get("fingerprint"))
        raise RequestRefusedError(400, "do must be one of treat, take_back, split")

    async def explain(self, request: Request) -> Response:
        """GET /api/issues/{id}/grouping, and POST: make a rule."""
        issue_id = read_id(request, "issue")
        if request.method == "POST":
            wanted = await read_object(request)
            position = whole_number("position", wanted.get("position"))
            treat = wanted.get("treat")
            if not isinstance(treat, str):
                raise RequestRefusedError(400, "treat must be constant or variable")
            event_id = None if wanted.get("event_id") is None else whole_number("event_id", wanted["event_id"])
            return _answer(await self._do(lambda: self._treat(issue_id, position, treat, event_id)))
        told = await run_in_threadpool(self._storage.explain_grouping, issue_id)
        if told is None:
            raise RequestRefusedError(404, "there is no issue with this id, or no event of it is stored")
        return JsonResponse({"ok": True, "grouping": told})

    async def rule(self, request: Request) -> Response:
        """DELETE /api/issues/{id}/grouping/{rule}: take a rule back."""
        issue_id, rule_id = read_id(request, "issue"), read_id(request, "rule", "rule")
        return _answer(await self._do(lambda: self._take_back(issue_id, rule_id)))

    async def split(self, request: Request) -> Response:
        """POST /api/issues/{id}/split: take one that was merged into it out again."""
        issue_id = read_id(request, "issue")
        fingerprint = (await read_object(request)).get("fingerprint")
        if not isinstance(fingerprint, str):
            raise RequestRefusedError(400, "fingerprint must be text")
        return _answer(await self._do(lambda: self._split(issue_id, fingerprint)))

    async def _do(self, what: Callable[[], Triaged]) -> Triaged:
        try:
            return await run_in_threadpool(what)
        finally:
            self._rules.changed()

    def _treat(self, issue_id: int, position: int, treat: str, event_id: int | None) -> Triaged:
        change = self._storage.treat_grouping(issue_id, position, treat, who=WHO, now=instants.now(), event_id=event_id)
        return Triaged([change], [issue_id], [])

    def _take_back(self, issue_id: int, rule_id: int) -> Triaged:
        change = self._storage.drop_grouping_rule(rule_id, who=WHO, now=instants.now())
        if change is None:
            raise RequestRefusedError(404, "there is no such rule; it may have been taken back already")
        return Triaged([change], [issue_id], [])

    def _split(self, issue_id: int, fingerprint: str) -> Triaged:
        fingerprint = fingerprint[:_FINGERPRINT_CHARS]
        other, change = self._storage.split_issue(issue_id, fingerprint, who=WHO, now=instants.now())
        return Triaged([change], [other], [])


def _number(form: Form, name: str) -> int:
    text = form.get(name)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise RequestRefusedError(400, f"{name} must be a whole number")
    return int(text)


def _answer(done: Triaged) -> Response:
    values: dict[str, Any] = {"ok": True, "changes": done.changes, "issues": done.issues, "refused": []}
    return JsonResponse(values)
