"""Celery: tasks that fail for good, by its signal `task_failure`; a retry is not a failure.

report_from_celery(service="worker")     # where the Celery application is made
"""

from __future__ import annotations

from typing import Any

from ..client.api import current_client, report
from ..client.snapshot import Snapshot


def report_from_celery(service: str | None = None) -> None:
    """Report the exceptions of tasks. Calling it again adds nothing.

    Args:
        service: the service's name; by default that of `init`.
    """
    from celery.signals import task_failure

    def received(
        sender: Any = None,
        task_id: str | None = None,
        exception: BaseException | None = None,
        args: Any = None,
        kwargs: Any = None,
        **_: Any,
    ) -> None:
        # What a task says it throws is expected.
        if exception is None or isinstance(exception, tuple(getattr(sender, "throws", None) or ())):
            return
        name = getattr(sender, "name", "") or ""
        arguments = {"args": args, "kwargs": kwargs}
        task = {"name": name, "id": task_id, **Snapshot(current_client().options.redactor).of(arguments)}
        report(exception, service=service, path=name, context={"task": task})

    task_failure.connect(received, weak=False, dispatch_uid="levqor_errors")
