"""The JSON API of issues."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

ISSUES = "/api/issues"


@pytest.fixture
def two(api: httpx.Client) -> None:
    for message in ("cart", "pay"):
        api.post("/api/errors/log", json={"service": "shop", "message": message})


def test_list_one_change_undo(api: httpx.Client, two: None) -> None:
    listed = api.get(ISSUES).json()
    assert [issue["title"] for issue in listed["issues"]] == ["pay", "cart"]
    assert (listed["count"], listed["next"]) == (2, None)
    done = api.post(f"{ISSUES}/1", json={"action": "mute", "events": 5}).json()
    assert (done["issues"], done["refused"]) == ([1], [])
    issue = api.get(f"{ISSUES}/1").json()["issue"]
    assert (issue["state"], issue["mute_count"], issue["changes"][0]["action"]) == ("muted", 6, "mute")
    assert [one["id"] for one in api.get(ISSUES, params={"state": "muted"}).json()["issues"]] == [1]
    assert api.post(f"{ISSUES}/undo", json={"changes": done["changes"]}).json()["issues"] == [1]
    assert api.get(f"{ISSUES}/1").json()["issue"]["state"] == "open"
    assert api.post(f"{ISSUES}/undo", json={"changes": done["changes"]}).status_code == 409


def test_pages_one_after_the_other(api: httpx.Client, two: None) -> None:
    first = api.get(ISSUES, params={"limit": 1}).json()
    second = api.get(ISSUES, params={"limit": 1, "after": first["next"]}).json()
    assert [page["issues"][0]["title"] for page in (first, second)] == ["pay", "cart"]
    assert second["next"] is None
    assert api.get(ISSUES, params={"after": "no cursor"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"action": "explode"}, 400),
        ({"action": ["resolve"]}, 400),
        ({"action": "mute"}, 400),
        ({"action": "mute", "seconds": 10**9}, 400),
        ({"action": "mute", "seconds": 60, "events": 5}, 400),
        ({"action": "mute", "seconds": True}, 400),
        ({"action": "resolve", "seconds": 5}, 400),
        ({"action": "resolve", "more": 5}, 400),
        ({"action": "note"}, 400),
        ({"action": "note", "note": "x" * 100_000}, 413),
        ({"action": "merge", "into": 99}, 409),
    ],
)
def test_what_cannot_be_done(api: httpx.Client, two: None, body: Any, status: int) -> None:
    answer = api.post(f"{ISSUES}/1", json=body)
    assert (answer.status_code, answer.json()["ok"]) == (status, False)
    assert api.get(f"{ISSUES}/1").json()["issue"]["changes"] == []


def test_one_that_is_not_there(api: httpx.Client) -> None:
    assert api.get(f"{ISSUES}/1").status_code == 404
    assert api.post(f"{ISSUES}/1", json={"action": "resolve"}).status_code == 404
