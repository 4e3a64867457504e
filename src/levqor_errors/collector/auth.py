"""Who is the owner. Everything that `app.py` does not list as public passes `OwnerOnly` before it is even routed.

Three ways in: the secret in `X-Internal-Secret` (for programs), a session cookie (for browsers), and the one-time
link printed at start, which `login.py` turns into a session. Sessions live in the database by a hash of their token,
so that signing out ends them for everybody who has a copy; the secret is in that hash, so that a new one ends them all.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import instants, limits
from ..errors import StorageUnavailableError
from ..storage import Storage
from .answers import JsonResponse
from .throttle import Throttle

COOKIE: Final = "levqor_errors_session"
SESSION_LIFE: Final = timedelta(days=30)
#: Seconds for which a link signs in. It stays in a log or a terminal for as long as these are kept.
LINK_SECONDS: Final = 24 * 3600.0
_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


class Auth:
    """Decides who is the owner, and signs him in and out.

    Args:
        secret: the owner's secret.
        storage: where sessions are kept.
        clock: seconds, never going back.
    """

    def __init__(self, secret: str, storage: Storage, clock: Callable[[], float] = time.monotonic) -> None:
        self._secret = _digest(secret.encode())
        self._storage = storage
        self._clock = clock
        self._throttle = Throttle(clock)
        #: By the digest of its token, when each link ends, by the clock.
        self._links: dict[bytes, float] = {}

    def knows_secret(self, given: bytes, address: str) -> bool:
        """Whether the given secret is the owner's; a wrong one counts against the address.

        Digests are compared, so that neither length nor content of either shows in the time it takes, and bytes, since
        `hmac.compare_digest` raises on text that is not ASCII.
        """
        right = len(given) <= limits.SECRET_BYTES and hmac.compare_digest(_digest(given), self._secret)
        if not right:
            self._throttle.wrong(address)
        return right

    def wait(self, address: str) -> int:
        """Seconds until this address may try a secret again; 0: it may now."""
        return self._throttle.wait(address)

    def new_link_token(self) -> str:
        """A token that signs in once, for a link."""
        token = secrets.token_urlsafe(32)
        self._links[_digest(token.encode())] = self._clock() + LINK_SECONDS
        return token

    async def sign_in_by_link(self, token: str, request: Request) -> str | None:
        """Begin a session if the token is a link's that was not used yet and is not too old; see `sign_in`."""
        digest = _digest(token.encode(errors="replace"))
        # Gone before anything is awaited, so that it works once; back again if the session could not be kept.
        end = self._links.pop(digest, None)
        if end is None or self._clock() >= end:
            return None
        try:
            return await self.sign_in(request)
        except StorageUnavailableError:
            self._links[digest] = end
            raise

    async def sign_in(self, request: Request) -> str:
        """Begin a session; its token, never one that a browser came with, goes into the cookie. What the browser came
        with ends: nobody could sign it out any more."""
        await self.sign_out(request)
        token = secrets.token_urlsafe(32)
        now = datetime.now(timezone.utc)
        await run_in_threadpool(
            self._storage.add_session,
            self._session_hash(token),
            created_at=instants.to_text(now),
            expires_at=instants.to_text(now + SESSION_LIFE),
        )
        return token

    async def sign_out(self, request: Request) -> None:
        """End the request's session."""
        token = _cookie(request)
        if token:
            await run_in_threadpool(self._storage.drop_session, self._session_hash(token))

    async def sign_out_everywhere(self) -> None:
        """End all sessions, and all links of this collector that were not used yet."""
        self._links.clear()
        await run_in_threadpool(self._storage.drop_sessions)

    async def has_session(self, request: Request) -> bool:
        """Whether the request comes with a session that is in force."""
        token = _cookie(request)
        if not token or len(token) > limits.SECRET_BYTES:
            return False
        now = instants.now()
        return await run_in_threadpool(self._storage.has_session, self._session_hash(token), now=now)

    def _session_hash(self, token: str) -> str:
        return hmac.digest(self._secret, token.encode(), "sha256").hex()


class OwnerOnly:
    """Lets the owner through to `app`; everybody else gets a 401, or the sign-in page if it is a browser's page load.

    Args:
        app: what is behind the door.
        auth: who is the owner.
    """

    def __init__(self, app: ASGIApp, auth: Auth) -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        refusal = await self._refusal(request)
        await (self._app if refusal is None else refusal)(scope, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        given = next((value for key, value in request.scope["headers"] if key == b"x-internal-secret"), None)
        if given is not None:
            address = client_address(request)
            if wait := self._auth.wait(address):
                return too_many_guesses(wait)
            return None if self._auth.knows_secret(given, address) else unauthorized()
        if not await self._auth.has_session(request):
            return to_login(request) if is_page_load(request) else unauthorized()
        if request.method not in _SAFE_METHODS and not same_origin(request):
            return JsonResponse({"ok": False, "error": "a request from another site"}, 403)
        return None


def unauthorized() -> Response:
    """The answer that the original gave."""
    return JsonResponse({"error": "Unauthorized"}, 401)


def too_many_guesses(wait: int) -> Response:
    """The answer to an address that has guessed too often."""
    return JsonResponse({"error": "Too many wrong secrets from this address"}, 429, {"Retry-After": str(wait)})


def to_login(request: Request) -> Response:
    """Send a browser to the sign-in page, and back to where it was going afterwards."""
    root = request.scope.get("root_path", "")
    target = request.scope["path"].removeprefix(root)
    query = request.scope["query_string"].decode("latin-1")
    return RedirectResponse(
        f"{root}/login?{urlencode({'next': f'{target}?{query}' if query else target})}",
        303,
        {"Cache-Control": "no-store"},
    )


def client_address(request: Request) -> str:
    """The address that the request comes from; behind trusted proxies, `proxies.py` has put the client's there. No
    header is believed here."""
    return request.client.host if request.client else ""


def same_origin(request: Request) -> bool:
    """Whether a browser says that the request comes from our own pages; other programs do not say, and may."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    # As text, not parsed: an origin is a scheme, `://` and what Host says, and may come from anyone in any shape.
    return origin is None or origin.partition("://")[2] == request.headers.get("host")


def is_page_load(request: Request) -> bool:
    """Whether somebody looks at this address in a browser."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def _cookie(request: Request) -> str | None:
    """Our cookie. Read by hand: http.cookies takes a minute for some headers of 256 KB (CVE-2024-7592), and ours needs
    none of what it can unquote."""
    for header in request.headers.getlist("cookie"):
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == COOKIE:
                return value
    return None


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
