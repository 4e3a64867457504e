"""The email channel: a notice becomes a mail, in a plainer form if need be, and goes to the mail server."""

from __future__ import annotations

import smtplib
import ssl
from typing import Final

from ....config import AlertSettings
from ....errors import MessageRefusedError
from ...channel import Sent
from ...notice import Notice
from . import message, render
from .smtp import Mailer

#: How long a step of SMTP may take, in seconds; the end of a mail four times as long. A mail server that is well
#: answers within one, but some look up a name first.
STEP_SECONDS: Final = 30.0


class EmailChannel:
    """A `Channel` (see `../../channel.py`) that mails to the owner.

    Args:
        settings: with `smtp_host` set.
        context: which certificates are accepted; `None`: those that the system trusts.
        seconds: how long a step of SMTP may take.
    """

    def __init__(
        self, settings: AlertSettings, *, context: ssl.SSLContext | None = None, seconds: float = STEP_SECONDS
    ) -> None:
        self._mailer = Mailer(settings, context, seconds)
        self._target = settings.owner_email
        self._from = message.addresses(settings.email_from)[0]
        self._to = message.addresses(settings.owner_email)
        #: Some address cannot be written in ASCII.
        self._utf8 = not all(address.isascii() for address in (self._from, *self._to))

    @property
    def name(self) -> str:
        return "email"

    @property
    def target(self) -> str:
        return self._target

    def send(self, notice: Notice) -> Sent:
        written = render.write(notice)
        with self._mailer.connection() as smtp:
            try:
                return self._sent(smtp, notice, written, written.remark)
            except MessageRefusedError as error:
                if written.html is None:
                    raise
                smtp.rset()
                return self._sent(smtp, notice, written._replace(html=None), f"as plain text, since {error}")

    def _sent(self, smtp: smtplib.SMTP, notice: Notice, written: render.Written, remark: str) -> Sent:
        mail = message.build(notice, written, sender=self._from, recipients=self._to, utf8=self._utf8)
        refused = self._mailer.hand_over(smtp, self._from, self._to, mail.as_bytes(), utf8=self._utf8)
        remarks = [remark] if remark else []
        remarks += [f"not to {recipient}: {why}" for recipient, why in refused.items()]
        return Sent(str(mail["Message-ID"]), "; ".join(remarks))

    def check(self) -> str:
        with self._mailer.connection() as smtp:
            refused = self._mailer.address(smtp, self._from, self._to, utf8=self._utf8)
            smtp.rset()
            code, reply = smtp.noop()
            said = self._mailer.said(code, reply)
        taken = [recipient for recipient in self._to if recipient not in refused]
        remarks = [f"takes mail for {', '.join(taken)}"]
        remarks += [f"not for {recipient}: {why}" for recipient, why in refused.items()]
        return "; ".join([said, *remarks])

    def close(self) -> None:
        """There is nothing to let go of: each mail has a connection of its own."""
