"""`POST /api/support/public`: anyone asks, an answer comes out of a few that are written down.

How it fails: an answer with a gap that nothing fills (handled, the visitor gets a plainer answer), one with half a gap
(nobody thought of it: it ends in `app.unexpected`), and a question that no answer fits (a warning: somebody should
write one).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from levqor_errors import log_error

from .bodies import read_object, read_text

SERVICE: Final = "support_chat_public"
PATH: Final = "/api/support/public"
ASK_A_PERSON: Final = "A colleague will answer you by email."

logger = logging.getLogger(SERVICE)

#: Words that a question has to contain -> the answer, written by people who do not read this code.
KNOWLEDGE: Final[Mapping[frozenset[str], str]] = {
    frozenset({"shipping"}): "Shipping costs {shipping_price} and takes {shipping_days} days.",
    frozenset({"pay"}): "We take all cards that Stripe takes.",
    # Nobody told FACTS about refunds: the mistake in this file that makes a real KeyError.
    frozenset({"refund"}): "You have {refund_days} days to send it back.",
    # And here somebody has lost a brace.
    frozenset({"wrap"}): "We wrap anything, for {wrapping_price.",
}
FACTS: Final[Mapping[str, str]] = {"shipping_price": "4.90 EUR", "shipping_days": "3"}


async def ask(request: Request) -> Response:
    """Answer `{"message": …, "email": …}`; the email is optional."""
    body = await read_object(request)
    question = read_text(body, "message")
    email = read_text(body, "email") if "email" in body else None
    template = _find(question)
    if template is None:
        logger.warning("no answer to the question %r", question)
        return JSONResponse({"answer": ASK_A_PERSON})
    try:
        answer = template.format_map(FACTS)
    except KeyError as error:
        # The exception is attached by itself; here is what it does not know: who, and where.
        log_error(SERVICE, f"an answer has a gap: {error}", user_email=email, path=PATH)
        answer = ASK_A_PERSON
    return JSONResponse({"answer": answer})


def _find(question: str) -> str | None:
    words = {word.strip("?!.,;:") for word in question.lower().split()}
    return next((answer for keywords, answer in KNOWLEDGE.items() if keywords <= words), None)
