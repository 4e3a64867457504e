"""What the database tells of itself, asked once a second however many ask us: `/healthz` and `/metrics` are public.

It is asked on a thread of its own. The pool that all other requests share may be full of slow ones just when somebody
wants to know how the collector does.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

from ..errors import StorageUnavailableError

logger = logging.getLogger("levqor_errors.collector")

#: An answer is given again for this long.
KEEP_SECONDS: Final = 1.0
#: After this the database counts as not answering. Balancers and Kubernetes wait for one to five seconds.
PATIENCE_SECONDS: Final = 2.0


class Facts(NamedTuple):
    """`Storage.health()` with what is known of the alerts, or why there is none."""

    known: Mapping[str, Any] | None
    #: Fit for anyone; `None` with facts.
    why: str | None


class _Question(NamedTuple):
    answer: Future[Facts]
    #: When it was asked, in seconds of `time.monotonic()`.
    at: float


class FactsReader:
    """Asks the database, and keeps what it said.

    Args:
        ask: tells all that is known, by name.
        keep_seconds: for how long an answer is good.
        patience_seconds: how long to wait for one.
    """

    def __init__(
        self,
        ask: Callable[[], Mapping[str, Any]],
        *,
        keep_seconds: float = KEEP_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._tell = ask
        self._keep = keep_seconds
        self._patience = patience_seconds
        self._question: _Question | None = None
        self._told = False

    async def read(self) -> Facts:
        """The facts, not older than `keep_seconds`. Never raises, and never waits longer than `patience_seconds`."""
        question = self._question
        if question is None or (question.answer.done() and time.monotonic() - question.at >= self._keep):
            question = self._question = self._ask()
        if not question.answer.done():
            # The question goes on when nobody waits for it any more, and there is never a second one beside it.
            left = question.at + self._patience - time.monotonic()
            await asyncio.wait({asyncio.wrap_future(question.answer)}, timeout=max(left, 0))
        if question.answer.done():
            return question.answer.result()
        return Facts(None, "the database takes too long to answer")

    def _ask(self) -> _Question:
        answer: Future[Facts] = Future()
        # From here on nobody who stops waiting can cancel it.
        answer.set_running_or_notify_cancel()
        threading.Thread(target=self._run, args=[answer], name="levqor-errors-facts", daemon=True).start()
        return _Question(answer, time.monotonic())

    def _run(self, answer: Future[Facts]) -> None:
        try:
            facts = Facts(self._tell(), None)
            self._told = False
        except StorageUnavailableError as error:
            facts = Facts(None, str(error))
        except Exception:
            # Once, and not with every question: anyone may ask.
            if not self._told:
                logger.exception("the database does not tell how it is")
            self._told = True
            facts = Facts(None, "the database does not answer")
        answer.set_result(facts)
