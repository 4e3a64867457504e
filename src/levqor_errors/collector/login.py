"""Signing in and out: `/login` with the secret or a one-time link, `/logout`."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .. import limits
from .auth import COOKIE, SESSION_LIFE, Auth, client_address, same_origin
from .forms import own_page, read_form
from .pages import page

HOME: Final = "/owner/errors"
#: Of the form that signs out; it has one short field.
_FORM_BYTES: Final = 100


class Login:
    """The endpoints.

    Args:
        auth: who is the owner.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def form(self, request: Request) -> Response:
        """GET /login: the form; with `?token=` of a one-time link, straight in."""
        token = request.query_params.get("token")
        target = own_page(request.query_params.get("next", HOME), HOME)
        if token is not None and request.method == "GET":
            session = await self._auth.sign_in_by_link(token, request)
            if session is not None:
                return _signed_in(request, target, session)
            why = (
                "This link was used already, or is more than a day old. Sign in with the secret, or restart the "
                "collector for a new link."
            )
            return page(request, "login.html", 401, target=target, why=why)
        return page(request, "login.html", target=target, why=None)

    async def submit(self, request: Request) -> Response:
        """POST /login with the secret."""
        if not same_origin(request):
            return page(request, "login.html", 403, target=HOME, why="That form came from another site.")
        # What is over the longest secret is not read on.
        form = await read_form(request, 8 * limits.SECRET_BYTES)
        # Nothing is awaited from here to the guess: a sender who holds back many bodies would pass the question many
        # times before the first guess is counted.
        address = client_address(request)
        target = own_page(form.get("next"), HOME)
        if wait := self._auth.wait(address):
            why = f"Too many wrong secrets from this address. Try again in {wait} second{'' if wait == 1 else 's'}."
            answer = page(request, "login.html", 429, target=target, why=why)
            answer.headers["Retry-After"] = str(wait)
            return answer
        if self._auth.knows_secret(form.get("secret").strip().encode(errors="replace"), address):
            return _signed_in(request, target, await self._auth.sign_in(request))
        return page(request, "login.html", 401, target=target, why="That is not the secret.")

    async def sign_out(self, request: Request) -> Response:
        """POST /logout: here, or with the field `everywhere` in all browsers."""
        if (await read_form(request, _FORM_BYTES)).get("everywhere"):
            await self._auth.sign_out_everywhere()
        else:
            await self._auth.sign_out(request)
        root = request.scope.get("root_path", "")
        response = RedirectResponse(f"{root}/login", 303)
        response.delete_cookie(COOKIE, path=root or "/")
        return response


def _signed_in(request: Request, target: str, session: str) -> Response:
    root = request.scope.get("root_path", "")
    # no-store: a link with a used token must not come back out of the browser's cache.
    response = RedirectResponse(f"{root}{target}", 303, {"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        session,
        max_age=int(SESSION_LIFE.total_seconds()),
        path=root or "/",
        secure=request.scope["scheme"] == "https",
        httponly=True,
        samesite="lax",
    )
    return response
