"""C11: passwords, tokens, card numbers, Authorization headers and cookies in locals, extras, messages, URLs.

Passes when: scrubbed before they touch the disk.

Each test reads every byte that is under the spool directory while no collector answers; one test more delivers all of
it and reads the collector's database, which also holds what the shipper adds: source lines and rendered stacks.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from client_support import no_client_yet, refusing, spool_files, spool_lines
from levqor_errors import add_breadcrumb, flush, init, log_error, log_exception, scope, set_tag, set_user, stats
from levqor_errors.client.api import current_client
from secret_places import PLACES, in_locals, log, through_asgi, through_wsgi
from secret_samples import KEYS, OPAQUE, SHORT_KEYS, STRIPE, TEXTS, Secret
from support import CollectorProcess, event_ids

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

StartCollector = Callable[..., CollectorProcess]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    # The client's own warning that nobody answers is not what these tests are about.
    logging.getLogger("levqor_errors.client").disabled = True
    with no_client_yet(), scope():
        yield
    logging.getLogger("levqor_errors.client").disabled = False


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    """A client whose collector does not answer; all that it writes is under this directory."""
    with refusing() as url:
        options(url, tmp_path / "own-spool")
        yield tmp_path / "own-spool"


def options(url: str, spool: Path, **more: Any) -> None:
    init(
        url=url, service="shop", spool_dir=spool, redact_keys=["iban"], redact_patterns=[r"ACCT-[\d-]+"], **more
    )  # fmt: skip


def leaked(content: bytes, secrets: dict[str, Secret]) -> list[str]:
    """The names of the secrets that anyone can read who has these bytes."""
    return [name for name, secret in secrets.items() if secret.part.encode() in content]


def written(spool: Path) -> bytes:
    return b"\n".join(spool_files(spool).values())


@pytest.mark.parametrize("tell", PLACES.values(), ids=PLACES.keys())
def test_c11_by_their_looks(tell: Callable[[str], object], spool: Path) -> None:
    if tell is in_locals:
        options("http://127.0.0.1:9", spool, include_locals=True)
    for secret in TEXTS.values():
        tell(secret.text)
    assert len(spool_lines(spool)) == len(TEXTS)
    leaks = leaked(written(spool), TEXTS)
    assert not leaks, leaks


def test_c11_the_test_sees_a_leak(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The protection switched off: every secret of the table is found where it was written."""
    monkeypatch.setattr(current_client(), "_redact", str)
    found = []
    for name, secret in TEXTS.items():
        log_error("shop", secret.text)
        found += leaked(written(spool), {name: secret})
    assert found == list(TEXTS)


#: Values under a secret name, by which no look could find them.
VALUES: dict[str, object] = {
    "a text": OPAQUE,
    "bytes": OPAQUE.encode(),
    "a list": [OPAQUE],
    "a dict": {"value": OPAQUE},
    "an object": Secret(OPAQUE, ""),
    "a number": 8148914891,
}
_NUMBER = b"8148914891"

KEYED_PLACES: dict[str, Callable[[str, object], object]] = {
    "extra": lambda key, value: log_error("shop", "failed", extra={key: value}),
    "extra, nested": lambda key, value: log_error("shop", "failed", extra={"a": [{"b": {key: value}}]}),
    "extra, a key in bytes": lambda key, value: log_error("shop", "failed", extra={"a": {key.encode(): value}}),
    "extra, pairs": lambda key, value: log_error("shop", "failed", extra={"headers": [(key, value), ("a", "b")]}),
    "extra, pairs of bytes": lambda key, value: log_error("shop", "failed", extra={"headers": [[key.encode(), value]]}),
    "log extra": lambda key, value: log("failed", extra={key: value}),
    "log argument": lambda key, value: log("failed: %s", {key: value}),
    "message": lambda key, value: log_error("shop", {key: value}),
    "user": lambda key, value: _in_scope(lambda: set_user("a@example.com", **{key: value})),
    "tag": lambda key, value: _in_scope(lambda: set_tag(key, value)),
    "breadcrumb's data": lambda key, value: _in_scope(lambda: add_breadcrumb("a step", data={key: value})),
    "locals, in a dict": lambda key, value: in_locals({key: value}),
}


def _in_scope(change: Callable[[], object]) -> None:
    with scope():
        change()
        log_error("shop", "something around it")


@pytest.mark.parametrize("tell", KEYED_PLACES.values(), ids=KEYED_PLACES.keys())
def test_c11_by_their_names(tell: Callable[[str, object], object], spool: Path) -> None:
    options("http://127.0.0.1:9", spool, include_locals=True)
    in_text = tell in (KEYED_PLACES["message"], KEYED_PLACES["log argument"])
    # In a text it cannot be told where a list or an object ends.
    values = {kind: VALUES[kind] for kind in ("a text", "bytes", "a number")} if in_text else VALUES
    told = list(itertools.product(KEYS if in_text else KEYS + SHORT_KEYS, values))
    for key, kind in told:
        tell(key, values[kind])
    lines = spool_lines(spool)
    assert len(lines) == len(told)
    leaks = [one for one, line in zip(told, lines, strict=True) if OPAQUE.encode() in line or _NUMBER in line]
    assert not leaks, leaks


def test_c11_local_variables_by_their_names(spool: Path) -> None:
    options("http://127.0.0.1:9", spool, include_locals=True)

    def sign_in(password: str, headers: list[tuple[bytes, bytes]], environ: dict[str, str]) -> None:
        api_key = token = password
        raise PermissionError(len(api_key + token))

    try:
        sign_in(OPAQUE, [(b"cookie", f"sid={OPAQUE}".encode())], {"HTTP_COOKIE": OPAQUE, "wsgi.errors": "x"})
    except PermissionError:
        log_error("shop", "could not sign in")
    content = written(spool)
    assert b'"environ":{' in content
    assert OPAQUE.encode() not in content


def test_c11_a_card_number_as_a_number(spool: Path) -> None:
    log_error("shop", "declined", extra={"number": 4111111111111111, "order": 4111111111111112})
    content = written(spool)
    assert b"4111111111111112" in content
    assert b"4111111111111111" not in content


@pytest.mark.parametrize("through", [lambda query: through_asgi(query=query), through_wsgi], ids=["ASGI", "WSGI"])
def test_c11_in_a_query_by_their_names(through: Callable[[str], None], spool: Path) -> None:
    """The names that are secret in an object are secret in a query too, whatever is encoded in it."""
    names = ("password", "access_token", "api_key", "client_secret", "csrf", "iban", "user%5Bpassword%5D", *SHORT_KEYS)
    for name in names:
        through(f"a=1&{name}={OPAQUE}&b=2")
    lines = spool_lines(spool)
    assert len([line for line in lines if b"a=1&" in line and b"&b=2" in line]) == len(names)
    leaks = [name for name, line in zip(names, lines, strict=True) if OPAQUE.encode() in line]
    assert not leaks, leaks


def test_c11_through_before_send(tmp_path: Path) -> None:
    """A before_send sees what is scrubbed already; what it returns is written as it is."""
    seen: list[str] = []

    def before_send(event: dict[str, Any]) -> dict[str, Any]:
        seen.append(repr(event))
        return event

    with refusing() as url:
        options(url, tmp_path / "own-spool", before_send=before_send)
        for secret in TEXTS.values():
            with scope():
                set_tag("note", secret.text)
                add_breadcrumb(secret.text)
                log_error("shop", secret.text, extra={"password": OPAQUE})
        assert len(seen) == len(TEXTS)
        leaks = leaked("\n".join(seen).encode() + written(tmp_path / "own-spool"), TEXTS)
    assert not leaks, leaks


def test_c11_a_wrong_option_does_not_switch_the_scrubbing_off(tmp_path: Path) -> None:
    with refusing() as url:
        options(url, tmp_path / "own-spool", flood_limit=0)
        log_error("shop", TEXTS["own pattern"].text, extra={"iban": OPAQUE})
        content = written(tmp_path / "own-spool")
    assert leaked(content, {"own pattern": TEXTS["own pattern"], "iban": Secret("", OPAQUE)}) == []


def test_c11_a_wrong_pattern_does_not_switch_the_others_off(tmp_path: Path) -> None:
    with refusing() as url:
        init(
            url=url, spool_dir=tmp_path / "own-spool", redact_keys=["iban"], redact_patterns=["(", r"ACCT-[\d-]+"]
        )  # fmt: skip
        log_error("shop", TEXTS["own pattern"].text, extra={"iban": OPAQUE})
        content = written(tmp_path / "own-spool")
    assert leaked(content, {"own pattern": TEXTS["own pattern"], "iban": Secret("", OPAQUE)}) == []


def test_c11_source_lines(start_collector: StartCollector, tmp_path: Path) -> None:
    """A secret that is written into the source as a literal goes out with no frame's source lines."""
    directory = tmp_path / "collector"
    directory.mkdir()
    collector = start_collector(directory / "levqor.db")
    options(collector.url, tmp_path / "own-spool")
    module = tmp_path / "sign_in.py"
    module.write_text(f"def sign_in():\n    password = '{OPAQUE}'\n    raise ValueError(password[:0])  # {STRIPE}\n")
    namespace: dict[str, Any] = {}
    exec(compile(module.read_text(), str(module), "exec"), namespace)
    try:
        namespace["sign_in"]()
    except ValueError as error:
        log_exception(error, "shop")
    assert flush(30)
    collector.terminate()
    stored = written(directory)
    assert b"raise ValueError(password[:0])" in stored
    assert OPAQUE.encode() not in stored
    assert STRIPE.encode() not in stored


def test_c11_at_the_collector(start_collector: StartCollector, tmp_path: Path) -> None:
    """All of the above delivered: what is stored there, or printed on the way, has no secret in it."""
    directory = tmp_path / "collector"
    directory.mkdir()
    collector = start_collector(directory / "levqor.db")
    options(collector.url, tmp_path / "own-spool", include_locals=True)
    for tell, text in itertools.product(PLACES.values(), TEXTS.values()):
        tell(text.text)
    for keyed, key in itertools.product(KEYED_PLACES.values(), KEYS):
        keyed(key, OPAQUE)
    assert flush(60)
    assert stats()["recorded"] == len(event_ids(directory / "levqor.db"))
    assert collector.terminate() == 0
    stored = written(directory)
    assert len(stored) > 1_000_000
    leaks = leaked(stored + collector.output.encode(), {**TEXTS, "by its name": Secret("", OPAQUE)})
    assert not leaks, leaks
    # Nothing of it is set aside either.
    assert written(tmp_path / "own-spool") == b""


def test_c11_the_clients_own_warnings(caplog: pytest.LogCaptureFixture) -> None:
    """They go to the host's log, which is on disk as well."""
    logging.getLogger("levqor_errors.client").disabled = False
    for wrong in (f"htp://bob:{OPAQUE}@host", f"http://bob:{OPAQUE}@host:99999", f"//bob:{OPAQUE}@host"):
        init(url=wrong, redact_patterns=[f"({OPAQUE}"])
    assert len(caplog.records) >= 3
    assert OPAQUE not in caplog.text
