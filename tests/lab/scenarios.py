"""The scenarios: each plays one kind of traffic against the real servers."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import images
import servers as lab
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_role, evt
from pynetdicom import sop_class as sop
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FINDS = sop.StudyRootQueryRetrieveInformationModelFind
PATIENTS = sop.PatientRootQueryRetrieveInformationModelFind
MOVES = sop.StudyRootQueryRetrieveInformationModelMove
GETS = sop.StudyRootQueryRetrieveInformationModelGet
COMMITMENT, MPPS = sop.StorageCommitmentPushModel, sop.ModalityPerformedProcedureStep


class Play:
    """What a scenario works with: the record, and a scratch folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.recorder = folder, Recorder()
        self.notes: dict[str, Any] = {}

    def associate(
        self,
        to: tuple[str, int],
        called: str,
        contexts: list[Any],
        *,
        calling: str = "CT1",
        address: str = "127.0.10.11",
        handlers: list[Any] | None = None,
        **options: Any,
    ) -> Any:
        """Request an association from a host's address."""
        ae = AE(ae_title=calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
        for context in contexts:
            ae.add_requested_context(*context) if isinstance(
                context, tuple
            ) else ae.add_requested_context(context)
        return ae.associate(
            *to,
            ae_title=called,
            bind_address=(address, 0),
            evt_handlers=[*self.recorder.handlers, *(handlers or [])],
            **options,
        )

    @contextmanager
    def scp(
        self,
        at: tuple[str, int],
        title: str,
        classes: list[Any],
        handlers: list[Any],
        ssl_context: Any = None,
        **settings: Any,
    ) -> Iterator[Any]:
        """Run an SCP of pynetdicom that is recorded."""
        ae = AE(ae_title=title)
        for name, value in settings.items():
            setattr(ae, name, value)
        for each in classes:
            ae.add_supported_context(*each[0], **each[1]) if isinstance(
                each, tuple
            ) else ae.add_supported_context(each)
        server = ae.start_server(
            at,
            block=False,
            evt_handlers=[*self.recorder.handlers, *handlers],
            ssl_context=ssl_context,
        )
        try:
            yield server
        finally:
            time.sleep(0.3)
            server.shutdown()


def _orthanc() -> tuple[str, int]:
    return lab.ORTHANC, lab.ORTHANC_PORT


def _contexts(modalities: list[str]) -> list[tuple[Any, Any]]:
    return [(images.KINDS[m][0], images.KINDS[m][1]) for m in modalities]


def echo(play: Play) -> None:
    """C-ECHO of pynetdicom to all three servers."""
    for to, called in (
        (_orthanc(), "ORTHANC"),
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
        assoc = play.associate(_orthanc(), "ORTHANC", _contexts(kinds))
        for kind in kinds:
            for number in (1, 2):
                assert assoc.send_c_store(images.image(kind, number)).Status == 0
        assoc.release()


def store_dcmtk(play: Play) -> None:
    """C-STORE of DCMTK's storescu to dcmqrscp, five objects."""
    paths = [
        str(images.save(images.image("CT", n, 48), play.folder / f"{n}.dcm")) for n in range(1, 6)
    ]
    command = ["storescu", "-v", "-aet", "CT1", "-aec", "QRSCP", lab.QRSCP, str(lab.QRSCP_PORT)]
    ran = subprocess.run([*command, *paths], capture_output=True, text=True, check=False)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    play.notes["dcmtk"] = {
        "calling_ae": "CT1", "called_ae": "QRSCP", "result": "accepted", "end": "released",
        "store_rq": said.count("Sending Store Request"),
        "rsp_success": said.count("Received Store Response (Success)"), "rsp_failure": 0,
        "services": ["storage"], "id.resp_h": lab.QRSCP,
    }  # fmt: skip


def find(play: Play) -> None:
    """C-FIND on the levels patient, study, series and image, and one that is refused."""
    contexts = [FINDS, PATIENTS]
    assoc = play.associate(_orthanc(), "ORTHANC", contexts, calling="VIEWER", address="127.0.10.21")
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
            _orthanc(), "ORTHANC", [MOVES], calling="VIEWER", address="127.0.10.21"
        )
        list(assoc.send_c_move(query, "VIEWER", MOVES))
        list(assoc.send_c_move(query, "NOBODY", MOVES))
        assoc.release()


def get(play: Play) -> None:
    """C-GET of a study from Orthanc: the responder sends, the originator is SCP of storage."""
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", f"{images.ROOT}.1.2"
    assoc = play.associate(
        _orthanc(),
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
        assoc = play.associate(_orthanc(), "ORTHANC", [COMMITMENT])
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


def rejects(play: Play) -> None:
    """Associations rejected: wrong called title by Orthanc, both titles and too many by others."""
    play.associate(_orthanc(), "WRONG", [sop.Verification])
    at = ("127.0.10.5", lab.PORT)
    with play.scp(at, "STRICT", [sop.Verification], [], require_called_aet=True,
                  require_calling_aet=["FRIEND"], maximum_associations=1):  # fmt: skip
        play.associate(at, "WRONG", [sop.Verification], calling="FRIEND")
        play.associate(at, "STRICT", [sop.Verification], calling="STRANGER")
        one = play.associate(at, "STRICT", [sop.Verification], calling="FRIEND")
        play.associate(at, "STRICT", [sop.Verification], calling="FRIEND")
        one.release()


def aborts(play: Play) -> None:
    """Aborts by the originator, and by the responder in the middle of a C-STORE."""
    assoc = play.associate(_orthanc(), "ORTHANC", [sop.Verification])
    assoc.send_c_echo()
    assoc.abort()

    def abort(event: Any) -> int:
        event.assoc.abort()
        return 0x0000

    at = ("127.0.10.6", lab.PORT)
    with play.scp(at, "ABORTER", [sop.CTImageStorage], [(evt.EVT_C_STORE, abort)]):
        assoc = play.associate(at, "ABORTER", _contexts(["CT"]))
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
            at, "SECURE", [sop.Verification, *_contexts(["MR"])], tls_args=(client, "lab")
        )
        assoc.send_c_echo()
        assoc.send_c_store(images.image("MR", 1, 32))
        assoc.release()


def parallel(play: Play) -> None:
    """Six modalities that send to Orthanc at the same time."""

    def send(number: int) -> None:
        kind = list(images.KINDS)[number]
        assoc = play.associate(
            _orthanc(), "ORTHANC", _contexts([kind]), calling=f"{kind}{number}",
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
    assoc = play.associate(_orthanc(), "ORTHANC", [sop.Verification, *_contexts(["CT"])])
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
import images, scenarios, servers
from pathlib import Path
from pynetdicom import evt
play = scenarios.Play(Path("."))
sent = []
def count(event):
    sent.append(len(event.data))
    if stored and len(sent) > 5:
        os.kill(os.getpid(), signal.SIGKILL)
stored = []
assoc = play.associate((servers.ORTHANC, servers.ORTHANC_PORT), "ORTHANC",
                       scenarios._contexts(["CT"]), handlers=[(evt.EVT_DATA_SENT, count)])
print(assoc.dul.socket.socket.getsockname()[1], flush=True)
assoc.send_c_store(images.image("CT", 31, 32))
stored.append(1); sent.clear()
assoc.send_c_store(images.image("CT", 32, 256))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    play.notes["killed"] = {
        "id.orig_p": int(ran.stdout), "id.resp_h": lab.ORTHANC, "calling_ae": "CT1",
        "called_ae": "ORTHANC", "result": "accepted", "end": "closed", "store_rq": 2,
        "rsp_success": 1, "ctx_offered": 1, "ctx_accepted": 1,
    }  # fmt: skip
    time.sleep(0.5)


SCENARIOS: tuple[Callable[[Play], None], ...] = (
    echo, store, store_dcmtk, find, worklist, move, get, commitment, mpps, rejects, aborts,
    negotiation, tls, parallel, slow, dies,
)  # fmt: skip
