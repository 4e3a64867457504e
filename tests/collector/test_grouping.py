"""What the owner says of an issue's grouping, by HTTP; and that every collector of a database hears of it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from levqor_errors.collector import create_app
from levqor_errors.config import CollectorSettings
from support import SECRET, Database, owner, rows, served, wait_until

CART = "cart 7 is full"


def send(client: httpx.Client, *messages: str) -> None:
    """An event of each message."""
    for message in messages:
        assert client.post("/api/errors/log", json={"service": "shop", "message": message}).status_code == 201


def counts(client: httpx.Client) -> dict[str, int]:
    """The count of each issue."""
    return {issue["title"]: issue["count"] for issue in client.get("/api/issues").json()["issues"]}


def treat(client: httpx.Client, issue_id: int = 1, **wanted: Any) -> httpx.Response:
    return client.post(f"/api/issues/{issue_id}/grouping", json={"position": 0, "treat": "variable", **wanted})


def test_a_rule_is_made_and_taken_back_and_what_is_stored_follows(api: httpx.Client) -> None:
    send(api, CART, "bag 8 is full")
    told = api.get("/api/issues/1/grouping").json()["grouping"]
    assert [part["text"] for part in told["parts"]] == ["cart", "<number>", "is", "full"]
    assert told["parts"][1]["value"] == "7"
    done = treat(api, event_id=told["event_id"]).json()
    assert (done["ok"], done["issues"]) == (True, [1])
    wait_until(lambda: counts(api) == {CART: 2})
    send(api, "box 9 is full")
    assert counts(api) == {CART: 3}
    told = api.get("/api/issues/1/grouping").json()["grouping"]
    assert (told["parts"][0]["text"], told["parts"][0]["rules"], told["rules"][0]["text"]) == ("<any>", [1], "“cart”")
    assert api.delete("/api/issues/1/grouping/1").json()["ok"] is True
    wait_until(lambda: counts(api) == {CART: 1, "bag 8 is full": 1, "box 9 is full": 1})
    assert api.delete("/api/issues/1/grouping/1").status_code == 404
    # And once more, by taking back that it was taken back.
    change = api.get("/api/issues/1").json()["issue"]["changes"][0]
    assert change["action"] == "take back"
    assert api.post("/api/issues/undo", json={"changes": [change["id"]]}).json()["ok"] is True
    wait_until(lambda: counts(api) == {CART: 3})


def test_a_merged_issue_is_split_off(api: httpx.Client) -> None:
    send(api, "one", "two")
    api.post("/api/issues/2", json={"action": "merge", "into": 1})
    (merged,) = api.get("/api/issues/1").json()["issue"]["merged"]
    assert merged["by"] == "owner"
    assert counts(api) == {"one": 2}
    done = api.post("/api/issues/1/split", json={"fingerprint": merged["fingerprint"]}).json()
    assert done["issues"] == [2]
    wait_until(lambda: counts(api) == {"one": 1, "two": 1})


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"treat": "gone"}, 400),
        ({"treat": ["constant"]}, 400),
        ({"position": "0"}, 400),
        ({"position": -1}, 400),
        ({"position": 99}, 404),
        # A word that is always the same is constant already.
        ({"treat": "constant"}, 409),
        ({"event_id": "x"}, 400),
    ],
)
def test_what_cannot_be_said(api: httpx.Client, database: Database, wanted: dict[str, Any], status: int) -> None:
    send(api, CART)
    answer = treat(api, **wanted)
    assert (answer.status_code, answer.json()["ok"]) == (status, False)
    assert rows(database, "SELECT * FROM grouping_rules") == []


def test_of_issues_that_are_not_there(api: httpx.Client) -> None:
    assert api.get("/api/issues/9/grouping").status_code == 404
    assert treat(api, 9).status_code == 404
    assert api.post("/api/issues/9/split", json={"fingerprint": "x"}).status_code == 409
    assert api.post("/api/issues/9/split", json={"fingerprint": 7}).status_code == 400


def test_strangers_say_nothing(collector_url: str) -> None:
    for method, path in (
        ("GET", "/api/issues/1/grouping"),
        ("POST", "/api/issues/1/grouping"),
        ("DELETE", "/api/issues/1/grouping/1"),
        ("POST", "/api/issues/1/split"),
        ("POST", "/owner/issues/1/grouping"),
    ):
        assert httpx.request(method, f"{collector_url}{path}").status_code in (303, 401)


def test_another_collector_hears_of_a_rule_and_what_it_did_meanwhile_follows(database: Database) -> None:
    settings = CollectorSettings(str(database), SECRET)
    with ExitStack() as stack:
        apps = [create_app(settings) for _ in range(2)]
        one, other = (stack.enter_context(owner(stack.enter_context(served(app)))) for app in apps)
        send(one, CART)
        treat(one)
        # It cannot have heard of it yet, or it has: all of it ends in one issue.
        send(other, *[f"{word} 7 is full" for word in ("bag", "box", "bin")])
        wait_until(lambda: counts(one) == {CART: 4})
        wait_until(lambda: apps[1].state.collector.rules.grouper.rules)
        names = rows(database, "SELECT COUNT(*) FROM issues")
        send(other, "jar 7 is full")
        assert rows(database, "SELECT COUNT(*) FROM issues") == names
        assert counts(other) == {CART: 5}


def test_the_form_on_the_page(collector_url: str) -> None:
    with httpx.Client(base_url=collector_url, follow_redirects=True, headers={"Origin": collector_url}) as client:
        client.post("/login", data={"secret": SECRET})
        send(client, CART, "bag 8 is full", "<b>hostile</b> <any> \"quoted 'text'\" is full")
        page = "/owner/issues/1"
        assert "&lt;number&gt;" in client.get(page).text
        fields = {"back": page, "do": "treat", "position": "0", "treat": "variable", "event": "1"}
        told = client.post(f"{page}/grouping", data=fields)
        assert "Grouping changed for 1 issue." in told.text
        assert "by rule" in told.text
        wait_until(lambda: "<b>2</b><span>events" in client.get(page).text)
        told = client.post(f"{page}/grouping", data={"back": page, "do": "take_back", "rule": "1"})
        assert "A rule was taken back for 1 issue." in told.text
        hostile = client.get("/owner/issues/3").text
        assert "<b>hostile" not in hostile
        assert "&lt;b&gt;hostile&lt;/b&gt;" in hostile
        for wrong, status in (({"do": "x"}, 400), ({"position": "x"}, 400), ({"position": "77"}, 404)):
            assert client.post(f"{page}/grouping", data={**fields, **wrong}).status_code == status
