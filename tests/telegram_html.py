"""How Telegram reads `parse_mode=HTML`, as strict as its own parser (`parse_html` in tdlib's MessageEntity.cpp)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: https://core.telegram.org/bots/api#html-style
TAGS: Final = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
    "span": "spoiler", "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote",
}  # fmt: skip
_ENTITY: Final = re.compile(r"&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(lt|gt|amp|quot));")
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_START: Final = re.compile(r"<([^\s>=]*)((?:\s+[^\s>=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*)>")
_HREF: Final = re.compile(r"\bhref\s*=\s*[\"']([^\"']*)[\"']")


class EntityError(ValueError):
    """Text that Telegram cannot parse; says why as Telegram does."""


class Entity(NamedTuple):
    """A formatted part of a text; offset and length in UTF-16 code units."""

    type: str
    offset: int
    length: int
    url: str | None = None


def units(text: str) -> int:
    """The length of a text as Telegram counts it: in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parse(html: str) -> tuple[str, list[Entity]]:
    """The text as it is shown, and what of it is formatted.

    Raises:
        EntityError: when it is not what Telegram takes.
    """
    text = ""
    found: list[Entity] = []
    open_tags: list[tuple[str, int, str | None]] = []
    position = 0
    while position < len(html):
        character = html[position]
        if character == "&":
            entity = _ENTITY.match(html, position)
            # One that it does not know is text.
            text += _decoded(entity) if entity else "&"
            position = entity.end() if entity else position + 1
        elif character != "<":
            text += character
            position += 1
        else:
            offset = len(html[:position].encode(errors="surrogatepass"))
            if html.startswith("</", position):
                end = html.find(">", position)
                if not open_tags:
                    raise EntityError(f"Unexpected end tag at byte offset {offset}")
                if end < 0:
                    raise EntityError(f"Unclosed end tag at byte offset {offset}")
                name, start, url = open_tags.pop()
                given = html[position + 2 : end].strip().lower()
                if given != name:
                    raise EntityError(
                        f'Unmatched end tag at byte offset {offset}, expected "</{name}>", found "</{given}>"'
                    )
                if units(text) > start:
                    found.append(Entity(TAGS[name], start, units(text) - start, url))
                position = end + 1
                continue
            tag = _START.match(html, position)
            name = (tag[1] if tag else re.split(r"[\s>=]", html[position + 1 :], maxsplit=1)[0]).lower()
            if name not in TAGS:
                raise EntityError(f'Unsupported start tag "{name}" at byte offset {offset}')
            if tag is None:
                raise EntityError(f'Unclosed start tag "{name}" at byte offset {offset}')
            href = _HREF.search(tag[2])
            open_tags.append((name, units(text), href[1] if href else None))
            position = tag.end()
    if open_tags:
        raise EntityError(f'Can\'t find end tag corresponding to start tag "{open_tags[-1][0]}"')
    return text, sorted(found, key=lambda entity: (entity.offset, -entity.length))


def _decoded(entity: re.Match[str]) -> str:
    if entity[3]:
        return _NAMED[entity[3]]
    number = int(entity[1]) if entity[1] else int(entity[2], 16)
    if 0xD800 <= number <= 0xDFFF:
        raise EntityError(
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units"
        )
    return chr(number) if 0 < number <= 0x10FFFF else entity[0]
