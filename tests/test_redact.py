"""Secrets in texts and under names; and that what is none stays as it is."""

from __future__ import annotations

import hashlib
import random
import re
import time
import uuid
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levqor_errors.redact import REDACTED, Redactor

R = REDACTED
#: In two parts, so that no scanner of this repository takes them for real ones.
STRIPE = "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"
TELEGRAM = "110201543:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawX"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


def text(given_text: str) -> str:
    return Redactor().text(given_text)


def without_quotes(shown: str) -> str:
    """Whether the quotes around a secret go with it does not matter."""
    return shown.replace(f"'{R}'", R).replace(f'"{R}"', R)


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("password=abc", f"password={R}"),
        ("password = abc, user = bob", f"password = {R}, user = bob"),
        ("password: 'a b c', user: bob", f"password: {R}, user: bob"),
        ('{"password": "a b", "age": 5}', f'{{"password": {R}, "age": 5}}'),
        ('{"password": "a\\"b", "age": 5}', f'{{"password": {R}, "age": 5}}'),
        ("User(password=b'a b', age=5)", f"User(password={R}, age=5)"),
        ("?token=abc&page=2", f"?token={R}&page=2"),
        ("DB_PASSWORD=abc\nDB_HOST=db", f"DB_PASSWORD={R}\nDB_HOST=db"),
        ("api-key: abc", f"api-key: {R}"),
        ("Authorization: Bearer abc\r\nHost: x", f"Authorization: {R}\r\nHost: x"),
        ("{'Authorization': 'Basic YWJj', 'Host': 'x'}", f"{{'Authorization': '{R}', 'Host': 'x'}}"),
        ("Cookie: a=b; c=d\nHost: x", f"Cookie: {R}\nHost: x"),
        ('Cookie: a="b"; c="d"\nHost: x', f"Cookie: {R}\nHost: x"),
        ("{'HTTP_COOKIE': 'a=b; c=d', 'HTTP_HOST': 'x'}", f"{{'HTTP_COOKIE': '{R}', 'HTTP_HOST': 'x'}}"),
        ("sent Bearer abc123def456 to it", f"sent Bearer {R} to it"),
        ("sent Basic Ym9iOmh1bnRlcjI= to it", f"sent Basic {R} to it"),
        (f"the token {JWT} expired", f"the token {R} expired"),
        ("postgresql://bob:abc@db:5432/shop", f"postgresql://bob:{R}@db:5432/shop"),
        ("redis://:abc@cache/0 and http://host/path", f"redis://:{R}@cache/0 and http://host/path"),
        ("card 4111 1111 1111 1111 declined", f"card {R} declined"),
        ("card=4111-1111-1111-1111;", f"card={R};"),
        ("5500005555555559", R),
        ("a-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----b", f"a{R}b"),
        ("-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128\n\nabc\n-----END RSA PRIVATE KEY-----b", f"{R}b"),
        ("charged by " + STRIPE, f"charged by {R}"),
        ("the bot is " + TELEGRAM, f"the bot is {R}"),
        (f"https://api.telegram.org/bot{TELEGRAM}/getMe", f"https://api.telegram.org/bot{R}/getMe"),
        ("a=1 password=abc b=2 token=def c=3", f"a=1 password={R} b=2 token={R} c=3"),
    ],
)
def test_secrets_and_nothing_but_secrets(given_text: str, expected: str) -> None:
    assert without_quotes(text(given_text)) == without_quotes(expected)
    # What is redacted once stays as it is, so that it can be done again at another stage.
    assert text(expected) == expected


ORDINARY = [
    "",
    "it broke",
    "order 1795441692879 failed after 1795441692 s",
    "1795441692879123 1795441692879123456",
    "order numbers 7234567890123456 and 8234567890123456789",
    "monkey: banana",
    "the keyboard: a Cherry",
    "key: value",
    "primary key: id, foreign_key=5, keys: 7",
    "KeyError: 'name'",
    "tokenizer",
    "tokenizer: bpe",
    "the tokenized text: abc",
    "secretary: Ann",
    "a basic idea",
    "a basic understanding of it",
    "HTTP Basic Authentication is required",
    "the bearer of bad news",
    "Bearer authentication is required",
    "author: Ann; authority: none; authorized = True",
    "passed: 5, passing: yes, passenger: Bob, compass: north",
    "pin the version; session started; the cookie jar",
    "550e8400-e29b-41d4-a716-446655440000",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "https://host/path?page=2#top",
    "https://host:8080/path/to@page",
    "http://localhost:8000?email=bob@example.com",
    "bob@example.com and git@github.com:levqor/errors.git",
    "2026-11-23T13:05:39.120Z 2026-11-23 13:05:39 +0000",
    "10.0.0.1:8080 ::1 fe80::1%eth0",
    "3.14159265358979323846 and 4.111111111111111",
    "+49 30 1234567",
    "GHz, ghost_town, xoxo, asia, Asian_Paint, _live_ wire",
    "Traceback (most recent call last):",
    'File "/srv/app/basic/tokens/keys.py", line 5, in get_key',
    "\ud800 \x00 é \N{COLLISION SYMBOL}",
]


@pytest.mark.parametrize("ordinary", ORDINARY)
def test_ordinary_texts_stay_as_they_are(ordinary: str) -> None:
    assert text(ordinary) == ordinary


def test_ids_and_hashes_stay_as_they_are() -> None:
    """Digits in a row are not rare in hexadecimal, and one in ten rows of them passes a card number's check."""
    source = random.Random(20261123)
    redactor = Redactor()
    changed = []
    for _ in range(5_000):
        digits = source.getrandbits(128)
        made = (
            str(uuid.UUID(int=digits)),
            f"{digits:032x}",
            hashlib.sha1(str(digits).encode()).hexdigest(),
            hashlib.sha256(str(digits).encode()).hexdigest(),
        )
        changed += [one for one in made if redactor.text(f"event {one} failed") != f"event {one} failed"]
    assert changed == []


def test_times_written_without_separators_stay_as_they_are() -> None:
    start = datetime(2026, 11, 23, 13, 5, 39)
    times = [(start + timedelta(seconds=7 * number)).strftime("backup-%Y%m%d%H%M%S.tar") for number in range(1_000)]
    assert [one for one in times if text(one) != one] == []


def test_numbers_that_fail_the_check_of_card_numbers_stay_as_they_are() -> None:
    for number in range(4111111111111112, 4111111111111119):
        assert text(f"order {number}") == f"order {number}"


@given(st.text(st.characters(exclude_categories=["Nd"])))
def test_a_text_without_any_mark_of_a_secret_stays_as_it_is(given_text: str) -> None:
    marks = r"passw|secret|token|key|pass|pwd|cred|auth|cookie|bearer|basic|eyj|://|_|-|xox|ak|as|gh"
    if re.search(marks, given_text.lower()) is None:
        assert text(given_text) == given_text


@given(st.text())
def test_any_text_at_all(given_text: str) -> None:
    assert isinstance(text(given_text), str)


# -- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["password", "PASSWORD", "Passwd", "user_password", "password2", "passphrase", "pwd", "pw", "pass", "secret",
     "SECRET_KEY", "clientSecret", "token", "access_token", "refreshToken", "csrf", "csrfmiddlewaretoken", "xsrf-token",
     "api_key", "X-Api-Key", "apikey", "private_key", "aws_secret_access_key", "Authorization", "HTTP_AUTHORIZATION",
     "Proxy-Authorization", "auth", "Cookie", "Set-Cookie", "cookies", "credentials", "sessionid", "session", "sid",
     "card_number", "cardNumber", "credit_card", "creditCardNumber", "cvv", "cvc", "ssn", "pin", "otp", "jwt",
     "Stripe-Signature", "db_pass", "SMTP_PASS", "mysql_pwd"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert Redactor().is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["", "name", "user", "key", "keyboard", "monkey", "primary_key", "passenger", "passed", "compass", "author",
     "authors", "authenticated", "pinned", "spin", "cardinal", "discard", "possession", "obsession", "tokenizer",
     "secretary", "basic", "signature", "number", "order_id", "inside", "…", "123"],
)  # fmt: skip
def test_names_that_only_look_like_it(name: str) -> None:
    assert not Redactor().is_secret(name)


def test_own_names() -> None:
    redactor = Redactor(keys=["iban", "Customer-Ref"])
    for name in ("iban", "IBAN", "iban_of_payer", "customer_ref", "customerRef", "old customer ref", "password"):
        assert redactor.is_secret(name)
    assert not redactor.is_secret("customer")
    # And in texts, as those that are there from the start.
    shown = redactor.text('{"iban": "DE02", "customer_ref": "a b", "a": 1}')
    assert without_quotes(shown) == f'{{"iban": {R}, "customer_ref": {R}, "a": 1}}'


def test_own_patterns() -> None:
    redactor = Redactor(patterns=[r"\bACCT-\d+", r"(?i)internal: .*"])
    assert redactor.text("ACCT-99 and acct-99, Internal: all of this") == f"{R} and acct-99, {R}"
    with pytest.raises(re.error):
        Redactor(patterns=["("])


def test_names_that_are_made_up_do_not_fill_the_memory() -> None:
    redactor = Redactor()
    for number in range(5_000):
        assert redactor.is_secret(f"{number} password")
        assert not redactor.is_secret(f"{number} name {'x' * 1_000}")
    assert len(redactor._known) <= 1_000


# -- time ---------------------------------------------------------------------------------------------------------

#: For each pattern, what makes it try as often and as far as it can.
ADVERSARIES = {
    "names": "password",
    "names, cut off before the value": "api_key-",
    "names and quotes": "token='",
    "names and escapes": 'secret="\\',
    "a name and spaces": "token ",
    "authorization": "authorization ",
    "cookie and separators": "cookie:",
    "cookie and newlines": "cookie=\n",
    "bearer": "bearer ",
    "basic": "basic a",
    "basic, one letter": "basic aaaaaaaa",
    "PEM": "-----BEGIN PRIVATE KEY-----",
    "PEM, its end": "-----BEGIN RSA PRIVATE KEY----- -----END ",
    "JWT": "eyJaaaaa.",
    "JWT, no dot": "eyJaaaaaaa",
    "URL": "://",
    "URL with a name": "://a:",
    "URL, no end": "://abcdefgh:a",
    "Stripe": "sk_live_",
    "GitHub": "ghp_",
    "GitHub, fine-grained": "github_pat_",
    "Slack": "xoxb-",
    "AWS": "AKIA",
    "Telegram": "123456:AA",
    "digits": "4",
    "digits and spaces": "4 ",
    "digits and dots": "4.",
    "digits, then dots": "4111 1111 1111 1111.",
    "dashes": "-",
    "spaces": " ",
    "letters": "a",
}


def least_time(redactor: Redactor, adversary: str) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.thread_time()
        redactor.text(adversary)
        best = min(best, time.thread_time() - began)
    return best


@pytest.mark.parametrize("start", ["", "cookie password :// eyJ "], ids=["alone", "among others"])
@pytest.mark.parametrize("unit", ADVERSARIES.values(), ids=ADVERSARIES.keys())
def test_time_grows_with_the_text_and_not_faster(unit: str, start: str) -> None:
    redactor = Redactor()
    size = 2_000
    short, long = ((start + unit * n)[:n] for n in (size, 8 * size))
    # Eight times the text takes eight times as long; sixty-four times where a pattern is quadratic. The factor is wide,
    # since other processes take the caches, and what takes no time at all is nobody's worry.
    assert least_time(redactor, long) < max(40 * least_time(redactor, short), 0.005)
