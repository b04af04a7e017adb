"""The week by mail: the digest as text, the page beside it; to whom the settings say, no others."""

from __future__ import annotations

import base64
import smtplib
import ssl
import subprocess
import threading
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from pacsflow.errors import InputError, PacsflowError, ToolError, UsageError
from pacsflow.service import refusals
from pacsflow_reports import render_digest

if TYPE_CHECKING:
    from pathlib import Path

    from pacsflow.configuration.schema import Mail
    from pacsflow.report.weekly import WeeklyReport

LOGGED_IN = 235
"""What a server answers to a password that it takes (RFC 4954, 6)."""
PER_READ = 15.0
"""Seconds that a server may be silent; all of it together has `Mail.seconds`."""
LARGEST = 20_000_000
"""Bytes of a page from which on it is not attached: servers refuse such mails."""


def compose(made: WeeklyReport, mail: Mail, lang: str, page: Path | None) -> EmailMessage:
    """Return the mail on a week; its first line is the digest's, its text the digest.

    Raises
    ------
    UsageError
        The settings name no sender.
    """
    if not mail.sender:
        raise UsageError("[mail] sender: a mail needs one")
    digest = render_digest(made, lang=lang)
    message = EmailMessage()
    message["Subject"] = digest.split("\n", 1)[0]
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.to)
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid("pacsflow", mail.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(digest)
    if mail.page and page and page.stat().st_size <= LARGEST:
        message.add_attachment(
            page.read_bytes(), maintype="text", subtype="html", filename=f"pacsflow-{page.name}"
        )
    return message


def send(message: EmailMessage, mail: Mail) -> dict[str, str]:
    """Hand a mail over, to the host's program or to a server.

    Returns who of several recipients was refused, each with the server's words; the others have it.

    Raises
    ------
    ToolError
        The program or the server did not take it, or not in time.
    UsageError
        Neither is named, or a password would go without TLS.
    InputError
        The password's file cannot be read.
    """
    if mail.program:
        _by_program(message, mail, mail.program)
        return {}
    if mail.server:
        return refusals.refused(_in_time(message, mail))
    raise UsageError("[mail] needs a server or a program")


def _by_program(message: EmailMessage, mail: Mail, program: Path) -> None:
    try:
        ran = subprocess.run(
            [program, "-t", "-i"],
            input=message.as_bytes(),
            capture_output=True,
            timeout=mail.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"{program} took longer than {mail.seconds:g} s; no mail") from None
    except OSError as error:
        raise ToolError(f"{program} does not start: {error.strerror}") from None
    if ran.returncode:
        said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ToolError(f"{program} failed: {said[-1][:200] if said else ran.returncode}")


def _in_time(message: EmailMessage, mail: Mail) -> dict[str, tuple[int, bytes]]:
    """Send in a thread of its own: a server that gives a byte at a time meets one limit, too."""
    talk = _Talk(message, mail)
    thread = threading.Thread(target=talk.run, daemon=True)
    thread.start()
    thread.join(mail.seconds)
    if thread.is_alive():
        talk.give_up()
        raise ToolError(f"{mail.server}: no mail within {mail.seconds:g} s")
    if talk.problem is not None:
        raise talk.problem
    return talk.refused


class _Talk:
    """One talk with a server."""

    def __init__(self, message: EmailMessage, mail: Mail) -> None:
        self.message, self.mail = message, mail
        self.problem: Exception | None = None
        self.server: smtplib.SMTP | None = None
        self.refused: dict[str, tuple[int, bytes]] = {}
        self.silence = min(PER_READ, mail.seconds)

    def run(self) -> None:
        try:
            self._talk()
        except OSError as error:
            greeted = self.server is not None
            told = refusals.why(error, self.mail, self.silence, greeted=greeted)
            self.problem = ToolError(f"{self.mail.server}: {told}")
        except (PacsflowError, ValueError) as error:
            self.problem = error

    def _talk(self) -> None:
        mail, context = self.mail, ssl.create_default_context()
        if mail.user and mail.security == "none":
            raise UsageError("[mail] user: a password is not sent without TLS")
        password = _password(mail)
        at, wait = (mail.server, mail.port), self.silence
        if mail.security == "tls":
            self.server = smtplib.SMTP_SSL(*at, timeout=wait, context=context)
        else:
            self.server = smtplib.SMTP(*at, timeout=wait)
        with self.server as server:
            if mail.security == "starttls":
                _secure(server, context)
            if mail.user:
                _log_in(server, mail.user, password)
            self.refused = server.send_message(self.message)

    def give_up(self) -> None:
        if self.server is not None:
            self.server.close()


def _secure(server: smtplib.SMTP, context: ssl.SSLContext) -> None:
    server.ehlo_or_helo_if_needed()
    if not server.has_extn("starttls"):
        raise smtplib.SMTPNotSupportedError(
            'it has no STARTTLS: ask for its port with TLS (mail.security = "tls"); "none" is for '
            "a server on this machine"
        )
    server.starttls(context=context)


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    """Log in; smtplib knows ASCII alone, PLAIN has UTF-8 (RFC 4616, 2)."""
    server.ehlo_or_helo_if_needed()
    if not server.has_extn("auth"):
        raise smtplib.SMTPNotSupportedError("it takes no password: leave mail.user out")
    if f"{user}{password}".isascii():
        server.login(user, password)
        return
    answer = base64.b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
    code, said = server.docmd("AUTH", f"PLAIN {answer}")
    if code != LOGGED_IN:
        raise smtplib.SMTPAuthenticationError(code, said)


def _password(mail: Mail) -> str:
    if not mail.password_file:
        return ""
    try:
        with mail.password_file.open(encoding="utf-8") as file:
            return file.readline(1000).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "no text"
        raise InputError(mail.password_file, f"the password cannot be read: {told}") from None
