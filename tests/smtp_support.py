"""A mail server for tests: aiosmtpd on a port of its own, which says what it is told to say.

    with FakeSmtp(security="starttls", user="me", password="pw") as smtp:
        channel = EmailChannel(smtp.settings(owner_email="ops@example.com"), context=smtp.trust())
        smtp.answer("RCPT", "450 4.2.1 later")       # once; "hang", "drip" and "reset" are answers too
        ...
        [letter] = smtp.letters                      # an EmailMessage, and .mail_from, .recipients beside it

`stop()` and `start()` take it off its port and put it back there. A collector that is a process of its own trusts it
through `SSL_CERT_FILE`, which is in `environ()` with the other variables that it needs.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
import struct
import subprocess
import tempfile
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from levqor_errors.config import AlertSettings

HOST: Final = "127.0.0.1"
#: Between two bytes of a server that drips.
_DRIP_SECONDS: Final = 0.02
#: More than any message of ours.
_SIZE: Final = 4 * 1024 * 1024


class Letter(NamedTuple):
    """A mail as the server got it."""

    message: EmailMessage
    raw: bytes
    mail_from: str
    recipients: list[str]
    #: Whether it came over TLS, and who had signed in.
    tls: bool
    user: str | None

    def part(self, kind: str) -> str:
        """Its `plain` or `html` part."""
        body = self.message.get_body((kind,))
        assert body is not None, f"no {kind} part"
        return str(body.get_content())


@lru_cache
def certificate(names: str = f"DNS:localhost,IP:{HOST}") -> Path:
    """A certificate for these names with its key, in one file; it is its own authority."""
    folder = Path(tempfile.mkdtemp())
    both = folder / "both.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", folder / "key.pem", "-out", folder / "certificate.pem", "-days", "2", "-subj", "/CN=test"),
            *("-addext", f"subjectAltName={names}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    both.write_bytes((folder / "certificate.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both


class FakeSmtp:
    """The server; starts at once, ends with `close()` or the `with` block.

    Args:
        security: `starttls`, `tls` or `none`, as `SMTP_SECURITY`.
        user: who has to sign in before a mail; `None`: nobody.
        password: the same.
        names: of its certificate.
    """

    def __init__(
        self,
        *,
        security: str = "none",
        user: str | None = None,
        password: str | None = None,
        names: str = f"DNS:localhost,IP:{HOST}",
    ) -> None:
        self.security = security
        self.user = user
        self.password = password
        #: All that it took, the oldest first.
        self.letters: list[Letter] = []
        #: All commands that it got, without their arguments.
        self.commands: list[str] = []
        self._certificate = certificate(names)
        self._answers: list[tuple[str, str]] = []
        #: Connections, the ended ones too.
        self.connections: list[asyncio.Transport] = []
        self._controller: Controller | None = None
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port: int = free.getsockname()[1]
        self.start()

    def __enter__(self) -> FakeSmtp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def settings(self, **changes: Any) -> AlertSettings:
        """Settings of whoever mails through it; further ones as arguments."""
        own = AlertSettings(
            smtp_host=HOST,
            smtp_port=self.port,
            smtp_security=self.security,
            smtp_user=self.user,
            smtp_password=self.password,
        )
        return own._replace(**changes)

    def environ(self) -> dict[str, str]:
        """The same as variables, for a process of its own."""
        credentials = {"SMTP_USER": self.user, "SMTP_PASSWORD": self.password}
        return {
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(self.port),
            "SMTP_SECURITY": self.security,
            "SSL_CERT_FILE": str(self._certificate),
        } | {name: value for name, value in credentials.items() if value is not None}

    def trust(self) -> ssl.SSLContext:
        """What accepts its certificate, and checks its names."""
        return ssl.create_default_context(cafile=str(self._certificate))

    def answer(self, command: str, answer: str, times: int = 1) -> None:
        """Say this to a command, instead of what would be said, so many times; in the order of the calls.

        Args:
            command: `CONNECT`, `EHLO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`, `DATA` (all of a mail was sent), `NOOP`.
            answer: `450 4.2.1 later`, or `hang` (nothing is said), `drip` (a byte now and then, without an end), or
                `reset` (the connection breaks).
        """
        self._answers += [(command, answer)] * times

    def wants(self, command: str) -> str | None:
        """The next answer to this command that `answer` was told; takes it off the list."""
        for index, (wanted, answer) in enumerate(self._answers):
            if wanted == command:
                del self._answers[index]
                return answer
        return None

    def start(self) -> None:
        """Listen."""
        assert self._controller is None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._certificate)
        self._controller = _Controller(
            _Letters(self),
            hostname=HOST,
            port=self.port,
            ssl_context=context if self.security == "tls" else None,
            tls_context=context if self.security == "starttls" else None,
            require_starttls=self.security == "starttls",
            authenticator=self._sign_in,
            auth_require_tls=self.security == "starttls",
            data_size_limit=_SIZE,
        )
        self._controller.start()

    def stop(self) -> None:
        """Connections are refused from now on."""
        if self._controller is not None:
            # Or transports are found open when they are collected, which is a warning, and so an error here.
            for connection in self.connections:
                self._controller.loop.call_soon_threadsafe(connection.abort)
            self._controller.stop()
            self._controller = None
            self.connections.clear()

    close = stop

    def _sign_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        fits = (data.login.decode(), data.password.decode()) == (self.user, self.password)
        return AuthResult(success=fits, handled=False, auth_data=self.user)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, loop=self.loop, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        # Not by a connection, as aiosmtpd does it: that would take an answer to CONNECT away from whom it is for.
        self._factory_invoker()


class _Server(SMTP):
    """Commands as aiosmtpd has them, but for what the test wants to be said."""

    def __init__(self, letters: _Letters, **options: Any) -> None:
        super().__init__(letters, **options)
        self.fake = letters.fake
        # Not as an argument: aiosmtpd warns of a sign-in without TLS.
        self._auth_required = self.fake.user is not None

    async def scripted(self, command: str) -> str | None:
        """What the test wants to be said; `None`: what aiosmtpd says."""
        self.fake.commands.append(command)
        answer = self.fake.wants(command)
        if answer == "hang":
            await asyncio.Event().wait()
        while answer == "drip":
            self.line.write(b"2")
            await asyncio.sleep(_DRIP_SECONDS)
        if answer == "reset":
            at_once = struct.pack("ii", 1, 0)
            self.line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self.line.abort()
            raise asyncio.CancelledError
        return answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        #: Over TLS from STARTTLS on.
        self.line = transport
        self.fake.connections.append(transport)

    async def _handle_client(self) -> None:
        if answer := await self.scripted("CONNECT"):
            await self.push(answer)
            self.line.close()
            return
        await super()._handle_client()


def _scripted(command: str) -> Any:
    theirs = getattr(SMTP, f"smtp_{command}")

    async def ours(self: _Server, arg: str | None) -> None:
        if answer := await self.scripted(command):
            await self.push(answer)
        else:
            await theirs(self, arg)

    return ours


# aiosmtpd finds its commands by these names.
for _command in ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "RSET", "NOOP"):
    setattr(_Server, f"smtp_{_command}", _scripted(_command))


class _Letters:
    """What becomes of a mail when all of it is there."""

    def __init__(self, fake: FakeSmtp) -> None:
        self.fake = fake

    async def handle_DATA(self, server: _Server, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if answer := await server.scripted("DATA"):
            return answer
        raw = envelope.original_content or b""
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        tls = server.line.get_extra_info("ssl_object") is not None
        user = str(session.auth_data) if session.authenticated else None
        self.fake.letters.append(Letter(message, raw, str(envelope.mail_from), list(envelope.rcpt_tos), tls, user))
        return "250 2.0.0 taken"
