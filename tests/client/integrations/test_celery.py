"""Celery, in a process of its own, for it is set up once a process: one task that fails is one event."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from client_support import run_script

CELERY = """
    import json, logging, sys, threading, warnings
    from celery import Celery
    from celery.contrib.testing.worker import start_worker
    from celery.exceptions import Ignore, Reject
    from levqor_errors import ErrorHandler, log_error
    from levqor_errors.integrations.celery import report_from_celery
    from levqor_errors.testing import capture_events

    logging.getLogger().addHandler(ErrorHandler(service="logged"))
    app = Celery("shop", broker="memory://", backend="cache+memory://")
    app.conf.update(worker_hijack_root_logger=False, task_always_eager=EAGER, broker_connection_retry_on_startup=False,
                    broker_transport_options={"polling_interval": 0.01})
    report_from_celery(service="worker")
    report_from_celery(service="worker")

    class Unpicklable(Exception):
        def __init__(self, text):
            super().__init__(text, threading.Lock())

    @app.task(name="ok")
    def ok():
        return 1

    @app.task(name="fail")
    def fail(order, password=None):
        raise ValueError("it broke")

    @app.task(name="unpicklable")
    def unpicklable():
        raise Unpicklable("it broke")

    @app.task(name="log_and_fail")
    def log_and_fail():
        try:
            raise ValueError("it broke")
        except ValueError:
            logging.getLogger("shop").exception("logged before")
            raise

    @app.task(name="retried", bind=True, max_retries=2, default_retry_delay=0)
    def retried(self):
        try:
            raise ValueError("it broke")
        except ValueError as error:
            raise self.retry(exc=error, countdown=0)

    @app.task(name="ignored")
    def ignored():
        raise Ignore()

    @app.task(name="expected", throws=(KeyError,))
    def expected():
        raise KeyError("expected")

    @app.task(name="reported")
    def reported():
        log_error("shop", "reported by hand")

    def run(task, *arguments, **named):
        with capture_events() as events:
            result = task.apply_async(arguments, named)
            try:
                # A task that is ignored has no result to wait for.
                result.get(timeout=20 if task is not ignored else 0.5, propagate=False, interval=0.01)
            except Exception:
                pass
        results[task.name] = events

    results = {}

    def run_all():
        for task in (ok, unpicklable, log_and_fail, retried, ignored, expected, reported):
            run(task)
        run(fail, 5, password="hunter2abc")

    if EAGER:
        run_all()
    else:
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20):
            run_all()
    print(json.dumps(results))
"""


@pytest.mark.parametrize("eager", [True, False], ids=["eager", "in a worker"])
def test_celery(tmp_path: Path, eager: bool) -> None:
    result = run_script(tmp_path, f"EAGER = {eager}\n" + textwrap.dedent(CELERY))
    assert result.returncode == 0, result.stderr
    results = json.loads(result.stdout.splitlines()[-1])
    (event,) = results["fail"]
    assert (event["service"], event["message"], event["path_or_screen"]) == ("worker", "ValueError: it broke", "fail")
    task = event["context"]["task"]
    assert task["name"] == "fail"
    assert task["args"] == [5]
    assert task["kwargs"] == {"password": "[redacted]"}
    assert len(task["id"]) == 36
    told = {name: [event["message"] for event in events] for name, events in results.items() if name != "fail"}
    unpicklable = told.pop("unpicklable")
    assert told == {
        "ok": [], "log_and_fail": ["logged before"], "retried": ["ValueError: it broke"], "ignored": [],
        "expected": [], "reported": ["reported by hand"],
    }  # fmt: skip
    # Celery puts another exception in its place, which can be sent to those who wait for the result.
    assert len(unpicklable) == 1
    assert "Unpicklable('it broke', <unlocked _thread.lock" in unpicklable[0]
