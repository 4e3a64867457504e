"""A mail: the headers, and both forms of its content. Made for `channel.py`, handed over by `smtp.py`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

from ...notice import Notice
from .render import Written

#: Nothing but ASCII on the way, so that no server has to be asked whether it takes more.
_ASCII: Final = SMTP.clone(cte_type="7bit")
_UTF8: Final = _ASCII.clone(utf8=True)


def addresses(text: str) -> list[str]:
    """Addresses of mail, from a setting that has commas between; domains as DNS knows them."""
    return [_with_ascii_domain(one.strip()) for one in text.split(",")]


def _with_ascii_domain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        # No domain that could be; the server will say so.
        return address


def build(
    notice: Notice, written: Written, *, sender: str, recipients: Sequence[str], utf8: bool = False
) -> EmailMessage:
    """A mail, in text and HTML, or in text alone.

    The same notice gives the same Message-ID, so that a mail that was sent twice after a crash is seen to be one.
    Mails about one issue name the same mail as what they answer, so that mail programs show them together; there is no
    such mail. No List-Id: the owner has not subscribed to anything, and mail programs would show how to leave.
    """
    mail = EmailMessage(_UTF8 if utf8 else _ASCII)
    domain = sender.rpartition("@")[2]
    mail["Subject"] = written.subject
    mail["From"] = Address("levqor-errors", addr_spec=sender) if sender.isascii() else sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = formatdate(usegmt=True)
    mail["Message-ID"] = _message_id(f"{notice.id} {notice.at}", _word(notice.id), domain)
    if notice.issue is not None:
        root = _message_id(str(notice.issue.get("fingerprint")), "issue", domain)
        mail["In-Reply-To"] = root
        mail["References"] = root
    # RFC 3834: nobody's holiday notice answers it; the second is Exchange's word for that.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    # For the filters of whoever gets it.
    mail["X-Levqor-Alert-Id"] = _word(notice.id)
    mail["X-Levqor-Kind"] = notice.kind.value
    mail["X-Levqor-Severity"] = _word(notice.severity)
    mail.set_content(written.text)
    if written.html is not None:
        mail.add_alternative(written.html, subtype="html")
    return mail


def _message_id(about: str, word: str, domain: str) -> str:
    digest = hashlib.sha256(about.encode("utf-8", "replace")).hexdigest()[:16]
    return f"<{word}.{digest}.levqor-errors@{domain}>"


def _word(text: str) -> str:
    """Letters and digits only, for a header that is made of words."""
    return re.sub(r"[^A-Za-z0-9]", "", text)[:40] or "none"
