"""A real Chromium: Debian's, headless, with nothing of its own to say to the network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, sync_playwright

#: This machine, by a name that browsers do not trust: to them 127.0.0.1 and `localhost` are as safe as TLS.
OTHER_HOST: Final = "errors.test"
_QUIET: Final = (
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
    "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
    f"--host-resolver-rules=MAP {OTHER_HOST} 127.0.0.1",
)  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, until the end of the block."""
    executable = shutil.which("chromium")
    assert executable is not None, "browser tests need Debian's package chromium"
    # Its sandbox refuses to work for root.
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*_QUIET, *sandbox])
        yield browser
        browser.close()


class Complaints(list[str]):
    """What pages of a context complain of: errors of their scripts, reports of their CSP, dialogs. Should stay empty.

    A message in the console of an error's answer (`Failed to load resource`) is no complaint of the page.
    """

    def __init__(self, context: BrowserContext) -> None:
        super().__init__()
        context.on("console", self._console)
        context.on("weberror", lambda error: self.append(f"error: {error.error}"))
        context.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.append(f"console: {message.text}")

    def _dialog(self, dialog: object) -> None:
        self.append(f"dialog: {dialog}")
        dismiss = getattr(dialog, "dismiss", None)
        assert dismiss is not None
        try:
            dismiss()
        except Error:
            # The page is gone already.
            return
