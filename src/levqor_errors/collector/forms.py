"""What a browser sends when somebody presses a button on our pages, read within bounds, and where it leads back to."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request

from .. import limits
from ..errors import RequestRefusedError

#: A page that a form or a sign-in may lead to: one of our own, never another host (`//evil`, `/\evil`).
_OWN_PAGE: Final = re.compile(r"/owner/[A-Za-z0-9/_?&=%.+:~,-]*")
_IDS: Final = re.compile(r"[0-9]{1,18}(?:-[0-9]{1,18})?(?:,[0-9]{1,18}(?:-[0-9]{1,18})?)*")


class Form:
    """The fields of a form.

    Args:
        fields: each with its values in the order of the page.
    """

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    def get(self, name: str, otherwise: str = "") -> str:
        """The first value of a field."""
        return self._fields.get(name, [otherwise])[0]

    def all(self, name: str) -> list[str]:
        """Every value of a field, as of checkboxes."""
        return self._fields.get(name, [])


async def read_form(request: Request, most: int) -> Form:
    """The fields of the request's form; of one that is longer than `most` bytes, none.

    Only somebody who goes round the page's own bounds sends one.
    """
    body = await read_bounded(request, most) or b""
    # Empty fields as well: a note that is taken away is one.
    return Form(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True))


async def read_bounded(request: Request, most: int) -> bytes | None:
    """The request's body; `None` for one of more than `most` bytes, which is not read on."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return body


def own_page(wanted: str, otherwise: str) -> str:
    """Where to go next: a page of ours, or else the other one."""
    return wanted if _OWN_PAGE.fullmatch(wanted) else otherwise


def pack_ids(ids: list[int]) -> str:
    """Ids for an address: `12-15,19`. Those of one press are mostly in a row."""
    packed: list[list[int]] = []
    for id_ in sorted(set(ids)):
        if packed and packed[-1][1] == id_ - 1:
            packed[-1][1] = id_
        else:
            packed.append([id_, id_])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in packed)


def unpack_ids(text: str) -> list[int]:
    """The ids that `pack_ids` has packed.

    Raises:
        RequestRefusedError: 400; it is something else, or more than can be done in one go.
    """
    ids: list[int] = []
    if not _IDS.fullmatch(text):
        raise RequestRefusedError(400, "these are no numbers of changes")
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers = range(int(first), int(last or first) + 1)
        if len(ids) + len(numbers) > limits.TRIAGE_ISSUES:
            raise RequestRefusedError(400, f"at most {limits.TRIAGE_ISSUES} changes can be undone in one go")
        ids += numbers
    return ids
