"""Alerts and summaries by email.

channel.py   the `Channel`: what goes out, in which form
render.py    a notice as HTML and as text, from templates/
message.py   both of them as a mail with its headers
smtp.py      the way to the mail server, and what its answers mean
"""

from .channel import EmailChannel

__all__ = ["EmailChannel"]
