"""What the Telegram of `telegram_support.py` refuses in a message, as strictly as the real one and in its words."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from telegram_answers import Answer, error
from telegram_html import Entity, EntityError, parse, units

_UNITS: Final = 4_096


class RefusedError(Exception):
    """A request is not done; it gets this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


def bad(description: str) -> RefusedError:
    """400, with these words."""
    return RefusedError(error(400, f"Bad Request: {description}"))


def parsed(given: dict[str, Any]) -> tuple[str, list[Entity]]:
    """The text of a message as it is shown, and what of it is formatted."""
    text = given.get("text", "")
    if not isinstance(text, str):
        raise bad("message text is empty")
    entities: list[Entity] = []
    if given.get("parse_mode") == "HTML":
        try:
            text, entities = parse(text)
        except EntityError as wrong:
            raise bad(f"can't parse entities: {wrong}") from wrong
    elif "parse_mode" in given:
        raise bad("unsupported parse_mode")
    if not text.strip():
        raise bad("message text is empty")
    if units(text.strip()) > _UNITS:
        raise bad("message is too long")
    return text, entities


def keyboard_of(markup: Any) -> list[list[dict[str, str]]]:
    """The rows of buttons of a reply_markup."""
    if markup is None:
        return []
    if not isinstance(markup, dict) or not isinstance(markup.get("inline_keyboard"), list):
        raise bad("object expected as reply markup")
    for row in markup["inline_keyboard"]:
        for button in row:
            _check_button(button)
    return markup["inline_keyboard"]  # type: ignore[no-any-return]


def _check_button(button: Any) -> None:
    if not isinstance(button, dict) or not isinstance(button.get("text"), str) or not button["text"].strip():
        raise bad("can't parse inline keyboard button: InlineKeyboardButton must have text")
    if "url" in button:
        host = urlsplit(button["url"]).hostname or ""
        # tdlib's LinkManager::check_link.
        if "." not in host and ":" not in host:
            raise bad(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
        if not button["url"].startswith(("http://", "https://", "tg://")) or host.startswith("127."):
            raise bad("BUTTON_URL_INVALID")
    elif "callback_data" not in button:
        raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    elif not 1 <= len(button["callback_data"].encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
