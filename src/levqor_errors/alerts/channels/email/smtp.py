"""The way to the mail server by the standard library's smtplib, and what its answers mean. Called by `channel.py`.

Replies are those of RFC 5321: 4xx passes, 5xx does not. Which error a 5xx becomes depends on what it answers: the
sign-in, the sender or all recipients are the channel's, the mail's content is that mail's.
"""

from __future__ import annotations

import base64
import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from ....config import AlertSettings
from ....errors import ChannelDownError, ChannelPassingError, MessageRefusedError
from ....printable import printable

#: Of what a server says.
_REPLY_CHARS: Final = 300
#: The end of a mail may take longer than other steps: some servers look into it first, and whoever gives up too early
#: sends it twice (RFC 5321, 4.5.3.2.6, would wait ten minutes).
_DATA_TIMES: Final = 4
#: All of a connection, after which it is broken off: less than the sender's claim of a message. A server that doubts us
#: may say each of its lines a byte a second.
_TOTAL_TIMES: Final = 8
_OK: Final = 250
_NEEDS_SIGN_IN: Final = 530
_TOO_LARGE: Final = 552


class Mailer:
    """Signs in at the mail server and hands mails over, one connection a time.

    Args:
        settings: the server, and who signs in.
        context: which certificates are accepted; `None`: those that the system trusts.
        seconds: how long a step may take.
    """

    def __init__(self, settings: AlertSettings, context: ssl.SSLContext | None, seconds: float) -> None:
        self._host = settings.smtp_host or ""
        self._port = settings.smtp_port
        self._security = settings.smtp_security
        self._user = settings.smtp_user
        self._password = settings.smtp_password or ""
        self._context = context or ssl.create_default_context()
        self._seconds = seconds

    @contextlib.contextmanager
    def connection(self) -> Iterator[smtplib.SMTP]:
        """A connection that is secured and signed in, as far as it is meant to be.

        Raises:
            ChannelPassingError: no connection, now; also what goes wrong while it is in use.
            ChannelDownError: not in this way.
        """
        with contextlib.ExitStack() as stack:
            try:
                smtp = self._connect()
                stack.callback(smtp.close)
                watch = threading.Timer(self._seconds * _TOTAL_TIMES, _break_off, [smtp])
                watch.daemon = True
                watch.start()
                stack.callback(watch.cancel)
                smtp.ehlo_or_helo_if_needed()
                if self._security == "starttls":
                    self._start_tls(smtp)
                if self._user is not None:
                    self._sign_in(smtp, self._user)
                yield smtp
            except smtplib.SMTPResponseException as error:
                raise self._refused("does not let us in", error.smtp_code, error.smtp_error) from error
            except ssl.SSLCertVerificationError as error:
                raise ChannelDownError(
                    f"the certificate of {self._where} is not accepted: {error.verify_message}; SMTP_HOST must be a"
                    " name in it, and its authority one that this machine trusts (SSL_CERT_FILE adds one)"
                ) from error
            except OSError as error:
                # smtplib's own errors are OSErrors, too: a connection that has ended.
                raise ChannelPassingError(f"{self._where}: {self._trouble(error)}") from error
            # A mail is taken with the answer to it; what becomes of a farewell does not matter.
            with contextlib.suppress(OSError):
                smtp.quit()

    def hand_over(
        self, smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], content: bytes, *, utf8: bool = False
    ) -> dict[str, str]:
        """Hand a mail over.

        Args:
            smtp: the connection.
            sender: its sender's address.
            recipients: addresses.
            content: all of the mail, with its headers.
            utf8: an address has other letters than ASCII's before its @ (RFC 6531).

        Returns:
            recipients that were not taken, and why; never all of them.

        Raises:
            ChannelPassingError: not now.
            ChannelDownError: not this sender, or none of these recipients.
            MessageRefusedError: not this content.
        """
        refused = self.address(smtp, sender, recipients, size=len(content), utf8=utf8)
        if smtp.sock is not None:
            smtp.sock.settimeout(self._seconds * _DATA_TIMES)
        try:
            code, reply = smtp.data(content)
        except smtplib.SMTPDataError as error:
            code, reply = error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else b""
        if code != _OK:
            if code >= 500 and code != _NEEDS_SIGN_IN:
                raise MessageRefusedError(f"{self._where} does not take the mail: {self.said(code, reply)}")
            raise self._refused("does not take the mail", code, reply)
        return refused

    def address(
        self, smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], *, size: int = 0, utf8: bool = False
    ) -> dict[str, str]:
        """Tell the server from whom and to whom, and no more; with a RSET after it nobody gets anything.

        Raises:
            ChannelPassingError, ChannelDownError, MessageRefusedError: as for `hand_over`.
        """
        options = [f"SIZE={size}"] if size and smtp.has_extn("size") else []
        try:
            code, reply = smtp.mail(sender, [*options, "SMTPUTF8"] if utf8 else options)
        except smtplib.SMTPNotSupportedError as error:
            raise ChannelDownError(
                f"{self._where} only takes addresses of ASCII letters; change OWNER_EMAIL or EMAIL_FROM"
            ) from error
        if code == _TOO_LARGE:
            raise MessageRefusedError(f"{self._where} does not take a mail so large: {self.said(code, reply)}")
        if code != _OK:
            raise self._refused(f"does not take mail from {sender} (EMAIL_FROM)", code, reply)
        refused: dict[str, tuple[int, bytes]] = {}
        for recipient in recipients:
            code, reply = smtp.rcpt(recipient)
            if code not in (_OK, 251):
                refused[recipient] = code, reply
        if len(refused) == len(recipients):
            # One that may be taken later is reason enough to come again.
            code, reply = min(refused.values(), key=lambda one: one[0])
            raise self._refused(f"takes mail for none of {', '.join(recipients)} (OWNER_EMAIL)", code, reply)
        return {recipient: self.said(code, reply) for recipient, (code, reply) in refused.items()}

    def said(self, code: int, reply: bytes | str) -> str:
        """What the server said, fit to be shown; without the password, should it quote that."""
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
        return f"{code} {self._shown(text)}".strip()

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._port}"

    def _shown(self, text: str) -> str:
        if self._password:
            for hidden in (self._password, base64.b64encode(self._password.encode()).decode(), self._plain()):
                text = text.replace(hidden, "[redacted]")
        return printable(" ".join(text.split())[:_REPLY_CHARS])

    def _plain(self) -> str:
        return base64.b64encode(f"\0{self._user}\0{self._password}".encode()).decode()

    def _connect(self) -> smtplib.SMTP:
        # With the host as an argument, for that is the name that its certificate is checked against.
        if self._security == "tls":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._seconds, context=self._context)
        return smtplib.SMTP(self._host, self._port, timeout=self._seconds)

    def _start_tls(self, smtp: smtplib.SMTP) -> None:
        if not smtp.has_extn("starttls"):
            raise ChannelDownError(
                f"{self._where} does not offer STARTTLS, and nothing is sent without; set SMTP_SECURITY to tls (port"
                " 465), or to none if the way to the server is safe"
            )
        smtp.starttls(context=self._context)
        smtp.ehlo_or_helo_if_needed()

    def _sign_in(self, smtp: smtplib.SMTP, user: str) -> None:
        try:
            if (user + self._password).isascii():
                smtp.login(user, self._password)
                return
            # smtplib knows ASCII only; RFC 4616 has UTF-8.
            code, reply = smtp.docmd("AUTH", f"PLAIN {self._plain()}")
            if code != 235:
                raise smtplib.SMTPAuthenticationError(code, reply)
        except smtplib.SMTPAuthenticationError as error:
            raise self._refused(
                "does not take SMTP_USER and SMTP_PASSWORD", error.smtp_code, error.smtp_error
            ) from error
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPException as error:
            raise ChannelDownError(
                f"{self._where} offers no sign-in that we know; unset SMTP_USER, or set SMTP_SECURITY to tls or"
                " starttls"
            ) from error

    def _refused(self, what: str, code: int, reply: bytes | str) -> ChannelPassingError | ChannelDownError:
        why = f"{self._where} {what}: {self.said(code, reply)}"
        if code < 500:
            return ChannelPassingError(why)
        if code == _NEEDS_SIGN_IN and self._user is None:
            why += "; set SMTP_USER and SMTP_PASSWORD"
        return ChannelDownError(why)

    def _trouble(self, error: OSError) -> str:
        """What went wrong on the way, and what may help."""
        if isinstance(error, socket.gaierror):
            return "there is no address for this name (SMTP_HOST)"
        text = self._shown(str(error)) or type(error).__name__
        # A server that waits for TLS says nothing, and one that does not wait for it says something else.
        if "timed out" in text and self._security != "tls":
            return f"{text}; if it wants TLS from the first byte, as on port 465, set SMTP_SECURITY to tls"
        if isinstance(error, ssl.SSLError) and self._security == "tls":
            return f"{text}; if it wants STARTTLS, as on port 587, set SMTP_SECURITY to starttls"
        return text


def _break_off(smtp: smtplib.SMTP) -> None:
    """Whoever waits for it meets its end. Runs beside, so the socket may be gone already."""
    with contextlib.suppress(OSError, AttributeError):
        # Not TLS's own, which would leave the socket to be used without it.
        socket.socket.shutdown(smtp.sock, socket.SHUT_RDWR)  # type: ignore[arg-type]
