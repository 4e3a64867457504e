"""The alerts' runner in the test's own process, with its channels, where a collector is not needed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from alert_support import QUIET
from levqor_errors.alerts import clock
from levqor_errors.alerts.channels import open_channels
from levqor_errors.alerts.memory import StoredMemory
from levqor_errors.alerts.runner import Runner
from levqor_errors.config import AlertSettings
from levqor_errors.storage import Storage


class Clock:
    """A wall clock that can be set."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return clock.now() + self.offset


def _no_post(event: dict[str, Any]) -> None:
    raise AssertionError("no canary is wanted")


def runner(
    storage: Storage,
    environ: Mapping[str, str],
    *,
    now: Callable[[], datetime] = clock.now,
    post: Callable[[dict[str, Any]], None] = _no_post,
) -> Runner:
    """A runner that is not started, by these variables."""
    settings = AlertSettings.from_env({**QUIET, **environ})
    channels = open_channels(settings, StoredMemory(storage))
    return Runner(storage, settings, channels, dashboard_url=lambda: settings.dashboard_url, post=post, now=now)


def run_once(storage: Storage, environ: Mapping[str, str], **options: Any) -> None:
    """All that is due, as `levqor-errors alerts --once` does it."""
    with contextlib.closing(runner(storage, environ, **options)) as one:
        one.run_once()


@contextlib.contextmanager
def running(storage: Storage, environ: Mapping[str, str], **options: Any) -> Iterator[Runner]:
    """A runner at work."""
    started = runner(storage, environ, **options)
    started.start()
    try:
        yield started
    finally:
        started.close()
