"""The week by mail: the digest as text, the page beside it; to whom the settings say, no others."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
import threading
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from pacsflow.errors import InputError, ToolError, UsageError
from pacsflow_reports import render_digest

if TYPE_CHECKING:
    from pathlib import Path

    from pacsflow.configuration.schema import Mail
    from pacsflow.report.weekly import WeeklyReport

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


def send(message: EmailMessage, mail: Mail) -> None:
    """Hand a mail over, to the host's program or to a server.

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
    elif mail.server:
        _in_time(message, mail)
    else:
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


def _in_time(message: EmailMessage, mail: Mail) -> None:
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


class _Talk:
    """One talk with a server."""

    def __init__(self, message: EmailMessage, mail: Mail) -> None:
        self.message, self.mail = message, mail
        self.problem: Exception | None = None
        self.server: smtplib.SMTP | None = None

    def run(self) -> None:
        try:
            self._talk()
        except smtplib.SMTPException as error:
            self.problem = ToolError(f"{self.mail.server}: {_told(error)}")
        except ssl.SSLCertVerificationError as error:
            self.problem = ToolError(f"{self.mail.server}: {_mistrusted(error)}")
        except OSError as error:
            self.problem = ToolError(f"{self.mail.server}: {error.strerror or error}")
        except (InputError, UsageError, ValueError) as error:
            self.problem = error

    def _talk(self) -> None:
        mail, context = self.mail, ssl.create_default_context()
        if mail.user and mail.security == "none":
            raise UsageError("[mail] user: a password is not sent without TLS")
        password = _password(mail)
        seconds = min(PER_READ, mail.seconds)
        if mail.security == "tls":
            self.server = smtplib.SMTP_SSL(mail.server, mail.port, timeout=seconds, context=context)
        else:
            self.server = smtplib.SMTP(mail.server, mail.port, timeout=seconds)
        with self.server as server:
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.user:
                server.login(mail.user, password)
            server.send_message(self.message)

    def give_up(self) -> None:
        if self.server is not None:
            self.server.close()


def _password(mail: Mail) -> str:
    if not mail.password_file:
        return ""
    try:
        with mail.password_file.open(encoding="utf-8") as file:
            return file.readline(1000).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "no text"
        raise InputError(mail.password_file, f"the password cannot be read: {told}") from None


OTHER_NAMES = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL."""


def _mistrusted(error: ssl.SSLCertVerificationError) -> str:
    """Return what is wrong with a server's certificate, and what to do about it."""
    if error.verify_code in OTHER_NAMES:
        return "its certificate is for another name: set mail.server to a name that it has"
    return (
        f"its certificate is not trusted here ({error.verify_message}): add that of its "
        "authority to this machine's, or name it in SSL_CERT_FILE"
    )


def _told(error: smtplib.SMTPException) -> str:
    """Return what a server said, in one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return f"{error.smtp_code} {' '.join(text.split())[:200]}"
    return " ".join(str(error).split())[:200] or type(error).__name__
