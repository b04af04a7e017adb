"""DCMTK's clients against dcmqrscp and wlmscpfs, and what they themselves print of it."""

from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import images
import servers as lab
from recorder import nothing_yet, status_class

if TYPE_CHECKING:
    from play import Play

SYNTAXES = {
    "LittleEndianExplicit": "ExplicitVRLittleEndian",
    "LittleEndianImplicit": "ImplicitVRLittleEndian",
    "BigEndianExplicit": "ExplicitVRBigEndian",
}
"""DCMTK's names of transfer syntaxes, and the standard's keywords."""
REJECTED = re.compile(
    r"Result: Rejected (Permanent|Transient), Source: ([^\n]+)\n.*Reason: ([^\n]+)"
)
SOURCES = {"Service User": 1, "Service Provider (ACSE Related)": 2}
REASONS = {"No Reason": 1, "Called AE Title Not Recognized": 7}
REQUESTS = {
    "C-ECHO": "echo_rq", "C-STORE": "store_rq", "C-FIND": "find_rq", "C-GET": "get_rq",
    "C-MOVE": "move_rq",
}  # fmt: skip
NAMED = re.compile(
    r"^D: *(Calling|Called|Our|Their) (?:Application Name|(Implementation Version Name|"
    r"Implementation Class UID|Max PDU Receive Size)): *(\S*)$"
)
CELLS = {
    "Implementation Version Name": "impl_version", "Implementation Class UID": "impl_uid",
    "Max PDU Receive Size": "max_pdu",
}  # fmt: skip


def keyword(name: str) -> str:
    """Return the standard's keyword for DCMTK's name of a SOP class."""
    name = name.strip().lstrip("=")
    turned = re.fullmatch(r"(FIND|MOVE|GET)(\w+)", name)
    return f"{turned[2]}{turned[1].capitalize()}" if turned else name.removesuffix("SOPClass")


class Said:
    """Reads what a client prints with ``-d``: its association, and those that it accepted."""

    def __init__(self, text: str) -> None:
        self.rows: list[dict[str, Any]] = []
        self.kind = self.abstract = ""
        for line in text.splitlines():
            self._line(line)
        own = self.rows[0]
        if found := REJECTED.search(text):
            own["result"], own["end"] = "rejected", "closed"
            own["reject_result"] = ("Permanent", "Transient").index(found[1]) + 1
            own["reject_source"], own["reject_reason"] = SOURCES[found[2]], REASONS[found[3]]
        if "Releasing Association" in text:
            for row in self.rows:
                row["end"] = "released"
        if "Aborting Association" in text:
            own.update({"end": "aborted", "abort_source": 0, "abort_reason": 0})

    def _line(self, line: str) -> None:
        if "BEGIN A-ASSOCIATE-RQ" in line:
            self.rows.append({**nothing_yet(), "result": "unknown"})
            self.kind = "RQ"
        elif "BEGIN A-ASSOCIATE-AC" in line:
            self.rows[-1].update(result="accepted", ctx_accepted=0, sop_classes=set(),
                                 transfer_syntaxes=set())  # fmt: skip
            self.kind = "AC"
        elif "END A-ASSOCIATE" in line:
            self.kind = ""
        elif self.kind:
            self._negotiated(line)
        else:
            self._message(line)

    def _message(self, line: str) -> None:
        if "Sending Echo Request" in line:
            self.rows[0]["echo_rq"] += 1
        elif "Received Echo Response (Success)" in line:
            self.rows[0]["rsp_success"] += 1
        elif found := re.search(r"Message Type +: (C-\w+) (RQ|RSP)", line):
            # A client sends C-STORE on its own association, or gets it on one that it accepted.
            self.message = self.rows[-1 if found[1] == "C-STORE" else 0]
            if found[2] == "RQ":
                self.message[REQUESTS[found[1]]] += 1
            if found.groups() == ("C-STORE", "RQ") and len(self.rows) > 1:
                # movescu prints no answer of its own; it answers each with success.
                self.message["rsp_success"] += 1
        elif found := re.search(r"DIMSE Status +: 0x(\w{4})", line):
            status = int(found[1], 16)
            self.message[status_class(status)] += 1
            if status_class(status) == "rsp_failure":
                self.message.setdefault("failure_codes", set()).add(f"0x{status:04X}")
        elif found := re.search(r"Move Destination +: (\S+)", line):
            self.message.setdefault("move_destinations", set()).add(found[1])

    def _negotiated(self, line: str) -> None:
        row, mine = self.rows[-1], "orig" if len(self.rows) == 1 else "resp"
        theirs = "resp" if mine == "orig" else "orig"
        if found := NAMED.match(line):
            who, what, cell = found.groups()
            if what is None:
                row[f"{who.lower()}_ae"] = cell
            elif self.kind == "AC":
                column = f"{mine if who == 'Our' else theirs}_{CELLS[what]}"
                row[column] = int(cell) if cell.isdigit() else cell
        elif "Context ID:" in line and self.kind == "RQ":
            row["ctx_offered"] = row.get("ctx_offered", 0) + 1
        elif "Context ID:" in line:
            self.accepted = "(Accepted)" in line
            row["ctx_accepted"] += self.accepted
        elif found := re.search(r"Abstract Syntax: (\S+)", line):
            if self.kind == "AC" and self.accepted:
                row["sop_classes"].add(keyword(found[1]))
        elif found := re.search(r"Accepted Transfer Syntax: =(\S+)", line):
            row["transfer_syntaxes"].add(SYNTAXES[found[1]])

    def truth(self, *responders: str) -> list[dict[str, Any]]:
        """Return the rows, the addresses of the responders being known to who started them."""
        for row, responder in zip(self.rows, responders, strict=True):
            row["id.resp_h"] = responder
            if row.get("ctx_accepted", 0) > CAP:
                del row["sop_classes"]  # the log holds a part of them
        return [
            {k: sorted(v) if isinstance(v, set) else v for k, v in row.items() if v != set()}
            for row in self.rows
        ]


CAP = 32
"""Elements that a set holds in the logs."""


def run(play: Play, command: list[str], at: tuple[str, int], *more: str) -> str:
    """Run a client and return what it printed."""
    ran = subprocess.run(
        [*command, "-d", at[0], str(at[1]), *more],
        capture_output=True, text=True, errors="replace", check=False, timeout=60, cwd=play.folder,
    )  # fmt: skip
    return ran.stdout + ran.stderr


def dcmtk(play: Play) -> None:
    """DCMTK's storescu, dcmsend, echoscu, findscu, movescu and getscu, as they tell it."""
    archive = lab.QRSCP_PORT
    query = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={images.ROOT}.1.1"]
    titles = ["-aet", "VIEWER", "-aec", "QRSCP"]
    paths = [images.save(images.image("CT", n, 24), play.folder / f"{n}.dcm") for n in (1, 2)]
    files = [str(path) for path in paths]

    def ask(
        services: list[str], command: list[str], *responders: str, port: int = archive,
        files: list[str] | None = None, **more: Any,
    ) -> None:  # fmt: skip
        rows = Said(run(play, command, (responders[0], port), *files or [])).truth(*responders)
        play.told += [{**rows[0], "services": services, **more}, *rows[1:]]
        time.sleep(0.2)

    sent = {"data_bytes_orig": sum(images.data_bytes(path) for path in paths), "modalities": ["CT"]}
    ask(["storage"], ["storescu", "-R", *titles], "127.0.10.31", files=files, **sent)
    ask(["storage"], ["dcmsend", *titles], "127.0.10.32", files=files, **sent)
    ask(["verification"], ["echoscu", "--repeat", "3", *titles], "127.0.10.33")
    ask(["verification"], ["echoscu", "--abort", *titles], "127.0.10.34")
    ask(["query"], ["findscu", *titles, *query], "127.0.10.35")
    ask(["query"], ["findscu", *titles, "-S", "-k", "QueryRetrieveLevel=NOWHERE"], "127.0.10.36")
    ask(["worklist"], ["findscu", "-W", "-aet", "CT1", "-aec", "WORKLIST", "-k", "PatientName"],
        "127.0.10.37", port=lab.WORKLIST_PORT)  # fmt: skip
    move = ["movescu", *titles, *query]
    ask(["query", "retrieve"], [*move, "-aem", "MOVER", "+P", str(lab.MOVER[1]), "-od", "."],
        "127.0.10.38", lab.MOVER[0])  # fmt: skip
    ask(["query", "retrieve"], [*move, "-aem", "NOBODY"], "127.0.10.39")
    ask(["retrieve", "storage"], ["getscu", *titles, *query, "-od", "."], "127.0.10.40")
