"""The email channel against a real mail server: headers, both forms, and what each of the server's answers means."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from levqor_errors.alerts.channels.email import EmailChannel
from levqor_errors.alerts.notice import Kind, Notice
from levqor_errors.errors import AlertError, ChannelDownError, ChannelPassingError, MessageRefusedError
from smtp_support import HOST, FakeSmtp

PASSWORD = "never-to-be-seen"
NOTICE = Notice(
    "A123",
    Kind.CRITICAL,
    "critical",
    "2026-11-25T09:00:00.000Z",
    "CardError: declined",
    service="checkout",
    event={
        "message": "CardError: declined\nby the bank",
        "source": "backend",
        "path_or_screen": "/pay",
        "user_email": "ada@example.com",
        "received_at": "2026-11-25T08:59:59.120Z",
        "stack": "",
        "context": {"exceptions": [{"frames": [{"file": "cards.py", "line": 41, "function": "charge"}]}]},
    },
    issue={"fingerprint": "abc", "first_seen": "2026-11-23T13:05:39.120Z", "count": 1234},
    link="https://errors.example.com/owner/errors/5",
)


def channel(smtp: FakeSmtp, seconds: float = 30, **changes: Any) -> EmailChannel:
    return EmailChannel(
        smtp.settings(**{"owner_email": "ops@example.com", "email_from": "errors@example.com"} | changes),
        context=smtp.trust(),
        seconds=seconds,
    )


def test_a_critical_error_as_a_mail(smtp: FakeSmtp) -> None:
    email = channel(smtp)
    assert (email.name, email.target) == ("email", "ops@example.com")
    sent = email.send(NOTICE)
    (letter,) = smtp.letters
    mail = letter.message
    assert (letter.mail_from, letter.recipients) == ("errors@example.com", ["ops@example.com"])
    assert mail["Subject"] == "[critical] checkout: CardError: declined (A123)"
    assert mail["From"] == "levqor-errors <errors@example.com>"
    assert mail["To"] == "ops@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Levqor-Alert-Id"] == "A123"
    assert mail["List-Id"] is None
    assert parsedate_to_datetime(mail["Date"]).year >= 2026
    assert mail.get_content_type() == "multipart/alternative"
    assert sent == (mail["Message-ID"], "")
    for form in ("plain", "html"):
        for said in ("CardError: declined", "by the bank", "cards.py:41 in charge", "/pay", "ada@example.com", "1,234",
                     "2026-11-23 13:05:39 UTC", "https://errors.example.com/owner/errors/5", "A123"):  # fmt: skip
            assert said in letter.part(form), (form, said)
    # Lines of SMTP, and nothing but ASCII in them.
    assert letter.raw.isascii()
    assert max(map(len, letter.raw.split(b"\r\n"))) <= 998


def test_the_same_notice_is_the_same_mail_and_an_issue_is_one_conversation(smtp: FakeSmtp) -> None:
    email = channel(smtp)
    for notice in (
        NOTICE,
        NOTICE,
        replace(NOTICE, id="A124", kind=Kind.REGRESSION, at="2026-11-26T09:00:00.000Z"),
        replace(NOTICE, id="A125", issue={"fingerprint": "other", "count": 1}),
        replace(NOTICE, id="A123", at="2027-01-01T00:00:00.000Z"),
        replace(NOTICE, id="A126", kind=Kind.TEST, issue=None, event=None),
    ):
        email.send(notice)
    ids = [letter.message["Message-ID"] for letter in smtp.letters]
    assert ids[0] == ids[1]
    # Another database has its own A123.
    assert len(set(ids)) == 5
    threads = [letter.message["References"] for letter in smtp.letters]
    assert threads[0] == threads[1] == threads[2] == threads[4] != threads[3]
    assert threads[5] is None
    assert [letter.message["In-Reply-To"] for letter in smtp.letters] == threads


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize(("user", "password"), [(None, None), ("me@example.com", PASSWORD), ("müller", "pässwörd-🔑")])
def test_each_way_in(security: str, user: str | None, password: str | None) -> None:
    with FakeSmtp(security=security, user=user, password=password) as smtp:
        email = channel(smtp)
        assert email.check() == "250 OK; takes mail for ops@example.com"
        assert smtp.letters == []
        assert "DATA" not in smtp.commands
        email.send(NOTICE)
        (letter,) = smtp.letters
        assert (letter.tls, letter.user) == (security != "none", user)
        email.close()


#: What is set, what the server says to what, and what becomes of it: the error, and what its text has to name.
ANSWERS: list[tuple[dict[str, Any], list[tuple[str, str]], type[AlertError], str]] = [
    ({}, [("CONNECT", "421 4.3.2 closing")], ChannelPassingError, "421 4.3.2 closing"),
    ({}, [("CONNECT", "554 5.7.1 you are blocked")], ChannelDownError, "you are blocked"),
    ({}, [("CONNECT", "reset")], ChannelPassingError, "127.0.0.1"),
    ({}, [("EHLO", "reset")], ChannelPassingError, "127.0.0.1"),
    ({}, [("MAIL", "450 4.7.1 greylisted")], ChannelPassingError, "greylisted"),
    ({}, [("MAIL", "530 5.7.0 sign in first")], ChannelDownError, "SMTP_USER"),
    ({}, [("MAIL", "553 5.7.1 not your address")], ChannelDownError, "EMAIL_FROM"),
    ({}, [("MAIL", "552 5.3.4 too large")] * 2, MessageRefusedError, "too large"),
    ({}, [("MAIL", "reset")], ChannelPassingError, "127.0.0.1"),
    ({}, [("RCPT", "450 4.2.1 mailbox busy")], ChannelPassingError, "mailbox busy"),
    ({}, [("RCPT", "550 5.1.1 unknown user")], ChannelDownError, "OWNER_EMAIL"),
    ({"owner_email": "a@example.com, b@example.com"}, [("RCPT", "550 5.1.1 no"), ("RCPT", "451 4.3.0 later")],
     ChannelPassingError, "later"),
    ({}, [("DATA", "451 4.3.0 try again")], ChannelPassingError, "try again"),
    ({}, [("DATA", "reset")], ChannelPassingError, "127.0.0.1"),
    ({}, [("DATA", "554 5.7.1 spam"), ("DATA", "550 5.7.1 spam again")], MessageRefusedError, "spam again"),
    ({}, [("DATA", "552 5.3.4 too large"), ("DATA", "451 4.3.0 now busy")], ChannelPassingError, "now busy"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "answers", "error", "said"), ANSWERS)
def test_what_an_answer_means(
    smtp: FakeSmtp, changes: dict[str, Any], answers: list[tuple[str, str]], error: type[AlertError], said: str
) -> None:
    for command, answer in answers:
        smtp.answer(command, answer)
    email = channel(smtp, **changes)
    with pytest.raises(error) as raised:
        email.send(NOTICE)
    assert said in str(raised.value)
    assert smtp.letters == []
    # The next one goes out.
    email.send(NOTICE)
    assert len(smtp.letters) == 1


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (None, ChannelDownError, "SMTP_USER and SMTP_PASSWORD: 535"),
        ("454 4.7.0 later", ChannelPassingError, "later"),
        ("535 5.7.8 wrong: never-to-be-seen bmV2ZXItdG8tYmUtc2Vlbg== AG1lAG5ldmVyLXRvLWJlLXNlZW4=", ChannelDownError,
         "535 5.7.8 wrong: [redacted] [redacted] [redacted]"),
    ],
)  # fmt: skip
def test_a_sign_in_that_is_not_taken_is_told_without_the_password(
    answer: str | None, error: type[AlertError], said: str
) -> None:
    with FakeSmtp(security="tls", user="me", password=PASSWORD if answer else "another") as smtp:
        email = channel(smtp, smtp_password=PASSWORD)
        for _ in range(3 if answer else 0):
            # For each of the ways to sign in that smtplib tries.
            smtp.answer("AUTH", str(answer))
        with pytest.raises(error) as raised:
            email.send(NOTICE)
        assert said in str(raised.value)
        assert PASSWORD not in str(raised.value)
        assert PASSWORD not in repr(email)


def test_without_starttls_nothing_is_sent() -> None:
    with FakeSmtp(security="none", user="me", password=PASSWORD) as smtp:
        email = channel(smtp, smtp_security="starttls")
        with pytest.raises(ChannelDownError, match="does not offer STARTTLS, and nothing is sent without"):
            email.send(NOTICE)
        assert not {"AUTH", "MAIL"} & set(smtp.commands)


def test_a_starttls_that_passes() -> None:
    with FakeSmtp(security="starttls") as smtp:
        smtp.answer("STARTTLS", "454 4.7.0 TLS not available due to temporary reason")
        with pytest.raises(ChannelPassingError, match="temporary reason"):
            channel(smtp).send(NOTICE)
        assert "MAIL" not in smtp.commands


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("names", ["DNS:elsewhere.example", None])
def test_a_certificate_that_is_not_accepted(security: str, names: str | None) -> None:
    """Another name's, or of an authority that nobody has heard of."""
    with FakeSmtp(security=security, user="me", password=PASSWORD, **({"names": names} if names else {})) as smtp:
        email = channel(smtp) if names else EmailChannel(smtp.settings())
        with pytest.raises(ChannelDownError, match=r"certificate .* is not accepted: .*SSL_CERT_FILE"):
            email.send(NOTICE)
        assert not {"AUTH", "MAIL"} & set(smtp.commands)


def test_a_server_that_is_away(smtp: FakeSmtp) -> None:
    email = channel(smtp)
    smtp.stop()
    with pytest.raises(ChannelPassingError, match="refused"):
        email.send(NOTICE)
    with pytest.raises(ChannelPassingError, match="refused"):
        email.check()
    smtp.start()
    email.send(NOTICE)
    assert len(smtp.letters) == 1


@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "MAIL", "DATA"])
def test_a_server_that_says_nothing(smtp: FakeSmtp, command: str) -> None:
    smtp.answer(command, "hang")
    with pytest.raises(ChannelPassingError, match=f"{HOST}:{smtp.port}: .*timed out"):
        channel(smtp, seconds=0.05).send(NOTICE)


@pytest.mark.parametrize("security", ["none", "tls"])
def test_a_server_that_never_comes_to_an_end(security: str) -> None:
    """Each byte comes in time; all of them do not."""
    with FakeSmtp(security=security) as smtp:
        smtp.answer("MAIL", "drip")
        with pytest.raises(ChannelPassingError):
            channel(smtp, seconds=0.1).send(NOTICE)


def test_a_name_that_has_no_address(smtp: FakeSmtp) -> None:
    with pytest.raises(ChannelPassingError, match="SMTP_HOST"):
        channel(smtp, smtp_host="mail.invalid").send(NOTICE)


def test_tls_where_there_is_none(smtp: FakeSmtp) -> None:
    """The wrong port for SMTP_SECURITY: the text says what to try."""
    with pytest.raises(ChannelPassingError, match="set SMTP_SECURITY to starttls"):
        channel(smtp, smtp_security="tls").send(NOTICE)
    with closing(socket.create_server((HOST, 0))) as silent, pytest.raises(ChannelPassingError) as raised:
        channel(smtp, seconds=0.05, smtp_port=silent.getsockname()[1]).send(NOTICE)
    assert "set SMTP_SECURITY to tls" in str(raised.value)


def test_what_is_not_taken_goes_out_as_text(smtp: FakeSmtp) -> None:
    smtp.answer("DATA", "554 5.6.0 no HTML here")
    sent = channel(smtp).send(NOTICE)
    (letter,) = smtp.letters
    assert letter.message.get_content_type() == "text/plain"
    assert "CardError: declined" in letter.part("plain")
    assert sent.remark.startswith("as plain text, since")
    assert "no HTML here" in sent.remark


def test_some_recipients_are_enough(smtp: FakeSmtp) -> None:
    email = channel(smtp, owner_email="a@example.com, b@example.com, c@example.com")
    for answer in ("250 ok", "550 5.1.1 who?"):
        smtp.answer("RCPT", answer)
    assert email.check() == "250 OK; takes mail for a@example.com, c@example.com; not for b@example.com: 550 5.1.1 who?"
    smtp.answer("RCPT", "550 5.1.1 who?")
    sent = email.send(NOTICE)
    assert sent.remark == "not to a@example.com: 550 5.1.1 who?"
    (letter,) = smtp.letters
    assert letter.recipients == ["b@example.com", "c@example.com"]


@pytest.mark.parametrize(
    ("command", "answer", "error"),
    [
        ("RCPT", "550 5.1.1 who?", ChannelDownError),
        ("NOOP", "reset", ChannelPassingError),
        ("CONNECT", "421 no", ChannelPassingError),
    ],
)
def test_a_check_tells_what_a_mail_would_meet(
    smtp: FakeSmtp, command: str, answer: str, error: type[AlertError]
) -> None:
    smtp.answer(command, answer)
    with pytest.raises(error):
        channel(smtp).check()


def test_addresses_with_letters_of_their_own(smtp: FakeSmtp) -> None:
    email = channel(smtp, owner_email="ops@bücher.example, jürgen@example.com")
    email.send(NOTICE)
    (letter,) = smtp.letters
    assert letter.recipients == ["ops@xn--bcher-kva.example", "jürgen@example.com"]
    assert "jürgen@example.com" in letter.message["To"]
    # Without a local part in other letters it needs nothing of the server.
    channel(smtp, owner_email="ops@bücher.example").send(NOTICE)
    assert smtp.letters[1].raw.isascii()


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_a_mail(smtp: FakeSmtp, kind: Kind) -> None:
    notice = replace(NOTICE, kind=kind, event=None, issue=None, lines=("One sentence.", "Another."), count=7)
    assert channel(smtp).send(notice).remark == ""
    (letter,) = smtp.letters
    for form in ("plain", "html"):
        assert "One sentence." in letter.part(form)
        assert "Another." in letter.part(form)
    assert letter.message["X-Levqor-Kind"] == kind.value
