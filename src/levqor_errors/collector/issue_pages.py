"""The owner's pages of issues: the list by state and trend, one issue in full, and what he does with them.

Everything is a form that works without scripts: a press is a POST, what it changed can be undone from the page that
comes next. What is done goes to `Storage.triage`, as from buttons in Telegram and from the API.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .. import instants, limits
from ..errors import LevqorError, RequestRefusedError, TriageError
from ..severity import Severity
from ..storage import Filters, Storage
from ..storage.issues.model import STATES, Action, Do, IssueQuery, Refusal, Sort, Triaged
from .event_view import view
from .forms import Form, own_page, pack_ids, read_form, unpack_ids
from .health import Health
from .original_frames import OriginalFrames
from .pages import page, problem, with_query
from .queries import read_id, read_number, read_severities, read_text
from .sparkline import sparkline
from .strip import strip

HOME: Final = "/owner/issues"
#: Who did it, in the history: there is one owner.
WHO: Final = "the owner"
PAGE_ROWS: Final = 50
_EVENTS: Final = 20
#: A form with all issues of the longest page ticked, or the longest note with each character as three bytes.
_FORM_BYTES: Final = 9 * limits.NOTE_CHARS + 64 * 1024
SORTS: Final = {
    Sort.LAST_SEEN: "Last seen", Sort.FIRST_SEEN: "Newest", Sort.TREND: "Trend", Sort.EVENTS: "Events in 24 h",
    Sort.USERS: "Users",
}  # fmt: skip
#: How long, or until how many events, a page offers to mute.
MUTES: Final = {
    "2h": ("for 2 hours", Action("mute", seconds=2 * 3600)),
    "1d": ("for a day", Action("mute", seconds=24 * 3600)),
    "7d": ("for a week", Action("mute", seconds=7 * 24 * 3600)),
    "30d": ("for 30 days", Action("mute", seconds=30 * 24 * 3600)),
    "10n": ("until 10 more", Action("mute", events=10)),
    "100n": ("until 100 more", Action("mute", events=100)),
    "1000n": ("until 1,000 more", Action("mute", events=1_000)),
}
#: What the page says that was done, before the number of issues.
_DONE: Final = {
    Do.RESOLVE.value: "Resolved", Do.RESOLVE_NEXT.value: "Resolved in the next release", Do.MUTE.value: "Muted",
    Do.REOPEN.value: "Reopened", Do.MERGE.value: "Merged", Do.NOTE.value: "Note kept for", "undo": "Undone for",
    "treat": "Grouping changed for", "take_back": "A rule was taken back for", "split": "Split off",
}  # fmt: skip
_FIELDS: Final = ("state", "q", "service", "severity", "sort", "days")


class IssuePages:
    """The endpoints.

    Args:
        storage: where issues are.
        frames: finds an event's frames in its source.
        health: what may be wrong, which the pages say above all else.
    """

    def __init__(self, storage: Storage, frames: OriginalFrames, health: Health) -> None:
        self._storage = storage
        self._frames = frames
        self._health = health

    async def all(self, request: Request) -> Response:
        """GET /owner/issues, and POST: do something with those that are ticked."""
        return await (self._act if request.method == "POST" else self._list)(request)

    async def _list(self, request: Request) -> Response:
        params = request.query_params
        try:
            query = read_query(params)
            found = await run_in_threadpool(self._storage.issues, query, now=instants.now())
            services = await run_in_threadpool(self._storage.services)
        except LevqorError as error:
            return problem(request, error)
        given = {name: params.get(name, "") for name in _FIELDS}
        carried = {name: value for name, value in given.items() if value}
        return page(
            request, "issues.html", issues=found.issues, given=given, services=services,
            back=with_query(HOME, {**carried, "after": query.after or ""}),
            older=with_query(HOME, {**carried, "after": found.next}) if found.next else None,
            newest=with_query(HOME, carried) if query.after else None,
            tabs=[(state, with_query(HOME, {**carried, "state": state})) for state in (*STATES, "all")],
            filtered=any(value for name, value in given.items() if name in ("q", "service", "severity")),
            state=query.state or "all", days=query.days, severities=list(Severity), sorts=SORTS, mutes=MUTES,
            sparkline=sparkline, notice=_notice(params), strip=strip(await self._health.report(owner=True)),
        )  # fmt: skip

    async def issue(self, request: Request, *, link: str | None = None) -> Response:
        """GET /owner/issues/{id}; a link to it that was just made is shown as well."""
        try:
            values = await run_in_threadpool(self._read, read_id(request, "issue"))
        except LevqorError as error:
            return problem(request, error)
        here = f"{HOME}/{values['issue']['id']}"
        return page(
            request, "issue.html", **values, back=here, link=link, mutes=MUTES, sparkline=sparkline,
            notice=_notice(request.query_params), strip=strip(await self._health.report(owner=True)),
        )  # fmt: skip

    def _read(self, issue_id: int) -> dict[str, Any]:
        at = instants.now()
        issue = self._storage.issue(issue_id, now=at, days=True)
        if issue is None:
            raise RequestRefusedError(404, "There is no issue with this id; it may have been removed.")
        events = self._storage.recent(Filters(issue_id=issue["id"]), limit=_EVENTS)
        stored = self._storage.get(events.errors[0]["id"]) if events.errors else None
        latest = stored and self._frames.resolve(stored).event
        shares = self._storage.shares(issue["id"], now=at)
        return {
            "issue": issue,
            "events": events.errors,
            "latest": latest,
            "view": latest and view(latest),
            "shares": shares,
            "grouping": self._storage.explain_grouping(issue["id"]),
        }

    async def _act(self, request: Request) -> Response:
        form = await read_form(request, _FORM_BYTES)
        back = own_page(form.get("back"), HOME)
        try:
            issues = _ticked(form)
            action = _read_action(form, issues)
            done = await run_in_threadpool(self._storage.triage, action, issues, who=WHO, now=instants.now())
        except LevqorError as error:
            return problem(request, error, back=back)
        return outcome(request, action.do, done, back)

    async def undo(self, request: Request) -> Response:
        """POST /owner/undo: take changes back."""
        form = await read_form(request, _FORM_BYTES)
        back = own_page(form.get("back"), HOME)
        try:
            changes = unpack_ids(form.get("changes"))
            done = await run_in_threadpool(self._storage.undo, changes, who=WHO, now=instants.now())
        except LevqorError as error:
            return problem(request, error, back=back)
        return outcome(request, "undo", done, back)


def read_query(params: QueryParams) -> IssueQuery:
    """Which issues are wanted, of a page or by the API. An empty parameter is the same as none, as forms send it.

    Raises:
        RequestRefusedError: 400, naming the parameter and what is allowed.
    """
    state = params.get("state") or "open"
    if state not in (*STATES, "all"):
        raise RequestRefusedError(400, f"state must be one of {', '.join((*STATES, 'all'))}")
    sort = params.get("sort") or Sort.LAST_SEEN.value
    if sort not in Sort._value2member_map_:
        raise RequestRefusedError(400, f"sort must be one of {', '.join(one.value for one in Sort)}")
    limit = read_number(params, "limit")
    limit = PAGE_ROWS if limit is None else limit
    if not 1 <= limit <= limits.PAGE_MAX:
        raise RequestRefusedError(400, f"limit must be between 1 and {limits.PAGE_MAX}")
    return IssueQuery(
        state=None if state == "all" else state,
        service=read_text(params, "service", limits.SERVICE_CHARS),
        severity=read_severities(params),
        q=read_text(params, "q", limits.SEARCH_CHARS),
        sort=Sort(sort),
        limit=limit,
        after=params.get("after") or None,
        days=bool(params.get("days")),
    )


def _ticked(form: Form) -> list[int]:
    ids = form.all("issue")
    if not ids:
        raise RequestRefusedError(400, "Tick at least one issue first.")
    if len(ids) > limits.TRIAGE_ISSUES:
        raise RequestRefusedError(400, f"at most {limits.TRIAGE_ISSUES} issues can be changed in one go")
    return [id_ for text in ids for id_ in unpack_ids(text)]


def _read_action(form: Form, issues: list[int]) -> Action:
    do = form.get("do")
    if do == Do.MUTE.value:
        if form.get("for") not in MUTES:
            raise TriageError(f"for must be one of {', '.join(MUTES)}")
        return MUTES[form.get("for")][1]
    if do == Do.MERGE.value:
        if len(set(issues)) < 2:
            raise TriageError("Tick the issues that are the same, at least two.")
        # The one that has been known for longest keeps its page, its note and its history.
        return Action(do, into=min(issues))
    return Action(do, note=form.get("note") if do == Do.NOTE.value else None)


def outcome(request: Request, do: str, done: Triaged, back: str) -> Response:
    """Back to where it was pressed; where something was not done, why not comes first."""
    root = request.scope.get("root_path", "")
    path, _, query = back.partition("?")
    # In place of what the page told of the press before.
    told = {"done": do if done.changes else "nothing", "undo": pack_ids(done.changes)}
    there = with_query(path, {**QueryParams(query), **told})
    if not done.refused:
        return RedirectResponse(f"{root}{there}", 303)
    return page(
        request, "refused.html", 409, refused=_by_reason(done.refused), done=len(done.changes), back=there,
        # What is undone is a change, of which there is no page.
        what="change" if do == "undo" else "issue",
    )  # fmt: skip


def _by_reason(refused: list[Refusal]) -> dict[str, list[int]]:
    reasons: dict[str, list[int]] = {}
    for one in refused:
        reasons.setdefault(one.why, []).append(one.id)
    return reasons


def _notice(params: QueryParams) -> dict[str, Any] | None:
    """What was just done; from the address, so only what we have words for is told."""
    do, undo = params.get("done", ""), params.get("undo", "")
    if do == "nothing":
        return {"text": "It was so already.", "undo": None}
    if do not in _DONE:
        return None
    try:
        number = len(unpack_ids(undo))
    except RequestRefusedError:
        return None
    issues = "1 issue" if number == 1 else f"{number:,} issues"
    return {"text": f"{_DONE[do]} {issues}.", "undo": None if do == "undo" else undo}
