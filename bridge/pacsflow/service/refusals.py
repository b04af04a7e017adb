"""Why a mail server took no mail: one line, with what to set where it is a setting."""

from __future__ import annotations

import smtplib
import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacsflow.configuration.schema import Mail

OTHER_NAMES = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL."""
LONGEST = 200
"""Characters of what a server said that are shown."""


def why(error: OSError, mail: Mail, seconds: float, *, greeted: bool) -> str:
    """Return why a mail was not taken.

    Parameters
    ----------
    error
        What was raised; smtplib's errors are OSErrors, too.
    seconds
        How long a server may be silent, also when it is asked once more here.
    greeted
        Whether the server had already said who it is.
    """
    if not greeted and (other := _other_security(error, mail, seconds)):
        return other
    if _silent(error):
        return f"it said nothing for {seconds:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _mistrusted(error)
    if isinstance(error, smtplib.SMTPException):
        return _said(error, mail)
    return error.strerror or str(error)


def refused(recipients: dict[str, tuple[int, bytes]]) -> dict[str, str]:
    """Return who of the recipients was refused, each with the server's words."""
    return {to: _words(*said) for to, said in recipients.items()}


def line(refused: dict[str, str]) -> str:
    """Return who was refused in one line."""
    return "; ".join(f"{to}: {words}" for to, words in refused.items())


def _silent(error: OSError) -> bool:
    """Tell a server that says nothing; smtplib wraps what it waited for in vain."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _other_security(error: OSError, mail: Mail, seconds: float) -> str:
    """Return what to set where the server begins with TLS, or without, unlike the settings."""
    if mail.security != "tls" and _silent(error) and _begins_with_tls(mail, seconds):
        return 'it begins with TLS: set mail.security = "tls"'
    unlike = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLCertVerificationError)
    if mail.security == "tls" and unlike and _begins_in_the_clear(mail, seconds):
        return 'it begins without TLS: set mail.security = "starttls"'
    return ""


def _begins_with_tls(mail: Mail, seconds: float) -> bool:
    """Ask for TLS alone; nothing is sent over it, so it need not be the right server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((mail.server, mail.port), seconds) as plain,
            context.wrap_socket(plain, server_hostname=mail.server),
        ):
            return True
    except (OSError, ValueError):
        return False


def _begins_in_the_clear(mail: Mail, seconds: float) -> bool:
    """Wait for the code of RFC 5321, 4.2.3, that a server greets with."""
    try:
        with socket.create_connection((mail.server, mail.port), seconds) as plain:
            return plain.recv(3) == b"220"
    except OSError:
        return False


def _mistrusted(error: ssl.SSLCertVerificationError) -> str:
    """Return what is wrong with a server's certificate, and what to do about it."""
    if error.verify_code in OTHER_NAMES:
        return "its certificate is for another name: set mail.server to a name that it has"
    return (
        f"its certificate is not trusted here ({error.verify_message}): add that of its "
        "authority to this machine's, or name it in SSL_CERT_FILE"
    )


def _said(error: smtplib.SMTPException, mail: Mail) -> str:
    """Return what a server said, in one line."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return line(refused(error.recipients))
    if isinstance(error, smtplib.SMTPAuthenticationError):
        words = _words(error.smtp_code, error.smtp_error)
        return f"it refuses mail.user {mail.user} with the password of mail.password_file ({words})"
    if isinstance(error, smtplib.SMTPResponseException):
        return _words(error.smtp_code, error.smtp_error)
    return _one_line(str(error)) or type(error).__name__


def _words(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return f"{code} {_one_line(text)}".rstrip()


def _one_line(text: str) -> str:
    return " ".join(text.split())[:LONGEST]
