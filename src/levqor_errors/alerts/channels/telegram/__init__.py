"""Telegram: alerts to a chat through a bot, and the buttons under them.

channel.py   a `Notice` to the chat, in the richest form that is taken
text.py      what it says, in three forms; templates/ has the first
keyboard.py  the buttons under it, and what they become
buttons.py   reads who pressed which, by long polls
api.py       one call of the Bot API, and what its answer means
chat.py      which chat; it may have moved
pace.py      not more than a chat takes
"""

from .buttons import TelegramButtons
from .channel import TelegramChannel

__all__ = ["TelegramButtons", "TelegramChannel"]
