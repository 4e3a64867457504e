"""S15 | the built browser client and a sample Next.js page, searched for secrets |
none
"""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

import levqor_errors.collector
from rendered_support import ENVIRON, JS, rendered_site

# About what is built, not about a database.
pytestmark = pytest.mark.sqlite

SERVED = Path(levqor_errors.collector.__file__).parent / "browser" / "errorClient.js"


def assert_has_none(text: str) -> None:
    """No value of anything that a collector or a service is told, nor even the name of it."""
    for name, value in ENVIRON.items():
        assert value not in text
        assert name not in text


def test_s15_what_is_searched_for_is_what_there_is() -> None:
    assert {"INTERNAL_SECRET", "TELEGRAM_BOT_TOKEN", "SMTP_PASSWORD", "NEXT_PUBLIC_INTERNAL_SECRET"} <= ENVIRON.keys()


def test_s15_the_client_that_the_collector_serves() -> None:
    assert_has_none(SERVED.read_text())


def test_s15_a_page_of_somebody_who_has_them_all(collector_url: str, tmp_path: Path) -> None:
    with rendered_site(collector_url, tmp_path / "site") as site:
        # The search would find what is there: the one address that is public is.
        assert collector_url in site.bundle
        assert_has_none(site.bundle)
        for path in ("/cart", "/broken", "/client.js"):
            answer = httpx.get(f"{site.url}{path}")
            assert answer.status_code == (500 if path == "/broken" else 200)
            assert_has_none(answer.text)
            assert_has_none(str(answer.headers))


def test_s15_the_client_reads_no_variable_but_those_that_it_tells_of() -> None:
    named = {
        name
        for path in (*JS.glob("*.ts"), *(JS / "src").glob("*.ts"))
        for name in re.findall(r"\benv\.(\w+)", path.read_text())
    }
    assert named == {
        "NEXT_PUBLIC_API_URL",
        *(f"LEVQOR_ERRORS_{name}" for name in ("URL", "SERVICE", "ENVIRONMENT", "RELEASE", "KEY")),
    }
