"""Secrets as they come in texts, and the names that they go by. None is real."""

from __future__ import annotations

import itertools
from typing import NamedTuple

OPAQUE = "Zx81qQ4vLk0PmN7w"


class Secret(NamedTuple):
    #: As it stands in a text.
    text: str
    #: What of it nobody may read.
    part: str


_numbers = itertools.count(10)


def secret(text: str, part: str | None = None) -> Secret:
    """A text with a secret where `{}` is; by default one that no other row of the table has."""
    part = part or f"Qz{next(_numbers)}v.{next(_numbers)}-Xk"
    return Secret(text.replace("{}", part), part)


def pem_body() -> str:
    return f"MIIEvQIBADANBgkqhkiG9w0BAQEF{next(_numbers)}SCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"


# In two parts, so that no scanner of this repository takes them for real ones.
STRIPE = "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."
API = "HTTPSConnectionPool(host='api.telegram.org', port=443): Max retries exceeded with url: "

TEXTS: dict[str, Secret] = {
    "password=": secret("login as bob, password={} failed"),
    "password: '…'": secret("{'user': 'bob', 'password': '{}'}"),
    "password in JSON": secret('{"user": "bob", "password": "{}", "age": 5}'),
    "password in JSON in JSON": secret('{"body": "{\\"password\\": \\"{}\\"}"}'),
    "password with a quote in JSON": secret('{"password": "abc\\"{}"}'),
    "password as bytes": secret("User(name='bob', password=b'{}')"),
    "password in a text that is cut": secret('{"user": "bob", "password": "{}'),
    "passwd": secret("passwd = {}"),
    "pwd": secret("pwd={};"),
    "an environment variable": secret("DB_PASSWORD={}"),
    "api key": secret("x-api-key: {}"),
    "token in a query": secret("GET /a?token={}&x=1"),
    "access_token": secret("https://example.com/cb#access_token={}&type=1"),
    "client_secret": secret("grant=1&client_secret={}"),
    "Authorization: Bearer": secret("Authorization: Bearer {}"),
    "Authorization: Basic": secret("'Authorization': 'Basic {}'", "Ym9iOmh1bnRlcjI="),
    "Authorization: token": secret("authorization: token {}"),
    "Authorization: Digest": secret('Authorization: Digest username="bob", nonce="a", response="{}"'),
    "HTTP_AUTHORIZATION": secret("{'HTTP_AUTHORIZATION': 'Token {}'}"),
    "Bearer alone": secret("sent Bearer {} to it"),
    "Cookie": secret("Cookie: theme=dark; sid={}; lang=en"),
    "Cookie with quotes": secret('Cookie: theme="dark"; sid="{}"'),
    "Set-Cookie": secret("Set-Cookie: sid={}; Path=/; HttpOnly"),
    "HTTP_COOKIE": secret("{'HTTP_COOKIE': 'sid={}; a=b'}"),
    "card": secret("card {} declined", "4111111111111111"),
    "card with spaces": secret("card {} declined", "4111 1111 1111 1111"),
    "card with dashes": secret("card {} declined", "5500-0055-5555-5559"),
    "card, American Express": secret("card {} declined", "3782 822463 10005"),
    "JWT": secret(f"the signature of {JWT}{{}} is wrong", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"),
    "PEM": secret("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", pem_body()),
    "PEM, encrypted": secret(
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,2AF3\n\n{}\n"
        "-----END RSA PRIVATE KEY-----",
        pem_body(),
    ),
    "PEM in a text that is cut": secret("-----BEGIN EC PRIVATE KEY-----\n{}", pem_body()),
    "URL with a password": secret("postgresql://bob:{}@db.internal:5432/shop"),
    "URL with a password alone": secret("redis://:{}@cache:6379/0"),
    "Stripe": secret("charge with {} failed", STRIPE),
    "Stripe, webhook": secret("signed by {}", "whsec_" + "5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"),
    "GitHub": secret("cloning with {}", "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"),
    "GitHub, fine-grained": secret("cloning with {}", "github_" + "pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456"),
    "Slack": secret("posting with {}", "xo" + "xb-263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1"),
    "AWS, key id": secret("signed by {}", "AK" + "IAIOSFODNN7EXAMPLE"),
    "AWS, secret": secret("aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "Telegram": secret("the bot's is {}", "110201543:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawX"),
    "Telegram in a URL": secret(f"{API}/bot{{}}/sendMessage", "110201544:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawY"),
    # What a service says itself is secret: see `options` below.
    "own pattern": secret("account {} is closed", "ACCT-99-1234-77"),
    "own key": secret('{"iban": "{}"}', "DE02120300000000202051"),
}

#: Names under which any value is secret.
KEYS = (
    "password", "Passwd", "user_password", "passphrase", "pwd", "api_key", "X-Api-Key", "apiKey", "Authorization",
    "HTTP_AUTHORIZATION", "Proxy-Authorization", "cookie", "Set-Cookie", "HTTP_COOKIE", "token", "access_token",
    "refreshToken", "csrfmiddlewaretoken", "client_secret", "SECRET_KEY", "private_key", "aws_secret_access_key",
    "credentials", "sessionid", "credit_card_number", "cardNumber", "Stripe-Signature", "DB_PASS", "smtp_pass",
    "mysql_pwd", "iban", "IBAN_OF_PAYER",
)  # fmt: skip
#: The same, but too common in prose for a text to be searched for them.
SHORT_KEYS = ("pw", "pass", "auth", "session", "sid", "jwt", "otp", "pin", "ssn", "cvv", "cvc")
