"""`levqor-errors demo` as a real process: one is signed in by its link, and it leaves nothing behind."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from levqor_errors.storage import open_storage
from storage_support import store
from support import COMMAND, clean_environ, rows, run_command, wait_until

pytestmark = pytest.mark.sqlite


def test_a_newcomer_sees_a_month_and_it_is_gone_afterwards(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, "demo", "--events", "60", "--no-open"],
            stdout=out, stderr=subprocess.STDOUT, env=clean_environ(TMPDIR=str(tmp_path)),
        )  # fmt: skip
    try:
        wait_until(lambda: re.search(r"Sign in +http://\S+\n", log.read_text()) or process.poll() is not None)
        found = re.search(r"Sign in +(http://127\.0\.0\.1:\d+/\S+)", log.read_text())
        assert found, log.read_text()
        with httpx.Client(follow_redirects=True) as browser:
            page = browser.get(found[1])
        assert page.url.path == "/owner/errors"
        assert "checkout" in page.text
        assert list(tmp_path.glob("levqor-demo-*/demo.db"))
    finally:
        process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0, log.read_text()
    assert not list(tmp_path.glob("levqor-demo-*"))


def test_it_takes_no_database_that_has_events(database: Path) -> None:
    storage = open_storage(str(database))
    store(storage, "mine", 3)
    storage.close()
    done = run_command("demo", "--database", str(database), "--no-open")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "levqor-errors: the database has events already; a demo needs one of its own\n"
    assert rows(database, "SELECT COUNT(*) FROM error_events") == [(3,)]
