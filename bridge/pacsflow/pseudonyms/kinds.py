"""What becomes of each column of text under a key; one that nobody decided about is left empty."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What becomes of a text."""

    OWN = "own"
    """It is pacsflow's, or was written for whoever gets it, and stays."""
    WORD = "word"
    """A word that names nobody stays (`known`); another gets a pseudonym."""
    HISTORY = "history"
    """Zeek's letters for what happened on a connection stay, where it is these."""
    ADDRESS = "address"
    TITLE = "title"
    NAME = "name"
    SOFTWARE = "software"
    """An implementation's version name: it tells a site from others."""
    UID = "uid"
    """A UID of the standard stays; one that a maker or a site gave itself gets a pseudonym."""
    MAKER = "maker"
    """A UID that is a maker's."""
    TOKEN = "token"  # noqa: S105 - an identifier that joins rows
    TOLD = "told"
    """A sentence: words of pacsflow's own stay, all others are left out (`masked`)."""
    DROP = "drop"


COLUMNS = (
    dict.fromkeys(
        (
            "proto", "service", "origin", "conn_state", "protocol", "result", "end", "services",
            "modalities", "orig_roles", "resp_roles", "user_identity", "failure_codes", "flags",
            "tunnel", "operation", "requestor", "role", "category", "basis", "note", "actions",
            "version", "cipher", "what",
        ),
        Kind.WORD,
    )
    | dict.fromkeys(("sop_classes", "transfer_syntaxes"), Kind.UID)
    | dict.fromkeys(("orig_impl_uid", "resp_impl_uid", "impl_uid"), Kind.MAKER)
    | dict.fromkeys(("orig_impl_version", "resp_impl_version", "impl_version"), Kind.SOFTWARE)
    | {"history": Kind.HISTORY}
    | dict.fromkeys(
        (
            "source", "destination", "client", "server", "id.orig_h", "id.resp_h", "host", "src",
            "dst", "agent", "hw_source", "hw_destination", "proxied_for",
        ),
        Kind.ADDRESS,
    )
    | dict.fromkeys(("calling_ae", "called_ae", "ae_title", "move_destinations"), Kind.TITLE)
    | dict.fromkeys(("server_name", "sensor", "name"), Kind.NAME)
    | dict.fromkeys(
        ("uid", "evidence_uid", "slowest", "community_id", "flow", "tunnel_parents", "file"),
        Kind.TOKEN,
    )
    | dict.fromkeys(("msg", "sub", "info"), Kind.DROP)
)  # fmt: skip
"""Every column of text that pacsflow reads or keeps."""
