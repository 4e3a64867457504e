"""Signing in and out in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browser_support import Complaints
from support import SECRET, CollectorProcess

pytestmark = pytest.mark.sqlite


def test_with_the_secret_and_out_again(
    page: Page, complaints: Complaints, start_collector: Callable[..., CollectorProcess]
) -> None:
    url = start_collector().url
    page.goto(f"{url}/owner/errors?severity=critical")
    page.get_by_label("Secret").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That is not the secret.")
    page.get_by_label("Secret").fill(SECRET)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{url}/owner/errors?severity=critical")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{url}/owner/errors")
    expect(page.get_by_label("Secret")).to_be_visible()
    assert complaints == []
