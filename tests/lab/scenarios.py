"""The scenarios: each plays one kind of traffic against the real servers."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import images
import servers as lab
from dcmtk import dcmtk
from play import Play, offers, orthanc
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import build_role, evt
from pynetdicom import sop_class as sop
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from rejections import rejects, rejects_each, rejects_real

if TYPE_CHECKING:
    from collections.abc import Callable

FINDS = sop.StudyRootQueryRetrieveInformationModelFind
PATIENTS = sop.PatientRootQueryRetrieveInformationModelFind
MOVES = sop.StudyRootQueryRetrieveInformationModelMove
GETS = sop.StudyRootQueryRetrieveInformationModelGet
COMMITMENT, MPPS = sop.StorageCommitmentPushModel, sop.ModalityPerformedProcedureStep


def echo(play: Play) -> None:
    """C-ECHO of pynetdicom to all three servers."""
    for to, called in (
        (orthanc(), "ORTHANC"),
        ((lab.QRSCP, lab.QRSCP_PORT), "QRSCP"),
        ((lab.WORKLIST, lab.WORKLIST_PORT), "WORKLIST"),
    ):
        assoc = play.associate(to, called, [sop.Verification])
        for _ in range(2):
            assert assoc.send_c_echo().Status == 0
        assoc.release()


def store(play: Play) -> None:
    """C-STORE of six modalities in six transfer syntaxes to Orthanc, over two associations."""
    for kinds in (["CT", "MR", "US"], ["CR", "NM", "OT"]):
        assoc = play.associate(orthanc(), "ORTHANC", offers(kinds))
        for kind in kinds:
            for number in (1, 2):
                assert assoc.send_c_store(images.image(kind, number)).Status == 0
        assoc.release()


def find(play: Play) -> None:
    """C-FIND on the levels patient, study, series and image, and one that is refused."""
    contexts = [FINDS, PATIENTS]
    assoc = play.associate(orthanc(), "ORTHANC", contexts, calling="VIEWER", address="127.0.10.21")
    for model, level, more in (
        (PATIENTS, "PATIENT", {"PatientID": ""}),
        (FINDS, "STUDY", {"PatientID": "LAB1"}),
        (FINDS, "SERIES", {"StudyInstanceUID": f"{images.ROOT}.1.1"}),
        (
            FINDS,
            "IMAGE",
            {
                "StudyInstanceUID": f"{images.ROOT}.1.1",
                "SeriesInstanceUID": f"{images.ROOT}.2.1",
                "SOPInstanceUID": "",
            },
        ),
        (FINDS, "NOWHERE", {}),
    ):
        query = Dataset()
        query.QueryRetrieveLevel = level
        for name, value in more.items():
            setattr(query, name, value)
        list(assoc.send_c_find(query, model))
    assoc.release()


def worklist(play: Play) -> None:
    """C-FIND of a worklist at wlmscpfs, by two modalities at once on one association each."""
    query = Dataset()
    query.PatientName, query.PatientID = "", ""
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle, step.ScheduledProcedureStepStartDate = "CT", "", ""
    query.ScheduledProcedureStepSequence = [step]
    model = sop.ModalityWorklistInformationFind
    for _ in range(2):
        assoc = play.associate((lab.WORKLIST, lab.WORKLIST_PORT), "WORKLIST", [model])
        list(assoc.send_c_find(query, model))
        assoc.release()


def move(play: Play) -> None:
    """C-MOVE of a study from Orthanc to a viewer, and one to a title that Orthanc does not know."""
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", f"{images.ROOT}.1.1"
    kept = [(evt.EVT_C_STORE, lambda _: 0x0000)]
    with play.scp(lab.VIEWER, "VIEWER", [sop.CTImageStorage], kept):
        assoc = play.associate(
            orthanc(), "ORTHANC", [MOVES], calling="VIEWER", address="127.0.10.21"
        )
        list(assoc.send_c_move(query, "VIEWER", MOVES))
        list(assoc.send_c_move(query, "NOBODY", MOVES))
        assoc.release()


def get(play: Play) -> None:
    """C-GET of a study from Orthanc: the responder sends, the originator is SCP of storage."""
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", f"{images.ROOT}.1.2"
    assoc = play.associate(
        orthanc(),
        "ORTHANC",
        [GETS, sop.MRImageStorage],
        calling="VIEWER",
        address="127.0.10.21",
        handlers=[(evt.EVT_C_STORE, lambda _: 0x0000)],
        ext_neg=[build_role(sop.MRImageStorage, scp_role=True)],
    )
    list(assoc.send_c_get(query, GETS))
    assoc.release()


def commitment(play: Play) -> None:
    """Storage commitment: N-ACTION to Orthanc, its N-EVENT-REPORT on an association of its own."""
    reported = threading.Event()

    def report(_: Any) -> tuple[int, None]:
        reported.set()
        return 0x0000, None

    with play.scp(
        lab.CT, "CT1", [((COMMITMENT,), {"scu_role": False, "scp_role": True})],
        [(evt.EVT_N_EVENT_REPORT, report)],
    ):  # fmt: skip
        assoc = play.associate(orthanc(), "ORTHANC", [COMMITMENT])
        action = Dataset()
        action.TransactionUID = generate_uid()
        item = Dataset()
        item.ReferencedSOPClassUID = sop.CTImageStorage
        item.ReferencedSOPInstanceUID = f"{images.ROOT}.3.1.1"
        action.ReferencedSOPSequence = [item]
        assoc.send_n_action(action, 1, COMMITMENT, "1.2.840.10008.1.20.1.1")
        assoc.release()
        play.notes["reported"] = reported.wait(30)


def mpps(play: Play) -> None:
    """MPPS: N-CREATE and two N-SET, the last refused."""
    sets = iter((0x0000, 0x0110))
    handlers = [
        (evt.EVT_N_CREATE, lambda e: (0x0000, e.attribute_list)),
        (evt.EVT_N_SET, lambda e: (next(sets), e.modification_list)),
    ]
    with play.scp(("127.0.10.4", lab.PORT), "MPPS", [MPPS], handlers):
        assoc = play.associate(("127.0.10.4", lab.PORT), "MPPS", [MPPS])
        step = Dataset()
        step.PerformedProcedureStepStatus = "IN PROGRESS"
        uid = generate_uid()
        assoc.send_n_create(step, MPPS, uid)
        for status in ("COMPLETED", "DISCONTINUED"):
            step.PerformedProcedureStepStatus = status
            assoc.send_n_set(step, MPPS, uid)
        assoc.release()


def aborts(play: Play) -> None:
    """Aborts by the originator, and by the responder in the middle of a C-STORE."""
    assoc = play.associate(orthanc(), "ORTHANC", [sop.Verification])
    assoc.send_c_echo()
    assoc.abort()

    def abort(event: Any) -> int:
        event.assoc.abort()
        return 0x0000

    at = ("127.0.10.6", lab.PORT)
    with play.scp(at, "ABORTER", [sop.CTImageStorage], [(evt.EVT_C_STORE, abort)]):
        assoc = play.associate(at, "ABORTER", offers(["CT"]))
        assoc.send_c_store(images.image("CT", 1, 32))
        time.sleep(0.3)


def negotiation(play: Play) -> None:
    """Role selection, extended negotiation, user identity, asynchronous window, 60 contexts."""
    user = UserIdentityNegotiation()
    user.user_identity_type, user.primary_field, user.secondary_field = 2, b"nobody", b"nothing"
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = 5
    window.maximum_number_operations_performed = 5
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid = FINDS
    extended.service_class_application_information = b"\x01\x01"
    both = build_role(sop.CTImageStorage, scu_role=True, scp_role=True)
    many = [sop.Verification, FINDS, sop.CTImageStorage]
    many += [uid for uid in sop._STORAGE_CLASSES.values() if uid not in many][:57]
    at = ("127.0.10.7", lab.PORT)
    supported = [sop.Verification, FINDS,
                 ((sop.CTImageStorage,), {"scu_role": True, "scp_role": True})]  # fmt: skip
    with play.scp(at, "ARCHIVE", supported, [(evt.EVT_C_STORE, lambda _: 0xB000)]):
        assoc = play.associate(at, "ARCHIVE", many, ext_neg=[user, window, extended, both])
        assoc.send_c_echo()
        small = images.image("MR", 1, 16)
        small.SOPClassUID = sop.CTImageStorage
        assoc.send_c_store(small)
        assoc.release()


def tls(play: Play) -> None:
    """C-ECHO and C-STORE inside TLS; the keys are kept beside the capture."""
    key, certificate = play.folder / "key.pem", play.folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
         "/CN=lab", "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.keylog_filename = str(play.folder / "keys")
    at = ("127.0.10.8", 2762)
    handlers = [(evt.EVT_C_STORE, lambda _: 0x0000)]
    classes = [sop.Verification, sop.MRImageStorage]
    with play.scp(at, "SECURE", classes, handlers, ssl_context=server):
        assoc = play.associate(
            at, "SECURE", [sop.Verification, *offers(["MR"])], tls_args=(client, "lab")
        )
        assoc.send_c_echo()
        assoc.send_c_store(images.image("MR", 1, 32))
        assoc.release()


def parallel(play: Play) -> None:
    """Six modalities that send to Orthanc at the same time."""

    def send(number: int) -> None:
        kind = list(images.KINDS)[number]
        assoc = play.associate(
            orthanc(), "ORTHANC", offers([kind]), calling=f"{kind}{number}",
            address=f"127.0.10.{11 + number}",
        )  # fmt: skip
        for instance in (11, 12, 13):
            assert assoc.send_c_store(images.image(kind, instance, 32)).Status == 0
        assoc.release()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def slow(play: Play) -> None:
    """An association with pauses; `degrade.stretch` makes an hour of it."""
    assoc = play.associate(orthanc(), "ORTHANC", [sop.Verification, *offers(["CT"])])
    for instance in (21, 22):
        assoc.send_c_store(images.image("CT", instance, 32))
        time.sleep(1)
        assoc.send_c_echo()
    assoc.release()


def dies(play: Play) -> None:
    """A client that is killed in the middle of its second C-STORE."""
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import images, servers
from pathlib import Path
from play import Play, offers
from pynetdicom import evt
play = Play(Path("."))
sent = []
def count(event):
    sent.append(len(event.data))
    if stored and len(sent) > 5:
        os.kill(os.getpid(), signal.SIGKILL)
stored = []
assoc = play.associate((servers.ORTHANC, servers.ORTHANC_PORT), "ORTHANC",
                       offers(["CT"]), handlers=[(evt.EVT_DATA_SENT, count)])
print(assoc.dul.socket.socket.getsockname()[1], flush=True)
assoc.send_c_store(images.image("CT", 31, 32))
stored.append(1); sent.clear()
assoc.send_c_store(images.image("CT", 32, 256))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    play.told.append({
        "id.orig_p": int(ran.stdout), "id.resp_h": lab.ORTHANC, "calling_ae": "CT1",
        "called_ae": "ORTHANC", "result": "accepted", "end": "closed", "store_rq": 2,
        "rsp_success": 1, "ctx_offered": 1, "ctx_accepted": 1,
    })  # fmt: skip
    time.sleep(0.5)


SCENARIOS: tuple[Callable[[Play], None], ...] = (
    echo, store, dcmtk, find, worklist, move, get, commitment, mpps, rejects, rejects_each,
    rejects_real, aborts, negotiation, tls, parallel, slow, dies,
)  # fmt: skip
