#!/usr/bin/env python3
"""Writes an association inside TLS 1.2, and the secrets to read it: `tls.py PCAP SECRETS`.

The cipher suite is the one that Zeek can decrypt; the secrets are in the form that it reads.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import traffic as t

SUITE = "ECDHE-RSA-AES256-GCM-SHA384"


def contexts(folder: Path, keys: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts for client and server, which log their secrets."""
    certificate = folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=pacs.example", "-keyout", certificate, "-out", folder / "public.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    with certificate.open("a", encoding="ascii") as file:
        file.write((folder / "public.pem").read_text(encoding="ascii"))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    client.keylog_filename = str(keys)
    for context in (client, server):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(SUITE)
    return client, server


class Side:
    """One end of the TLS connection, and its place in the TCP conversation."""

    def __init__(self, number: int, context: ssl.SSLContext) -> None:
        """Begin."""
        self.number = number
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=number == 1)


def for_zeek(keys: Path) -> str:
    """Return the secrets as a table for Zeek's Input framework."""
    table = "#fields\tclient_random\tsecret\n"
    for line in keys.read_text(encoding="ascii").splitlines():
        if line.startswith("CLIENT_RANDOM"):
            _, random, secret = line.split()
            # Zeek counts the first four bytes as a time.
            values = bytes.fromhex(random)[4:], bytes.fromhex(secret)
            table += "\t".join("".join(f"\\x{byte:02x}" for byte in v) for v in values) + "\n"
    return table


def send(conversation: t.Conversation, sender: Side, receiver: Side) -> None:
    """Put what a side has to send on the wire."""
    records = sender.outgoing.read()
    conversation.send(sender.number, records)
    receiver.incoming.write(records)


def main() -> int:
    """Write the capture."""
    pcap, secrets = sys.argv[1:]
    folder = Path(tempfile.mkdtemp())
    keys = folder / "keys"
    client, server = (Side(n, c) for n, c in enumerate(contexts(folder, keys)))
    conversation = t.Conversation(resp_port=2762).open()
    sides = [client, server] * 3
    for sender, receiver in itertools.pairwise(sides):
        with contextlib.suppress(ssl.SSLWantReadError):
            sender.tls.do_handshake()
        send(conversation, sender, receiver)
    for number, pdus in (
        (0, t.associate_rq([t.CT_STORAGE])),
        (1, t.associate_ac()),
        (0, t.store(bytes(40000))),
        (1, t.response(t.STORE_RQ, t.CT_STORAGE)),
        (0, t.RELEASE_RQ),
        (1, t.RELEASE_RP),
    ):
        sender, receiver = (client, server) if number == 0 else (server, client)
        sender.tls.write(pdus)
        send(conversation, sender, receiver)
    t.write(pcap, [conversation.close()])
    Path(secrets).write_text(for_zeek(keys), encoding="ascii")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
