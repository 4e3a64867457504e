"""The pictures of the README, from the demo's month: each page in light and in dark.

Run by `make screenshots`, after pages have changed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from browser_support import chromium

DOCS: Final = Path(__file__).parent.parent / "docs"
SIZE: Final = {"width": 1280, "height": 800}


def main() -> None:
    """Make all of them."""
    command = [sys.executable, "-m", "levqor_errors", "demo", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        link = next(found[0] for line in demo.stdout if (found := re.search(r"http\S+token=\S+", line)))
        try:
            take_all(link)
        finally:
            demo.terminate()


def take_all(link: str) -> None:
    """The pages of the collector that the link signs in to."""
    address = link.partition("/login")[0]
    with chromium() as browser:
        context = browser.new_context(viewport=SIZE, timezone_id="UTC")  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(link)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.goto(f"{address}/owner/errors?range=7d")
            take(page, "errors", scheme)
            page.goto(f"{address}/owner/issues?sort=events&days=14")
            take(page, "issues", scheme)
            page.goto(f"{address}/owner/errors?range=30d&service=checkout&severity=error")
            page.locator(".events a").first.click()
            page.locator("dialog[open] h1").wait_for()
            take(page, "event", scheme)


def take(page: Page, name: str, scheme: str) -> None:
    """One picture, when the page is quiet."""
    page.wait_for_timeout(500)
    page.screenshot(path=DOCS / f"{name}-{scheme}.png")


if __name__ == "__main__":
    main()
