"""What the collector asks of a database, whichever it is: the `Storage` protocol. The data that crosses it
is in `base.py`.

Above this line nothing knows SQLite; below it nothing knows HTTP. All methods block, and are called from the
writer's thread (`write`), the janitor's (the upkeep) or a worker thread (the rest), never from the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..errors import EventUnstorableError
from ..grouping_rules import Grouper
from .alerts.store import AlertStore
from .base import Filters, NewEvent, News, Overview, Page, Size, StoredEvent, Thinned, Unit
from .issues.model import Action, IssuePage, IssueQuery, Triaged
from .source_maps import SourceMapStore
from .watchers import Watch


class Storage(Protocol):
    """A database of events.

    Every method may raise `StorageUnavailableError`, after a bounded wait.

    Attributes:
        exchange: how collectors tell each other what they let through, where several may use this database. Called
            with a text for all others, or `None`; gives the texts of the others that are new since its last call. A
            text that nobody asks for within seconds is gone.
    """

    @property
    def exchange(self) -> Callable[[str | None], list[str]] | None: ...

    async def write(self, batch: Sequence[NewEvent]) -> list[StoredEvent | EventUnstorableError]:
        """Store a batch in one transaction, with its issues and counts; durable when this returns.

        One call at a time on each event loop; calls on several loops wait for each other.

        An event whose `event_id` is stored already changes nothing and is reported as a duplicate. One that the
        database refuses for its content is reported in its place, and the others are stored.
        """
        ...

    def recent(
        self,
        filters: Filters,
        *,
        limit: int,
        before: int | None = None,
        after: int | None = None,
        among: Sequence[int] | None = None,
        whole: bool = False,
        reach: int | None = None,
    ) -> Page:
        """Events by id, the newest first: at most `limit`, with ids under `before`, only those `among` these ids; those
        next above `after`, whose `next` is for the page above them. `whole`: with their context, as `get` has it.
        `reach`: a page ends after so many events that have the words that are looked for, where a database has to look
        at each of them to tell which match; it may have fewer then, even none, and a `next` all the same.

        Who reads page by page meets every event that was committed before he began, once. One that another collector
        commits meanwhile may have an id that he is past already; `news` tells of it.
        """
        ...

    def matching(self, filters: Filters, among: Sequence[int]) -> list[int]:
        """Which of these events match and are still there, by their ids, the lowest first."""
        ...

    def news(self, after: str | None, *, most: int) -> News:
        """The ids of events that were committed after a cursor, by any collector: each once, none left out.

        How to follow: begin to `watch`, then take a cursor (`after=None`), then read what is there (`recent`), so that
        nothing falls between; what is committed meanwhile may be met twice, and is known by its id. From then on, each
        time that you are woken: call this with the last answer's cursor until there is no `more`. The events
        themselves, as far as filters let them through, come from `recent(among=ids)`. A cursor may be kept for long
        and used by another process; see `News.missed`.

        Args:
            after: `cursor` of the last answer; `None`: no news, but a cursor to begin with.
            most: how many ids at most.
        """
        ...

    def watch(self, wake: Callable[[], None]) -> Watch:
        """Have `wake` called soon after each commit of events by whatever process, until the answer is closed.

        Args:
            wake: called on a thread of the storage's, and must return at once: it may set an event, or call
                `loop.call_soon_threadsafe`, and whoever waits for that asks for `news`. It is called after each time
                that the database was away, too, and now and then for nothing. While somebody does not come back from
                it, others that watch in this process are not woken; commits never wait for it.
        """
        ...

    def get(self, event_id: int) -> dict[str, Any] | None:
        """One event with its context and its issue, by its row id."""
        ...

    def stats(self, filters: Filters) -> dict[str, Any]:
        """Exact counts of the events that match: in all, by severity, source and service, and over time.

        Only a filter by environment or release may leave some out, and `unnamed` says how many at most: a service that
        has more than `limits.COUNTED_NAMES` of them in an hour has the rest counted without them.

        Of words, and of an issue with a filter that its hourly counts do not know, the newest
        `limits.MATCHES_COUNTED` are counted at most, among the newest `limits.MATCHES_LOOKED_AT` that have the words or
        are of the issue. If there may be more, `counted_since` is when the oldest of these was received; else `None`,
        and all are counted.

        With what was refused in those hours, by reason, of all senders: a refused event was not looked into.
        """
        ...

    def overview(self, filters: Filters, *, unit: Unit, before: tuple[str, str] | None, named_since: str) -> Overview:
        """Exact counts of the events that match, as short as a page needs them.

        Args:
            filters: which events.
            unit: by what they are summed up over time; `minute` for ranges of a few hours.
            before: another range, of which only the severities are counted.
            named_since: names that were counted from this hour on are suggested.
        """
        ...

    def refused(self, since: str) -> dict[str, dict[str, int]]:
        """What was refused from an hour on, by reason: `requests`, and `events` as far as they were read."""
        ...

    def services(self) -> list[str]:
        """Names of services that were ever counted, at most `limits.SERVICES` of them."""
        ...

    def health(self) -> dict[str, Any]:
        """Facts about the database for `/healthz`; no secrets, no paths. Raises if it does not answer.

        `database` (which one, and its version), `wal_fix`, `wal_bytes`, `database_bytes` and `free_bytes` (see `Size`),
        `alerts_unsent`, `damaged`, and `warnings`: what somebody should look at, as sentences.
        """
        ...

    def prune(self, before: str, *, most: int) -> int:
        """Delete some of the events that were received before an instant, the oldest first, at most so many.

        This and the other upkeep are short steps, to be called again until there is nothing left to do; between them
        others can write. Returns how many were deleted; 0 when none is left. No count changes.
        """
        ...

    def thin(self, *, most: int) -> Thinned:
        """Delete some events, at most so many: the oldest ones of the issue that has the most.

        When every issue has one event left: issues of which no event is left, then the oldest events of all. No count
        of the statistics changes. Nothing deleted means that nothing is left to delete.
        """
        ...

    def give_back(self) -> bool:
        """Do a step of giving space back that nothing uses; returns whether there is more to do."""
        ...

    def size(self) -> Size:
        """How large the database is, and what is left beside it."""
        ...

    def add_refusals(self, counts: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        """Add to what was refused.

        Args:
            counts: by hour and reason, how many requests and how many events.
        """
        ...

    def digest(self, since: str, until: str, missed: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """What happened in a range of `received_at`, for the day's summary. May take long; nobody waits for it.

        Numbers of events are named `now`, `before` (the 24 hours before the range) and `week` (its seven days before).

        Args:
            since: the first instant.
            until: the end, which is not in it.
            missed: ranges of which only the totals are wanted.

        Returns:
            `severities`, `services` (the loudest; `services_count` of all), `hours` (for a chart), issues as `issues`,
            `new`, `regressed`, `resolved` and `quiet` (each with `count`, and `top` some of them), what was `refused`
            in the hours that the range touches, `undelivered` alerts, `canary` and `channels` as they were remembered,
            totals of `missed`, and `known_since`, the first hour that was ever counted.
        """
        ...

    def alerts(self) -> AbstractContextManager[AlertStore]:
        """What the alerts keep, inside a transaction; durable when the context ends."""
        ...

    def alert_reader(self, *, long: bool = False) -> AbstractContextManager[AlertStore]:
        """The same, only for reading. Whoever writes with it meets an error.

        Args:
            long: events are counted. Else it is for a moment, and waits for no search.
        """
        ...

    def issues(self, query: IssueQuery, *, now: str) -> IssuePage:
        """A page of issues, each with its numbers; those that are merged into others are not among them.

        Of each: `id`, `title`, `service`, `severity` (the worst ever), `state`, `first_seen`, `last_seen`, `count`,
        `users` (with `users_at_least`, whether there may be more), `regressions`, `note`, `muted_until`, `mute_count`
        (the count at which its mute ends), `resolved_at`, `resolved_in_next_release`, `old_releases`, `trend` (`now`,
        the last 24 hours, and `before`, the 24 before those), and `sparkline` (`bucket`, `since`, `counts`).

        Args:
            query: which, and how.
            now: the clock.

        Raises:
            TriageError: `query.after` is no answer's `next`.
        """
        ...

    def issue(self, issue_id: int, *, now: str, days: bool = False) -> dict[str, Any] | None:
        """One issue, by its id or that of one that was merged into it.

        As in a page, and with `fingerprint`, `grouping` (what the fingerprint was made from), `merged` (issues that are
        a part of this one: `id`, `title`, `fingerprint`, `grouping`), `changes` (what the owner did: `id`, `at`,
        `issue_id`, `action`, `detail`, `undone_at`) and `ledger` (what happened in all: `id`, `at`, `alert_id`,
        `channel`, `what`, `detail`), the latest first.

        Args:
            issue_id: its id.
            now: the clock.
            days: its sparkline is of 14 days instead of 24 hours.
        """
        ...

    def triage(self, action: Action, issues: Sequence[int], *, who: str, now: str) -> Triaged:
        """Do something with issues, in one transaction; see `issues/triage.py`."""
        ...

    def undo(self, changes: Sequence[int], *, who: str, now: str) -> Triaged:
        """Take changes back that `triage` told of; see `issues/triage.py`."""
        ...

    def add_share(self, token_hash: str, issue_id: int, *, created_at: str, expires_at: str) -> bool:
        """Remember a link to an issue by the hash of its token; returns whether there is such an issue."""
        ...

    def shared(self, token_hash: str, *, now: str) -> int | None:
        """The issue that a link shows; `None`: the link has ended, was taken back, or never was."""
        ...

    def shares(self, issue_id: int, *, now: str) -> list[dict[str, Any]]:
        """Links to an issue that work (`token_hash`, `created_at`, `expires_at`), the newest first."""
        ...

    def drop_share(self, token_hash: str) -> bool:
        """Take a link back; returns whether there was one."""
        ...

    def grouping_version(self) -> int:
        """How often rules of grouping have changed."""
        ...

    def grouper(self) -> Grouper:
        """The rules of grouping in force."""
        ...

    def explain_grouping(self, issue_id: int) -> dict[str, Any] | None:
        """Why events are in an issue; see `regroup/owner.py`, also for the three that follow."""
        ...

    def treat_grouping(
        self, issue_id: int, position: int, treat: str, *, who: str, now: str, event_id: int | None = None
    ) -> int:
        """Make a rule: treat a part of an issue's group as `constant` or as `variable`."""
        ...

    def drop_grouping_rule(self, rule_id: int, *, who: str, now: str) -> int | None:
        """Take a rule back."""
        ...

    def split_issue(self, issue_id: int, fingerprint: str, *, who: str, now: str) -> tuple[int, int]:
        """Make an issue again of one that was merged into another."""
        ...

    def regroup(self) -> bool:
        """Do a step of moving what is stored to where it belongs by the rules; returns whether there may be more to do.

        From one thread. Of several collectors on a database one does it.
        """
        ...

    def tidy_issues(self, now: str, *, most: int) -> int:
        """Do a step of the upkeep of issues: mutes that end, events of merged ones that move, what is past its time.

        Returns how much was done; 0 when nothing is left.
        """
        ...

    def source_maps(self, *, adding: bool = False) -> AbstractContextManager[SourceMapStore]:
        """Source maps, inside a transaction; durable when the context ends.

        Args:
            adding: that something is to be added, which is refused where no event would be taken for want of space.
        """
        ...

    def source_map_reader(self) -> AbstractContextManager[SourceMapStore]:
        """The same, only for reading. Whoever writes with it meets an error."""
        ...

    def add_session(self, token_hash: str, *, created_at: str, expires_at: str) -> None:
        """Remember a sign-in by the hash of its token, and forget those that have ended."""
        ...

    def has_session(self, token_hash: str, *, now: str) -> bool:
        """Whether that sign-in is known, not signed out, and not over."""
        ...

    def drop_session(self, token_hash: str) -> None:
        """Sign out."""
        ...

    def drop_sessions(self) -> None:
        """Sign out everywhere."""
        ...

    def close(self) -> None:
        """Let go of the database. Call it last: reads that still run are broken off, and no method may follow."""
        ...
