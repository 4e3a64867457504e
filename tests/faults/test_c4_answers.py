"""C4: collector hangs, resets, answers 400, 413, 429 with Retry-After, 503, HTML, a redirect.

Passes when: bad ones set aside and counted, the rest retried with jittered backoff, Retry-After kept, one bad event
never blocks the others.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from host_support import SHIP, Behaviour, Exchange, FakeCollector, Host, finish, go_on, line_of
from support import wait_until

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

EVENTS = 40
GOOD = Counter(f"event {number}" for number in range(EVENTS))

#: Backoffs and the time for an answer are made short. The rest is the client as it is.
LOG = f"""
from levqor_errors.client import delivery
delivery.BACKOFF_FIRST, delivery.BACKOFF_MOST = 0.05, 0.3
make = current_client().shipper._make_delivery
current_client().shipper._make_delivery = lambda timeout: make(1.0)

def log():
    for number in range({EVENTS}):
        log_error("shop", f"event {{number}}")
        if number == 17:
            log_error("shop", "bad")
"""
FLUSH = """
log()
# The second round tells of losses.
delivered = flush(25) and flush(10)
print(json.dumps(stats()))
sys.exit(0 if delivered else "not delivered")
"""


def at_first(trouble: Behaviour, requests: int = 2) -> Behaviour:
    """Trouble, and then a collector as it should be."""

    def behave(exchange: Exchange) -> None:
        if exchange.number < requests:
            trouble(exchange)
        else:
            exchange.take()

    return behave


def answering(status: int, body: object = b"", **headers: str) -> Behaviour:
    return lambda exchange: exchange.answer(status, body, **headers)


def cut_off(content: bytes) -> Behaviour:
    return lambda exchange: exchange.raw(content)


def headers_and_no_body(exchange: Exchange) -> None:
    exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n")
    exchange.hang()


TROUBLES: dict[str, Behaviour] = {
    "hangs": Exchange.hang,
    "hangs in its answer": headers_and_no_body,
    "resets": Exchange.reset,
    "closes": cut_off(b""),
    "cuts its answer": cut_off(b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"ok": true, "re'),
    "is no HTTP server": cut_off(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "headers without end": cut_off(b"HTTP/1.1 200 OK\r\n" + b"X-More: yes\r\n" * 20_000),
    "429": answering(429, {"ok": False, "error": "too many"}),
    "429, Retry-After: 0": answering(429, Retry_After="0"),
    "429, Retry-After: soon": answering(429, Retry_After="soon"),
    "429, Retry-After: a date": answering(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
    "503": answering(503, {"ok": False, "error": "the database is full"}),
    "500": answering(500, b"Internal Server Error"),
    "401": answering(401, {"error": "Unauthorized"}),
    "403": answering(403, b"<h1>Forbidden</h1>"),
    "404": answering(404, b"<h1>Not Found</h1>"),
    "HTML": answering(200, b"<!doctype html><title>Sign in to the hotel's network</title>", Content_Type="text/html"),
    "200 without a word": answering(200),
    "200 and not ok": answering(200, {"ok": False, "rejected": []}),
    "200 and another's JSON": answering(200, [{"ok": True}]),
    "204": answering(204),
    "302": answering(302, Location="/elsewhere"),
    "307": answering(307, Location="/elsewhere"),
}
#: What breaks a client that trusts an answer to be well formed.
SENSELESS: dict[str, Behaviour] = {
    "Retry-After of another script": answering(429, Retry_After="\N{SUPERSCRIPT TWO}"),
    "Retry-After of 400 digits": answering(200, Retry_After="9" * 400),
    "redirect to no address": answering(302, Location="javascript:alert(1)"),
    "redirect to no name": answering(302, Location="http://xn--/"),
    "JSON without a bottom": answering(200, b"[" * 200_000),
    "index that is no integer": answering(200, {"ok": True, "rejected": [{"index": 0.0, "error": "?"}]}),
    "400 and JSON without a bottom": answering(400, b"[" * 200_000),
    "index told twice": answering(200, {"ok": True, "rejected": [{"index": 0, "error": "?"}, {"index": 0}]}),
    "index out of range": answering(200, {"ok": True, "rejected": [{"index": 10**9}, {"index": -1}, {}, 7, None]}),
}


def test_c4_trouble_and_recovery(tmp_path: Path) -> None:
    """All of them, one after the other, and then a collector as it should be."""
    troubles = list(TROUBLES)

    def behave(exchange: Exchange) -> None:
        if exchange.number < len(troubles):
            TROUBLES[troubles[exchange.number]](exchange)
        else:
            exchange.take()

    with FakeCollector(behave) as collector:
        host = Host(tmp_path, collector.url)
        with host.started(LOG + FLUSH) as process:
            ended = finish(process)
        survived = len(collector.arrived) > len(troubles)
        assert survived, f"after {troubles[len(collector.arrived) - 1]!r} nothing more came: {ended}"
        assert ended.code == 0
        assert collector.messages() == GOOD + Counter(["bad"])
        # Nowhere else, whatever a redirect says: the events are the collector's alone.
        assert collector.paths == {"/api/errors/log"}
    assert ended.stats == {"recorded": EVENTS + 1, "delivered": EVENTS + 1, "waiting_bytes": 0}
    assert host.segments() == []
    assert host.set_aside() == []


@pytest.mark.parametrize("trouble", SENSELESS)
def test_c4_answers_without_sense(tmp_path: Path, trouble: str) -> None:
    """They may cost the events that they seem to be about, but no others, and never the shipper's life."""
    with FakeCollector(at_first(SENSELESS[trouble], requests=1)) as collector:
        host = Host(tmp_path, collector.url)
        counts = host.run(LOG + 'log_error("shop", "first")\nflush(1)\n' + FLUSH).stats
        assert collector.messages() - Counter(["first"]) == GOOD + Counter(["bad"])
    assert counts.get("lost_refused", 0) <= 1
    assert host.segments() == []


def refuse_whole(status: int) -> Behaviour:
    """The batch is refused for the one that is in it."""

    def behave(exchange: Exchange) -> None:
        if "bad" in exchange.messages:
            exchange.answer(status, {"ok": False, "error": "message is bad"})
        else:
            exchange.take()

    return behave


def refuse_by_index(exchange: Exchange) -> None:
    exchange.take(reject=["bad"])


def check_bad_set_aside(host: Host, counts: dict[str, int], collector: FakeCollector) -> None:
    """All but the bad one are stored; the bad one is where a person can look at it, and counted, each once."""
    assert set(collector.messages()) == set(GOOD)
    assert [json.loads(line)["message"] for line in host.set_aside()] == ["bad"]
    assert counts["lost_refused"] == 1
    assert collector.told_losses() == Counter(refused=1)
    assert host.segments() == []


@pytest.mark.parametrize(
    "behaviour",
    [refuse_by_index, refuse_whole(400), refuse_whole(413), refuse_whole(422)],
    ids=["rejected by index", "400", "413", "422"],
)
def test_c4_one_bad_event_is_set_aside(tmp_path: Path, behaviour: Behaviour) -> None:
    with FakeCollector(behaviour) as collector:
        host = Host(tmp_path, collector.url)
        ended = host.run(LOG + FLUSH)
        check_bad_set_aside(host, ended.stats, collector)
        assert collector.messages() == GOOD
        assert ended.stats["delivered"] == EVENTS + 1  # the other is the one that tells of the loss


def test_c4_413_is_answered_with_smaller_batches(tmp_path: Path) -> None:
    def behave(exchange: Exchange) -> None:
        if len(exchange.events) > 6:
            exchange.answer(413, {"ok": False, "error": "too large"})
        else:
            exchange.take()

    with FakeCollector(behave) as collector:
        host = Host(tmp_path, collector.url)
        counts = host.run(LOG + FLUSH).stats
        assert collector.messages() == GOOD + Counter(["bad"])
    assert counts["delivered"] == EVENTS + 1
    assert not any(name.startswith("lost") for name in counts)
    assert host.set_aside() == []


@pytest.mark.parametrize("whole", [False, True], ids=["rejected by index", "400"])
def test_c4_a_bad_event_is_counted_once_however_often_its_batch_goes_out(tmp_path: Path, whole: bool) -> None:
    """The collector refuses it, and then is not to be had for the rest: all of it is tried again."""
    refused: list[int] = []

    def behave(exchange: Exchange) -> None:
        if refused and exchange.number in range(refused[0] + 1, refused[0] + 4):
            exchange.answer(503)
        elif "bad" in exchange.messages and whole:
            if exchange.messages == ["bad"]:
                refused.append(exchange.number)
            exchange.answer(400, {"ok": False, "error": "message is bad"})
        else:
            if "bad" in exchange.messages:
                refused.append(exchange.number)
            exchange.take(reject=["bad"])

    with FakeCollector(behave) as collector:
        host = Host(tmp_path, collector.url)
        ended = host.run("from levqor_errors.client import delivery\ndelivery.BATCH_EVENTS = 8\n" + LOG + FLUSH)
        check_bad_set_aside(host, ended.stats, collector)


def test_c4_a_throttled_client_gets_on(tmp_path: Path) -> None:
    """Two requests at a time, then 429: what was delivered before a 429 is not sent again from its start, else the
    client would use up every allowance on the same events for ever."""

    def behave(exchange: Exchange) -> None:
        if exchange.number % 3 == 2:
            exchange.answer(429, Retry_After="0")
        else:
            exchange.take()

    with FakeCollector(behave) as collector:
        host = Host(tmp_path, collector.url)
        ended = host.run("from levqor_errors.client import delivery\ndelivery.BATCH_EVENTS = 5\n" + LOG + FLUSH)
        assert collector.messages() == GOOD + Counter(["bad"])
    assert ended.stats["delivered"] == EVENTS + 1


@pytest.mark.parametrize("waiting", ["poll", "flush", "flushes"])
def test_c4_retry_after_is_kept(tmp_path: Path, waiting: str) -> None:
    """Also while somebody waits in `flush`: it is the collector that knows what it can bear."""
    with FakeCollector(at_first(answering(429, {"ok": False, "error": "too many"}, Retry_After="1"), 1)) as collector:
        host = Host(tmp_path, collector.url)
        wait = {
            "poll": "while stats()['waiting_bytes']:\n    time.sleep(0.01)\n",
            "flush": "assert flush(25)\n",
            "flushes": "while not flush(0.1):\n    pass\n",
        }
        host.run(LOG + "log()\n" + wait[waiting])
        assert collector.messages() == GOOD + Counter(["bad"])
        assert collector.arrived[1] - collector.answered[0] >= 1


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("key", [None, "not-the-key"])
def test_c4_a_key_that_is_not_taken(tmp_path: Path, status: int, key: str | None) -> None:
    """It is said once what to set, even if the collector was not to be had before; after a few seconds nobody will have
    set it, so it is not tried again soon; and the next process, which has the right one, delivers all."""

    def behave(exchange: Exchange) -> None:
        if exchange.key == "the-right-key":
            exchange.take()
        elif exchange.number == 0:
            exchange.reset()
        else:
            exchange.answer(status, {"ok": False, "error": "a key is needed"})

    with FakeCollector(behave) as collector:
        host = Host(tmp_path, collector.url)
        script = f"init(key={key!r})\n" + LOG + "log()\nsys.stdin.readline()\nassert not flush(0.4)\n"
        with host.started(script) as process:
            wait_until(lambda: len(collector.arrived) == 2)
            # The ordinary backoff, 0.3 seconds here, would be over three times.
            collector.closing.wait(1)
            assert len(collector.arrived) == 2
            go_on(process)
            ended = finish(process)
        assert ended.code == 0, ended
        assert ended.stderr.count("LEVQOR_ERRORS_KEY") == 1
        assert "not-the-key" not in ended.stderr
        assert Counter(host.waiting()) == GOOD + Counter(["bad"])
        host.run("init(key='the-right-key')" + SHIP)
        assert collector.messages() == GOOD + Counter(["bad"])
    assert host.segments() == []


def test_c4_a_key_is_for_the_events_of_its_service(tmp_path: Path) -> None:
    """Services that share a directory deliver what others left; with keys each its own only, since the collector would
    take them for its own otherwise."""
    taken: list[tuple[str | None, list[str]]] = []

    def behave(exchange: Exchange) -> None:
        taken.append((exchange.key, exchange.messages))
        exchange.take()

    def left_by(service: str) -> str:
        # Killed before anything could go out.
        return (
            f"shipper.LINGER = 60\ninit(service={service!r})\n"
            f"log_error(None, 'of {service}')\nos.kill(os.getpid(), signal.SIGKILL)"
        )

    with FakeCollector(behave) as collector:
        host = Host(tmp_path, collector.url)
        for service in ("shop", "web", "cron"):
            host.run(left_by(service), code=-9)
        host.run("init(service='web', key='key-of-web')" + SHIP)
        host.run("init(service='shop', key='key-of-shop')" + SHIP)
        assert taken == [("key-of-web", ["of web"]), ("key-of-shop", ["of shop"])]
        # Without a key there is nothing to mistake.
        host.run("init(service='other')" + SHIP)
        assert taken[2:] == [(None, ["of cron"])]
        # Whose segment it was is for us alone.
        assert {frozenset(event["context"]["process"]) for event in collector.accepted} == {
            frozenset({"host", "pid", "python"})
        }
    assert host.segments() == []


def test_c4_retries_are_spread(tmp_path: Path) -> None:
    """Clients that met the same failure at the same time do not come back at the same time."""
    with FakeCollector(answering(503)) as collector:
        host = Host(tmp_path, collector.url)
        with host.started(LOG + "log()\nsys.stdin.readline()") as process:
            while len(collector.arrived) < 9:
                assert process.poll() is None
                collector.closing.wait(0.02)
            assert process.stdin is not None
            go_on(process)
            process.communicate(timeout=60)
        waits = [later - earlier for earlier, later in zip(collector.answered, collector.arrived[1:], strict=False)]
        # 0.05 to 0.3 seconds, evenly: that they are within a hundredth of one another by chance never happens.
        assert max(waits[:8]) - min(waits[:8]) > 0.01
        assert min(waits[:8]) >= 0.05
    # And still nothing is lost.
    assert Counter(host.waiting()) == GOOD + Counter(["bad"])


@pytest.mark.parametrize("severity", ["critical", "info"])
def test_c4_a_bad_event_does_not_block_those_behind_it(tmp_path: Path, severity: str) -> None:
    """Neither those of its own segment nor those of others: a refused critical one is the first of all to be sent."""
    with FakeCollector(answering(503)) as collector:
        host = Host(tmp_path, collector.url)
        host.run(LOG + f'log_error("shop", "bad", {severity!r})\n' + "log()")
        collector.behaviour = refuse_whole(400)
        counts = host.ship()
        assert collector.messages() == GOOD
        assert counts["lost_refused"] == 2
        assert collector.told_losses() == Counter(refused=2)
    assert len(host.set_aside()) == 2
    assert host.segments() == []


def test_c4_an_answer_of_any_size_takes_no_memory(tmp_path: Path) -> None:
    """A hundred megabytes of nothing in an answer of a hundred kilobytes."""
    bomb = gzip.compress(bytes(200 * 1024 * 1024), 9)
    with FakeCollector(at_first(answering(200, bomb, Content_Encoding="gzip"), 1)) as collector:
        host = Host(tmp_path, collector.url)
        ended = host.run(
            LOG
            + "log()\ndelivered = flush(25)\n"
            # Not ru_maxrss, which a process has from the one that forked it.
            + "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
            + "print(json.dumps(int(peak.split()[1]) // 1024))\n"
            + "sys.exit(0 if delivered else 'not delivered')"
        )
        assert collector.messages() == GOOD + Counter(["bad"])
    megabytes: Any = json.loads(ended.stdout)
    assert megabytes < 150


def test_c4_an_answer_that_never_ends(tmp_path: Path) -> None:
    """A byte now and then is no answer either, though no single wait for it is long."""

    def dribble(exchange: Exchange) -> None:
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        exchange.dribble(b" " * 1000, 0.2)

    with FakeCollector(at_first(dribble, 1)) as collector:
        host = Host(tmp_path, collector.url)
        host.run(LOG + FLUSH)
        assert collector.messages() == GOOD + Counter(["bad"])


def test_c4_a_long_outage_is_told_once(tmp_path: Path) -> None:
    """The host's own log is not filled with what the host can do nothing about."""
    with FakeCollector(answering(503)) as collector:
        host = Host(tmp_path, collector.url)
        with host.started(
            LOG + "log()\nprint('logged', flush=True)\nsys.stdin.readline()\nassert flush(25)"
        ) as process:
            assert line_of(process) == "logged"
            while len(collector.arrived) < 5:
                assert process.poll() is None
                collector.closing.wait(0.02)
            collector.behaviour = Exchange.take
            go_on(process)
            _, stderr = process.communicate(timeout=60)
            assert process.returncode == 0, stderr
        assert stderr.count("does not take events now") == 1
        assert len(stderr.splitlines()) == 1
