"""Keeps what a pynetdicom application saw of its own associations: the clients' own record."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from pynetdicom import evt
from pynetdicom.pdu_primitives import (
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
    UserIdentityNegotiation,
)

REQUESTS = {
    "C_ECHO_RQ": "echo_rq", "C_STORE_RQ": "store_rq", "C_FIND_RQ": "find_rq",
    "C_GET_RQ": "get_rq", "C_MOVE_RQ": "move_rq", "C_CANCEL_RQ": "cancel_rq",
}  # fmt: skip
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IDENTITIES = {1: "username", 2: "username_passcode", 3: "kerberos", 4: "saml", 5: "jwt"}

MODALITIES = {
    "CTImageStorage": "CT", "MRImageStorage": "MR", "UltrasoundImageStorage": "US",
    "ComputedRadiographyImageStorage": "CR", "NuclearMedicineImageStorage": "NM",
    "SecondaryCaptureImageStorage": "OT",
}  # fmt: skip


def status_class(status: int) -> str:
    """Return the class of a status as PS3.7, annex C, has it."""
    if status == 0:
        return "rsp_success"
    if status in (0x0001, 0x0107, 0x0116) or status >> 12 == 0xB:
        return "rsp_warning"
    return {0xFF00: "rsp_pending", 0xFF01: "rsp_pending", 0xFE00: "rsp_cancel"}.get(
        status, "rsp_failure"
    )


def nothing_yet() -> dict[str, Any]:
    """Return the counts of an association on which nothing was said."""
    names = ("success", "warning", "failure", "pending", "cancel")
    return dict.fromkeys([*REQUESTS.values(), "n_rq", *(f"rsp_{name}" for name in names)], 0)


def service(keyword: str) -> str:
    """Return the service of a SOP class by its name in PS3.6, table A-1."""
    if keyword.startswith("ModalityWorklist"):
        return "worklist"
    ends = {"Verification": "verification", "Storage": "storage", "Find": "query",
            "Move": "retrieve", "Get": "retrieve", "CommitmentPushModel": "commitment",
            "PerformedProcedureStep": "mpps"}  # fmt: skip
    return next(name for end, name in ends.items() if keyword.endswith(end))


class Recorder:
    """Handlers for associations, requested or accepted; one row for each."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.names: dict[int, set[str]] = defaultdict(set)
        self._lock = threading.Lock()

    @property
    def handlers(self) -> list[Any]:
        """Return what pynetdicom wants as ``evt_handlers``."""
        return [
            (evt.EVT_CONN_OPEN, self._opened),
            (evt.EVT_CONN_CLOSE, self._closed),
            (evt.EVT_PDU_SENT, self._pdu),
            (evt.EVT_PDU_RECV, self._pdu),
            (evt.EVT_DIMSE_SENT, self._sent),
            (evt.EVT_DIMSE_RECV, self._received),
        ]

    def truth(self) -> list[dict[str, Any]]:
        """Return the rows in the order of their beginning."""
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in self.rows.values():
            if row.get("_used"):
                ends = tuple(row[f"id.{side}_{part}"] for side in ("orig", "resp") for part in "hp")
                # Where both ends were recorded, the two records are one, and must agree.
                known = rows.setdefault(ends, row)
                for name in known.keys() & row.keys() - {"_orig", "_offered"}:
                    assert known[name] == row[name], (name, known[name], row[name])
                known.update({name: row[name] for name in row.keys() - known.keys()})
        return list(rows.values())

    def _row(self, event: Any) -> dict[str, Any]:
        with self._lock:
            return self.rows.setdefault(id(event.assoc), {})

    def _opened(self, event: Any) -> None:
        assoc, row = event.assoc, self._row(event)
        mine = assoc.dul.socket.socket.getsockname()
        peer = assoc.dul.socket.socket.getpeername()
        ends = (mine, peer) if assoc.is_requestor else (peer, mine)
        row["_orig"] = assoc.is_requestor
        for side, end in zip(("orig", "resp"), ends, strict=True):
            row[f"id.{side}_h"], row[f"id.{side}_p"] = end[0], end[1]
        row.update(nothing_yet(), result="unknown", end="incomplete")
        row.update(data_bytes_orig=0, data_bytes_resp=0, data_pdus=0)

    def _closed(self, event: Any) -> None:
        row = self._row(event)
        if row.get("end") == "incomplete":
            row["end"] = "closed"

    def _pdu(self, event: Any) -> None:
        row, pdu = self._row(event), event.pdu
        row["_used"] = True
        kind = type(pdu).__name__
        if kind == "A_ASSOCIATE_RQ":
            primitive = pdu.to_primitive()
            row["calling_ae"] = primitive.calling_ae_title.strip()
            row["called_ae"] = primitive.called_ae_title.strip()
            row["_odd"] = primitive.application_context_name != APPLICATION_CONTEXT
            offered = primitive.presentation_context_definition_list
            row["ctx_offered"] = len(offered)
            row["_offered"] = {c.context_id: c.abstract_syntax for c in offered}
            self._information(row, "orig", primitive.user_information)
        elif kind == "A_ASSOCIATE_AC":
            primitive = pdu.to_primitive()
            row["result"] = "accepted"
            results = primitive.presentation_context_definition_results_list
            good = [c for c in results if c.result == 0]
            row["ctx_accepted"] = len(good)
            row["sop_classes"] = sorted({row["_offered"][c.context_id].keyword for c in good})
            row["transfer_syntaxes"] = sorted({c.transfer_syntax[0].keyword for c in good})
            row["services"] = sorted({service(name) for name in row["sop_classes"]})
            codes = {MODALITIES[name] for name in row["sop_classes"] if name in MODALITIES}
            if codes:
                row["modalities"] = sorted(codes)
            self._roles(row, {row["_offered"][c.context_id] for c in good}, primitive)
            self._information(row, "resp", primitive.user_information)
        elif kind == "A_ASSOCIATE_RJ":
            row["result"] = "rejected"
            row["reject_result"] = pdu.result
            row["reject_source"], row["reject_reason"] = pdu.source, pdu.reason_diagnostic
        elif kind == "P_DATA_TF":
            row["data_pdus"] += 1
        elif kind == "A_RELEASE_RP":
            row["end"] = "released"
        elif kind == "A_ABORT_RQ":
            row["end"] = "aborted"
            row["abort_source"], row["abort_reason"] = pdu.source, pdu.reason_diagnostic

    @staticmethod
    def _roles(row: dict[str, Any], classes: set[Any], primitive: Any) -> None:
        if not classes:
            return
        selected = {
            item.sop_class_uid: (bool(item.scu_role), bool(item.scp_role))
            for item in primitive.user_information
            if isinstance(item, SCP_SCU_RoleSelectionNegotiation)
        }
        found = [selected.get(uid, (True, False)) for uid in classes]
        scu, scp = any(f[0] for f in found), any(f[1] for f in found)
        row["orig_roles"] = sorted([*["scu"] * scu, *["scp"] * scp])
        row["resp_roles"] = sorted([*["scp"] * scu, *["scu"] * scp])

    @staticmethod
    def _information(row: dict[str, Any], side: str, items: Any) -> None:
        for item in items:
            if isinstance(item, MaximumLengthNotification):
                row[f"{side}_max_pdu"] = item.maximum_length_received
            elif isinstance(item, ImplementationClassUIDNotification):
                row[f"{side}_impl_uid"] = str(item.implementation_class_uid)
            elif isinstance(item, ImplementationVersionNameNotification):
                row[f"{side}_impl_version"] = item.implementation_version_name
            elif isinstance(item, UserIdentityNegotiation) and item.user_identity_type:
                row["user_identity"] = IDENTITIES[item.user_identity_type]

    def _sent(self, event: Any) -> None:
        self._message(event, mine=True)

    def _received(self, event: Any) -> None:
        self._message(event, mine=False)

    def _message(self, event: Any, *, mine: bool) -> None:
        row, message = self._row(event), event.message
        kind = type(message).__name__
        if kind.endswith("_RQ"):
            row[REQUESTS.get(kind, "n_rq")] += 1
            if kind == "C_MOVE_RQ":
                asked = message.command_set.MoveDestination.strip()
                row["move_destinations"] = sorted({asked, *row.get("move_destinations", [])})
        else:
            status = message.command_set.Status
            row[status_class(status)] += 1
            if status_class(status) == "rsp_failure":
                codes = {f"0x{status:04X}", *row.get("failure_codes", [])}
                row["failure_codes"] = sorted(codes)
        if message.data_set is not None:
            side = "orig" if mine == row["_orig"] else "resp"
            row[f"data_bytes_{side}"] += len(message.data_set.getvalue())


def public(rows: list[dict[str, Any]], *, odd: bool = False) -> list[dict[str, Any]]:
    """Return the rows without what is only the recorder's own.

    `odd` chooses those whose request names another application context than DICOM's.
    """
    return [
        {k: v for k, v in row.items() if not k.startswith("_")}
        for row in rows
        if row.get("_odd", False) == odd
    ]
