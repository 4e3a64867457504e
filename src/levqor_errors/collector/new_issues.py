"""How many new issues an hour: an issue stays until somebody closes it, and each may be told to somebody.

Past the limits nothing is lost. An event whose group is new goes into its service's one issue for that (`may_open` of
`NewEvent`), and those of known groups go where they belong. A client has its own limit, so that one sender's flood of
new groups leaves the new errors of others their own issues. Asked by `ingest.py` before and after a commit, since
only the database knows which groups are new.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Final

from .. import limits
from .sharing import MakeBuckets, make_buckets

_ALL: Final = ""


class NewIssues:
    """The quota. Until a commit has told, each group that may be new is taken for new, so that requests under way
    together cannot open more than there may be.

    Args:
        clock: seconds, never going back.
        make: makes the buckets.
    """

    def __init__(self, clock: Callable[[], float], make: MakeBuckets = make_buckets) -> None:
        self._clock = clock
        self._clients = make(
            "new_issues", limits.NEW_ISSUES_CLIENT / 3600, limits.NEW_ISSUES_CLIENT, most=limits.CLIENTS
        )
        self._total = make("new_issues_total", limits.NEW_ISSUES / 3600, limits.NEW_ISSUES, most=1)
        self._seen: set[str] = set()

    def unseen(self, groups: Set[str]) -> Set[str]:
        """Those that may be new. Groups that were committed lately are not, and cost no more than this question."""
        return groups - self._seen

    def lend(self, client: str, wanted: int) -> int:
        """How many new issues, of so many that are wanted, a request may open; `settle` gives back."""
        now = self._clock()
        left = min(self._clients.tokens(client, now), self._total.tokens(_ALL, now))
        lent = max(0, min(wanted, int(left)))
        if lent:
            self._clients.take(client, lent, now)
            self._total.take(_ALL, lent, now)
        return lent

    def settle(self, client: str, lent: int, opened: int, committed: Set[str]) -> None:
        """Give back what was lent and not used.

        Args:
            client: to whom it was lent.
            lent: as `lend` said.
            opened: how many of them became new issues.
            committed: the groups that are known now to have an issue.
        """
        unused = lent - opened
        if unused:
            now = self._clock()
            self._clients.take(client, -unused, now)
            self._total.take(_ALL, -unused, now)
        if len(self._seen) + len(committed) > limits.SEEN_GROUPS:
            self._seen.clear()
        self._seen |= committed
