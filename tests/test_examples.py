"""examples/shop as a stranger would run it: a real service, a real collector, and every failure over HTTP.

Each test ends by stopping the shop, which delivers what it took; what the collector has then is all there is, so
that "once" and "nothing" need no waiting time.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from shop_support import ADA, BOB, PRIVATE, PUBLIC, ROOT, WEBHOOK, ShopProcess, environ, paid, recent, signature
from support import CollectorProcess, wait_until

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite


@pytest.fixture
def collector(start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    """Where the shop reports to."""
    return start_collector()


@pytest.fixture
def shop(collector: CollectorProcess, tmp_path: Path) -> Iterator[ShopProcess]:
    """The shop, just opened."""
    process = ShopProcess(collector.url, tmp_path)
    yield process
    process.close()


class Failure(NamedTuple):
    """A way in which the shop fails, and the one event that has to come of it."""

    name: str
    #: Requests before the one that fails; they report nothing.
    before: Callable[[ShopProcess], object]
    trigger: Callable[[ShopProcess], httpx.Response]
    status: int
    service: str
    severity: str
    path: str | None
    user_email: str | None
    message: str
    #: In this order in the stack; none: there is no stack.
    stack: tuple[str, ...]


def nothing(_: ShopProcess) -> None:
    """No request comes before."""


CAUSE = "The above exception was the direct cause of the following exception:"
POSTER = {"sku": "poster", "deliver_on": "2026-12-24"}
FAILURES = [
    Failure(
        "handled",
        nothing,
        lambda shop: shop.ask("Can I have a refund?", "eve@example.com"),
        200, "support_chat_public", "error", PUBLIC, "eve@example.com",
        "an answer has a gap: 'refund_days'",
        ("support_public.py", "in ask", "template.format_map", "KeyError: 'refund_days'"),
    ),
    Failure(
        "logged warning",
        nothing,
        lambda shop: shop.ask("Do you sell submarines?"),
        200, "support_chat_public", "warning", None, None,
        "no answer to the question 'Do you sell submarines?'",
        (),
    ),
    Failure(
        "unhandled",
        nothing,
        lambda shop: shop.ask_signed_in("What do I spend on average?", BOB),
        500, "support_chat_private", "error", PRIVATE, BOB,
        "ZeroDivisionError: ",
        ("support_private.py", "// len(orders)", "ZeroDivisionError: "),
    ),
    Failure(
        "unhandled, in public",
        nothing,
        lambda shop: shop.ask("Can you wrap it?", "eve@example.com"),
        500, "support_chat_public", "error", PUBLIC, None,
        "ValueError: expected '}' before end of string",
        ("support_public.py", "template.format_map", "ValueError: "),
    ),
    Failure(
        "chained",
        lambda shop: shop.deliver(paid("evt_1", metadata={"sku": "mug", "deliver_on": "2026-02-30"})),
        lambda shop: shop.ask_signed_in("When does it arrive?", ADA),
        200, "support_chat_private", "error", PRIVATE, ADA,
        "order cs_of_evt_1 has no usable delivery date",
        ("date.fromisoformat", "ValueError: ", CAUSE, "in _arrivals", "DeliveryDateError: order cs_of_evt_1"),
    ),
    Failure(
        "chained, of a webhook",
        nothing,
        lambda shop: shop.deliver(paid("evt_1", customer_details=None)),
        422, "stripe_webhook", "error", WEBHOOK, None,
        "BadCheckoutError: checkout cs_of_evt_1 cannot be read as an order",
        ("TypeError: 'NoneType'", CAUSE, "in receive", "BadCheckoutError: checkout cs_of_evt_1"),
    ),
    Failure(
        "forged",
        nothing,
        lambda shop: shop.http.post(WEBHOOK, json=paid("evt_1"), headers={"Stripe-Signature": "t=1,v1=00"}),
        400, "stripe_webhook", "warning", None, None,
        "a webhook was refused: the signature does not fit the body",
        (),
    ),
    Failure(
        "critical",
        lambda shop: shop.deliver(paid("evt_1", metadata=POSTER)),
        lambda shop: shop.deliver(paid("evt_2", BOB, metadata=POSTER)),
        200, "stripe_webhook", "critical", WEBHOOK, BOB,
        "a paid order cannot be fulfilled: poster is sold out",
        ("in _fulfil", "store.py", "in fulfil", "SoldOutError: poster is sold out"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_failure_arrives_exactly_once(shop: ShopProcess, collector: CollectorProcess, failure: Failure) -> None:
    failure.before(shop)
    answer = failure.trigger(shop)
    assert answer.status_code == failure.status, shop.log()
    # While the shop runs on: nobody restarts a service to see its errors.
    wait_until(lambda: recent(collector))
    shop.stop()
    (event,) = recent(collector)
    assert event["source"] == "backend"
    assert (event["service"], event["severity"]) == (failure.service, failure.severity)
    assert (event["path_or_screen"], event["user_email"]) == (failure.path, failure.user_email)
    assert failure.message in event["message"]
    if failure.stack:
        places = [event["stack"].find(part) for part in failure.stack]
        assert -1 not in places, event["stack"]
        assert places == sorted(places), event["stack"]
    else:
        assert event["stack"] is None


def test_the_customer_is_told_the_id_of_an_unexpected_error(shop: ShopProcess, collector: CollectorProcess) -> None:
    reference = shop.ask_signed_in("What do I spend on average?", BOB).json()["reference"]
    # uvicorn's own log of the exception stays on the console.
    wait_until(lambda: "ZeroDivisionError" in shop.log())
    shop.stop()
    assert [event["event_id"] for event in recent(collector)] == [reference]


def test_what_goes_well_reports_nothing(shop: ShopProcess, collector: CollectorProcess) -> None:
    assert "4.90 EUR" in shop.ask("How much is shipping?").json()["answer"]
    assert shop.deliver(paid("evt_1")).json() == {"result": "fulfilled"}
    shirt = {"sku": "shirt", "deliver_on": "2026-12-31"}
    assert shop.deliver(paid("evt_2", BOB, metadata=shirt)).json() == {"result": "fulfilled"}
    assert shop.deliver(paid("evt_3", payment_status="unpaid")).json() == {"result": "unpaid"}
    assert shop.deliver({"id": "evt_4", "type": "invoice.paid"}).json() == {"result": "ignored"}
    answers = {
        (email, question): shop.ask_signed_in(question, email).json()["answer"]
        for email, question in [(ADA, "My orders?"), (ADA, "My average?"), (ADA, "Does it arrive?"), (BOB, "Orders?")]
    }
    # Each customer sees his own orders only.
    assert answers == {
        (ADA, "My orders?"): "Your orders: mug.",
        (ADA, "My average?"): "You spend 19.90 an order.",
        (ADA, "Does it arrive?"): "Your mug arrives on 24 December 2026.",
        (BOB, "Orders?"): "Your orders: shirt.",
    }
    shop.stop()
    assert recent(collector) == []


def test_the_page_allows_the_collector_and_no_other(shop: ShopProcess, collector: CollectorProcess) -> None:
    answer = shop.http.get("/")
    assert f'src="{collector.url}/errorClient.js"' in answer.text
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == f"'self' {collector.url}"
    for name, kind in (("chat.js", "text/javascript"), ("shop.css", "text/css"), ("icon.svg", "image/svg+xml")):
        assert f"/static/{name}" in answer.text
        assert shop.http.get(f"/static/{name}").headers["Content-Type"].startswith(kind)


MISTAKES: list[tuple[str, dict[bytes, bytes], bytes, int, str]] = [
    (PUBLIC, {}, b"{", 400, "JSON object"),
    (PUBLIC, {}, b"[" * 100_000, 400, "JSON object"),
    (PUBLIC, {}, b'{"message": " "}', 400, "message"),
    (PUBLIC, {}, b'{"message": "pay", "email": 7}', 400, "email"),
    (PRIVATE, {}, b'{"message": "orders"}', 401, "sign in"),
    (PRIVATE, {b"Authorization": b"Bearer token-of-nobody"}, b'{"message": "orders"}', 401, "sign in"),
    (PRIVATE, {b"Authorization": b"Bearer token-\xff"}, b'{"message": "orders"}', 401, "sign in"),
    (PRIVATE, {b"Authorization": b"Basic token-of-ada"}, b'{"message": "orders"}', 401, "sign in"),
    ("/api/nothing", {}, b"", 404, "Not Found"),
]


def test_a_senders_mistake_is_answered_and_not_reported(
    shop: ShopProcess, collector: CollectorProcess, subtests: pytest.Subtests
) -> None:
    for path, headers, body, status, word in MISTAKES:
        with subtests.test(path=path, headers=headers, body=body[:40]):
            answer = shop.http.post(path, content=body, headers=headers)
            assert answer.status_code == status
            assert word in answer.json()["error"]
    shop.stop()
    assert recent(collector) == []


def test_a_client_that_hangs_up_is_not_reported(shop: ShopProcess, collector: CollectorProcess) -> None:
    host, port = httpx.URL(shop.url).host, httpx.URL(shop.url).port
    with socket.create_connection((host, port)) as connection:
        connection.sendall(f"POST {PUBLIC} HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\n{{".encode())
        # Until the shop has begun to read: an answer to somebody else shows that its loop has turned since.
        assert shop.ask("Can I pay by card?").status_code == 200
    assert shop.ask("Can I pay by card?").status_code == 200
    shop.stop()
    assert recent(collector) == []


#: A header for a body, and why it is refused; empty: it is not.
SIGNATURES: list[tuple[Callable[[bytes], str | None], str]] = [
    (lambda body: signature(body), ""),
    (lambda body: signature(body, age=290), ""),
    (lambda body: f"{signature(body)},v0={'0' * 64}", ""),
    # While the secret is rolled over there are two.
    (lambda body: f"{signature(body, secret='old')},{signature(body).partition(',')[2]}", ""),
    (lambda body: signature(body, age=310), "the signature is too old"),
    (lambda body: signature(body, secret="another"), "the signature does not fit the body"),
    (lambda body: signature(body + b" "), "the signature does not fit the body"),
    (lambda body: signature(body, secret="another", age=310), "the signature does not fit the body"),
    (lambda body: signature(body)[:-1], "the signature does not fit the body"),
    # An old one that was made young.
    (lambda body: signature(body, age=310).replace("t=", "t=9"), "the signature does not fit the body"),
    (lambda body: "t=1,v1=\xff\xfe", "the signature does not fit the body"),
    (lambda body: signature(body).replace("v1", "v0"), "the Stripe-Signature header has no t or no v1"),
    (lambda body: "v1=" + "0" * 64, "the Stripe-Signature header has no t or no v1"),
    (lambda body: f"t={'9' * 5000},v1=00", "the Stripe-Signature header has no t or no v1"),
    (lambda body: "nonsense", "the Stripe-Signature header has no t or no v1"),
    (lambda body: None, "there is no Stripe-Signature header"),
]


def test_signatures_are_told_apart(shop: ShopProcess, collector: CollectorProcess, subtests: pytest.Subtests) -> None:
    for number, (header, refusal) in enumerate(SIGNATURES):
        body = json.dumps(paid(f"evt_{number}")).encode()
        value = header(body)
        with subtests.test(number=number, header=value):
            headers = {} if value is None else {b"Stripe-Signature": value.encode("latin-1")}
            answer = shop.http.post(WEBHOOK, content=body, headers=headers)
            assert (answer.status_code, answer.json()) == (
                (400, {"error": refusal}) if refusal else (200, {"result": "fulfilled"})
            )
    refusals = [refusal for _, refusal in SIGNATURES if refusal]
    # What is refused is not worked off.
    bought = shop.ask_signed_in("My orders?", ADA).json()["answer"]
    assert bought.count("mug") == len(SIGNATURES) - len(refusals)
    shop.stop()
    events = recent(collector)
    assert {(event["service"], event["severity"]) for event in events} == {("stripe_webhook", "warning")}
    assert [event["message"] for event in reversed(events)] == [f"a webhook was refused: {why}" for why in refusals]


def test_a_webhook_that_comes_twice_is_worked_off_once(shop: ShopProcess, collector: CollectorProcess) -> None:
    assert [shop.deliver(paid("evt_1", metadata=POSTER)).json()["result"] for _ in range(3)] == [
        "fulfilled", "duplicate", "duplicate",
    ]  # fmt: skip
    assert shop.ask_signed_in("My orders?", ADA).json()["answer"] == "Your orders: poster."
    assert [shop.deliver(paid("evt_2", BOB, metadata=POSTER)).json()["result"] for _ in range(3)] == [
        "unfulfilled", "duplicate", "duplicate",
    ]  # fmt: skip
    # What failed as a whole is tried again with each delivery, and reported each time: as one issue.
    assert [shop.deliver(paid("evt_3", metadata={})).status_code for _ in range(2)] == [422, 422]
    shop.stop()
    events = recent(collector)
    assert [event["severity"] for event in events] == ["error", "error", "critical"]
    assert events[0]["issue_id"] == events[1]["issue_id"]


def test_the_shop_works_on_without_a_collector_and_reports_later(
    shop: ShopProcess, collector: CollectorProcess, start_collector: Callable[..., CollectorProcess]
) -> None:
    collector.kill()
    references = {shop.ask_signed_in("My average?", BOB).json()["reference"] for _ in range(3)}
    assert len(references) == 3
    # Nor does a shop that is killed lose them: the next one reports them.
    shop.process.kill()
    shop.process.wait(30)
    again = start_collector(port=collector.port)
    with contextlib.closing(ShopProcess(again.url, Path(shop.environ["LEVQOR_ERRORS_SPOOL_DIR"]).parent)) as reopened:
        reopened.ask("Do you sell submarines?")
        wait_until(lambda: len(recent(again)) >= 4)
        reopened.stop()
    events = recent(again)
    assert len(events) == 4
    assert {event["event_id"] for event in events if event["severity"] == "error"} == references


def test_break_it_makes_every_failure_happen(shop: ShopProcess, collector: CollectorProcess) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "examples.shop.break_it", "--url", shop.url],
        cwd=ROOT, env=shop.environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    shop.stop()
    events = recent(collector)
    assert sorted((event["service"], event["severity"]) for event in events) == sorted(
        (failure.service, failure.severity) for failure in FAILURES
    )
    # One line of it for each: what to look for.
    assert run.stdout.count("->") == len(events)


@pytest.mark.parametrize(
    ("module", "changes", "word"),
    [
        ("examples.shop", {"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET"),
        ("examples.shop", {"SHOP_TOKENS": "ada@example.com"}, "SHOP_TOKENS"),
        ("examples.shop.break_it", {"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET"),
        ("examples.shop.break_it", {"SHOP_TOKENS": ""}, "SHOP_TOKENS"),
        ("examples.shop.break_it", {}, "no shop answers"),
    ],
)
def test_what_is_missing_is_one_clear_line(tmp_path: Path, module: str, changes: dict[str, str], word: str) -> None:
    arguments = [] if module == "examples.shop" else ["--url", "http://127.0.0.1:1"]
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environ("http://127.0.0.1:1", tmp_path / "spool") | changes,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert word in run.stderr
    assert run.stderr.count("\n") == 1
