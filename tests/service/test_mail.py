"""The mail as a server gets it: over TLS, within a limit of time, and only to whom it is for."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest

from pacsflow.configuration.schema import Mail
from pacsflow.errors import PacsflowError, ToolError, UsageError
from pacsflow.service.mail import send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAIL = Mail(to=("it@example.org",), sender="pacs@example.org", server="127.0.0.1", seconds=20)


def message() -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "pacs@example.org", "it@example.org", "week"
    made.set_content("Medição\n")
    return made


class Smtp(socketserver.StreamRequestHandler):
    """As much of a server as a mail needs; STARTTLS where it has a certificate."""

    context: ssl.SSLContext | None = None
    at_once = False
    ways: tuple[str, ...] = ("250-AUTH PLAIN",)
    heard: list[str]

    def setup(self) -> None:
        if self.context and self.at_once:
            self.request = self.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        self.reply("220 here")
        while line := self.rfile.readline():
            word = line.decode().strip()
            self.heard.append(word)
            verb = word.upper().split(" ")[0]
            if verb == "EHLO":
                starttls = ["250-STARTTLS"] * bool(self.context and not self.at_once)
                self.reply("250-here", *self.ways, *starttls, "250 OK")
            elif verb == "STARTTLS" and self.context:
                self.reply("220 go")
                self.connection = self.context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = (self.connection.makefile(m) for m in ("rb", "wb"))
            elif verb == "DATA":
                self.reply("354 go")
                while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                    self.heard.append(line.decode().rstrip())
                self.reply("250 taken")
            elif verb == "RCPT" and "nobody" in word:
                self.reply("550 no such user")
            else:
                self.reply({"AUTH": self.login(word), "QUIT": "221 bye"}.get(verb, "250 ok"))

    def login(self, word: str) -> str:
        given = base64.b64decode(word.rpartition(" ")[2]) if word.startswith("AUTH") else b""
        return "535 5.7.8 no such" if given.endswith(b"wrong") else "235 ok"

    def reply(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
        self.wfile.flush()


@contextmanager
def server(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as made:
        made.daemon_threads = True
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        try:
            yield made.server_address[1]
        finally:
            made.shutdown()


def smtp(context: ssl.SSLContext | None = None, **changes: object) -> type[Smtp]:
    return type("Made", (Smtp,), {"context": context, "heard": [], **changes})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out",
         f"{path}.crt"], check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + path.with_name("both.pem.crt").read_bytes())
    return path


@pytest.fixture
def context(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server with the certificate speaks, which is trusted here."""
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


def told(mail: Mail, **changes: object) -> str:
    """Return the one line on a mail that was not taken."""
    with pytest.raises(ToolError) as raised:
        send(message(), replace(mail, **changes))  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("secret\n")
    return tmp_path / "password"


def test_over_tls_from_the_start(context: ssl.SSLContext, password: Path) -> None:
    handler = smtp(context, at_once=True)
    with server(handler) as port:
        send(message(), replace(MAIL, port=port, security="tls", user="u", password_file=password))
    assert "Subject: week" in handler.heard
    assert "STARTTLS" not in handler.heard


@pytest.mark.parametrize("security", ["starttls", "none"])
def test_a_server_that_begins_with_tls_is_named_so(
    security: str, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacsflow.service.mail.PER_READ", 0.5)
    with server(smtp(context, at_once=True)) as port:
        said = told(MAIL, port=port, security=security)
    assert said == '127.0.0.1: it begins with TLS: set mail.security = "tls"'


def test_a_server_that_begins_without_tls_is_named_so(context: ssl.SSLContext) -> None:
    with server(smtp(context)) as port:
        said = told(MAIL, port=port, security="tls")
    assert said == '127.0.0.1: it begins without TLS: set mail.security = "starttls"'


def test_a_password_that_is_refused_is_said_with_whose_it_is(
    context: ssl.SSLContext, password: Path
) -> None:
    password.write_text("wrong\n")
    with server(smtp(context)) as port:
        said = told(MAIL, port=port, user="u", password_file=password)
    assert said == (
        "127.0.0.1: it refuses mail.user u with the password of mail.password_file "
        "(535 5.7.8 no such)"
    )


def test_a_password_in_portuguese(context: ssl.SSLContext, password: Path) -> None:
    password.write_text("açaí\n", encoding="utf-8")
    handler = smtp(context)
    with server(handler) as port:
        send(message(), replace(MAIL, port=port, user="u", password_file=password))
        password.write_text("é wrong\n", encoding="utf-8")
        assert "refuses mail.user u" in told(MAIL, port=port, user="u", password_file=password)
    given = next(word for word in handler.heard if word.startswith("AUTH PLAIN"))
    assert base64.b64decode(given.split(" ")[2]).decode() == "\0u\0açaí"


def test_a_server_without_passwords_says_what_to_leave_out(
    context: ssl.SSLContext, password: Path
) -> None:
    with server(smtp(context, ways=())) as port:
        said = told(MAIL, port=port, user="u", password_file=password)
    assert said == "127.0.0.1: it takes no password: leave mail.user out"


def test_one_of_two_who_is_refused_costs_the_other_nothing() -> None:
    both, handler = message(), smtp()
    both.replace_header("To", "it@example.org, nobody@example.org")
    with server(handler) as port:
        refused = send(both, replace(MAIL, port=port, security="none"))
    assert refused == {"nobody@example.org": "550 no such user"}
    assert "Subject: week" in handler.heard


def test_over_starttls_with_a_password(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    (tmp_path / "password").write_text("secret\n")
    handler = smtp(context)
    with server(handler) as port:
        send(message(), replace(MAIL, port=port, user="u", password_file=tmp_path / "password"))
    heard = handler.heard
    assert heard.index("STARTTLS") < next(i for i, w in enumerate(heard) if w.startswith("AUTH"))
    # Verbs are case-insensitive (RFC 5321, 2.4), and smtplib's case differs by Python's version.
    assert "rcpt to:<it@example.org>" in [word.lower() for word in heard]
    assert "Subject: week" in heard


def test_no_mail_to_whom_no_certificate_says_who_it_is(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with server(smtp(context)) as port, pytest.raises(ToolError, match="certificate"):
        send(message(), replace(MAIL, port=port))


def test_a_certificate_that_is_not_trusted_is_said_with_what_to_do(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with server(smtp(context)) as port, pytest.raises(ToolError) as told:
        send(message(), replace(MAIL, port=port))
    assert str(told.value) == (
        "127.0.0.1: its certificate is not trusted here (self-signed certificate): add that of its "
        "authority to this machine's, or name it in SSL_CERT_FILE"
    )


def test_a_certificate_of_another_name_is_said_with_what_to_do(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with server(smtp(context)) as port, pytest.raises(ToolError) as told:
        send(message(), replace(MAIL, server="localhost", port=port))
    assert str(told.value) == (
        "localhost: its certificate is for another name: set mail.server to a name that it has"
    )


def test_no_mail_in_the_clear_where_tls_is_asked_for() -> None:
    handler = smtp()
    with server(handler) as port, pytest.raises(ToolError, match="has no STARTTLS"):
        send(message(), replace(MAIL, port=port))
    assert not [word for word in handler.heard if word.lower().startswith("mail")]


def test_in_the_clear_where_that_is_asked_for_but_no_password() -> None:
    handler = smtp()
    with server(handler) as port:
        plain = replace(MAIL, port=port, security="none")
        send(message(), plain)
        with pytest.raises(UsageError, match="not sent without TLS"):
            send(message(), replace(plain, user="u"))
    assert [word.lower() for word in handler.heard].count("data") == 1


def test_what_the_server_says_is_one_line() -> None:
    unknown = message()
    unknown.replace_header("To", "nobody@example.org")
    with (
        server(smtp()) as port,
        pytest.raises(ToolError, match=r"example\.org: 550 no such user") as said,
    ):
        send(unknown, replace(MAIL, port=port, security="none"))
    assert "\n" not in str(said.value)


class Silent(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(1)


class Dripping(socketserver.BaseRequestHandler):
    """A byte now and then: no single read is too long."""

    def handle(self) -> None:
        with __import__("contextlib").suppress(OSError):
            for _ in range(600):
                self.request.sendall(b"2")
                time.sleep(0.1)


@pytest.mark.parametrize("handler", [Silent, Dripping])
def test_a_server_that_hangs_is_given_up(
    handler: type[socketserver.BaseRequestHandler],
) -> None:
    with server(handler) as port:
        began = time.monotonic()
        with pytest.raises(ToolError, match=r"said nothing for 1 s|no mail within 1 s"):
            send(message(), replace(MAIL, port=port, seconds=1))
        assert time.monotonic() - began < 10


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(ToolError, match=r"127.0.0.1: .*refused"):
        send(message(), replace(MAIL, port=port))


def test_by_the_hosts_program(tmp_path: Path) -> None:
    program = tmp_path / "sendmail"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/given\ncat > {tmp_path}/mail\n')
    program.chmod(0o755)
    send(message(), replace(MAIL, server="", program=program))
    assert (tmp_path / "given").read_text() == "-t -i\n"
    assert "Subject: week" in (tmp_path / "mail").read_text()
    program.write_text("#!/bin/sh\necho 'queue is full' >&2; exit 75\n")
    with pytest.raises(ToolError, match="queue is full"):
        send(message(), replace(MAIL, server="", program=program))
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    with pytest.raises(ToolError, match="longer than 1 s"):
        send(message(), replace(MAIL, server="", program=program, seconds=1))


def test_a_password_that_cannot_be_read(tmp_path: Path) -> None:
    with server(smtp()) as port, pytest.raises(PacsflowError, match="password cannot be read"):
        send(message(), replace(MAIL, port=port, user="u", password_file=tmp_path / "none"))
