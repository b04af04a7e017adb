"""Associations that are rejected: for each reason that a real server has, and each there is."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import servers as lab
from dcmtk import Said, run
from play import orthanc
from pynetdicom import evt, pdu
from pynetdicom import sop_class as sop
from pynetdicom.pdu_primitives import UserIdentityNegotiation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from play import Play

REASONS = ((1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2))
"""Source and reason of each A-ASSOCIATE-RJ that PS3.8, table 9-21, has."""
ECHO = [sop.Verification]


@contextmanager
def _odd_requests(**changes: Any) -> Iterator[None]:
    """Let clients send requests of another protocol version or application context."""
    plain = pdu.A_ASSOCIATE_RQ.from_primitive

    def odd(self: Any, primitive: Any) -> None:
        plain(self, primitive)
        self.protocol_version = changes.get("version", 1)
        if name := changes.get("context"):
            self.variable_items[0].application_context_name = name

    with mock.patch.object(pdu.A_ASSOCIATE_RQ, "from_primitive", odd):
        yield


def rejects(play: Play) -> None:
    """Rejected by pynetdicom: unknown titles, too many, user identity, protocol version."""
    at = ("127.0.10.5", lab.PORT)
    user = UserIdentityNegotiation()
    user.user_identity_type, user.primary_field, user.secondary_field = 2, b"nobody", b"nothing"
    nobody = [(evt.EVT_USER_ID, lambda _: (False, None))]

    def ask(called: str = "STRICT", calling: str = "FRIEND", **more: Any) -> Any:
        time.sleep(0.6)  # the one before counts as long as its thread lives
        return play.associate(at, called, ECHO, calling=calling, **more)

    with play.scp(at, "STRICT", ECHO, nobody, require_called_aet=True,
                  require_calling_aet=["FRIEND"], maximum_associations=1):  # fmt: skip
        ask(called="WRONG")
        ask(calling="STRANGER")
        ask(ext_neg=[user])
        one = ask()
        ask()
        one.release()
        with _odd_requests(version=2):
            ask()


def rejects_each(play: Play) -> None:
    """Each result, source and reason of PS3.8, table 9-21, sent by pynetdicom that is told to."""
    at = ("127.0.10.9", lab.PORT)
    asked = [(result, *rest) for result in (1, 2) for rest in REASONS]
    answers = iter(asked)

    def reject(event: Any) -> None:
        event.assoc.acse.send_reject(*next(answers))
        time.sleep(0.1)

    with play.scp(at, "NEVER", ECHO, [(evt.EVT_REQUESTED, reject)]):
        for _ in asked:
            play.associate(at, "NEVER", ECHO)


def rejects_real(play: Play) -> None:
    """Each rejection that Orthanc, dcmqrscp and wlmscpfs can be brought to send."""
    others = [
        ("127.0.10.2", lab.QRSCP_PORT, "QRSCP"),
        ("127.0.10.3", lab.WORKLIST_PORT, "WORKLIST"),
    ]
    for address, port, title in ((*orthanc(), "ORTHANC"), *others):
        at = (address, port)
        play.associate(at, "WRONG", ECHO)
        with _odd_requests(version=2):
            play.associate(at, title, ECHO)
        with _odd_requests(context="1.2.840.10008.3.1.1.2"):
            play.associate(at, title, ECHO)
    folder = play.folder
    strict = lab.orthanc_settings(folder, lab.SPARE_PORT, lab.SPARE_PORT + 1, open_to_all=False)
    with lab.server(["Orthanc", strict], lab.SPARE_PORT, folder / "strict.log"):
        play.associate(("127.0.10.51", lab.SPARE_PORT), "ORTHANC", ECHO, calling="STRANGER")
    one, many = (lab.qrscp_settings(folder, lab.SPARE_PORT, n) for n in (1, 8))
    archive, lists = (
        ["dcmqrscp", "-v", "-c"],
        ["wlmscpfs", "-v", "-dfp", str(lab.worklists(folder))],
    )
    for address, command, title in (
        ("127.0.10.52", [*archive, one], "QRSCP"),
        ("127.0.10.53", [*lists, "--max-associations", "1", str(lab.SPARE_PORT)], "WORKLIST"),
    ):
        at = (address, lab.SPARE_PORT)
        with lab.server(command, lab.SPARE_PORT, folder / "full.log"):
            first = play.associate(at, title, ECHO)
            time.sleep(0.3)
            play.associate(at, title, ECHO)
            first.release()
            time.sleep(0.3)
    for address, command, title in (
        ("127.0.10.54", [*archive, many, "--refuse"], "QRSCP"),
        ("127.0.10.55", [*lists, "--refuse", str(lab.SPARE_PORT)], "WORKLIST"),
    ):
        with lab.server(command, lab.SPARE_PORT, folder / "refusing.log"):
            play.associate((address, lab.SPARE_PORT), title, ECHO)
    with lab.server([*archive, many, "--allow-shutdown"], lab.SPARE_PORT, folder / "down.log"):
        said = run(play, ["termscu", "-aec", "QRSCP"], ("127.0.10.56", lab.SPARE_PORT))
        play.told += Said(said).truth("127.0.10.56")
    # Out of processes: dcmqrscp accepts, finds that it cannot fork, and hangs up.
    for path in (folder.parent, folder, folder / f"images-{lab.SPARE_PORT}"):
        path.chmod(0o777)
    few = ["prlimit", "--nproc=1"]
    few += ["setpriv", "--reuid=65534", "--clear-groups"] if os.getuid() == 0 else []
    with lab.server([*few, *archive, many], lab.SPARE_PORT, folder / "few.log"):
        play.associate(("127.0.10.57", lab.SPARE_PORT), "QRSCP", ECHO)
        time.sleep(0.3)
