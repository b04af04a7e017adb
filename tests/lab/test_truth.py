"""What really happened, by the record of the PACS and its clients, is what both taggers say."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import CAPTURES, ROOT

from pacsflow.programs.cross_check import Log, last_rows, read_log
from pacsflow.programs.tshark import export_logs
from pacsflow.programs.zeek import export_zeek_logs

if TYPE_CHECKING:
    from pathlib import Path

sys.path.insert(0, str(ROOT / "tests" / "lab"))

import degradations
import endpoints

LAB = CAPTURES / "lab"
TRUTHS = sorted(LAB.glob("*.json"))
STORED = {"store": 12, "parallel": 18, "slow": 2, "dies": 1}
"""Instances that are new to Orthanc after each scenario; in all others none."""


def truth_of(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def modules(tool: str, request: pytest.FixtureRequest) -> Path | None:
    """The folder with Zeek's compiled analyzers where it is Zeek that tags."""
    return request.getfixturevalue("zeek_modules") if tool == "zeek" else None


def tagged(modules: Path | None, capture: Path, out: Path, keylog: Path | None) -> Log:
    if modules is None:
        export_logs(capture, out, keylog=keylog)
    else:
        export_zeek_logs(capture, out, modules=modules)
    return last_rows(read_log(out / "dicom.log"))


def said(row: dict[str, str], field: str, like: Any) -> Any:
    """Return what a row says, as the truth has it; unset fields are None."""
    cell = row[field]
    if cell == "-":
        return None
    return sorted(cell.split(",")) if isinstance(like, list) else type(like)(cell)


def row_of(log: Log, wanted: dict[str, Any]) -> dict[str, str]:
    keys = [k for k in ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p") if k in wanted]
    found = [row for row in log.rows if all(row[k] == str(wanted[k]) for k in keys)]
    assert len(found) == 1, [[row[k] for k in keys] for row in log.rows]
    return dict(found[0])


def happened(associations: list[dict[str, Any]]) -> set[endpoints.Fact]:
    """Return what accepted associations say of their two sides, as far as it was recorded."""
    facts: set[endpoints.Fact] = set()
    for a in associations:
        for side, title in (("orig", "calling_ae"), ("resp", "called_ae")):
            listens = str(a.get("id.resp_p", "")) if side == "resp" else "-"
            if a["result"] != "accepted" or f"id.{side}_h" not in a or not listens:
                continue
            end = (a[f"id.{side}_h"], listens)
            facts |= {("endpoint", *end), ("ae_title", *end, a[title])}
            if roles := a.get(f"{side}_roles"):
                role = "both" if len(roles) > 1 else roles[0]
                facts.add(("role", *end, a[title], role))
            for field in ("impl_uid", "impl_version"):
                if value := a.get(f"{side}_{field}"):
                    facts.add((field, *end, a[title], value))
            facts |= {("services", *end, a[title], s) for s in a.get("services", ())}
    return facts


@pytest.mark.few(1)
@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
@pytest.mark.parametrize("tool", ["plugin", "zeek"])
def test_what_happened_is_what_the_tagger_says(
    path: Path, tool: str, modules: Path | None, tmp_path: Path, tshark: str
) -> None:
    assert tshark
    truth = truth_of(path)
    keys = path.with_suffix(".keys")
    if tool == "zeek" and keys.is_file():
        pytest.skip("inside TLS: Zeek does not decrypt TLS 1.3")
    log = tagged(modules, path.with_suffix(".pcap"), tmp_path, keys if keys.is_file() else None)
    assert len(log.rows) == len(truth["associations"])
    for wanted in truth["associations"]:
        row = row_of(log, wanted)
        assert {field: said(row, field, wanted[field]) for field in wanted} == wanted
        assert {field: row[field] for field in degradations.RARE if field not in wanted} == {
            field: "-" for field in degradations.RARE if field not in wanted
        }
    told = endpoints.facts(read_log(tmp_path / "known_dicom.log").rows)
    assert happened(truth["associations"]) - told == set()


@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
def test_the_pacs_has_what_its_clients_say_they_stored(path: Path) -> None:
    truth = truth_of(path)
    orthanc = [a for a in truth["associations"] if a["called_ae"] == "ORTHANC"]
    assert truth["orthanc"]["CountInstances"] == STORED.get(path.stem, 0)
    if path.stem in STORED:
        assert sum(a["rsp_success"] - a.get("echo_rq", 0) for a in orthanc) == STORED[path.stem]


def test_scenarios_have_captures() -> None:
    assert len(TRUTHS) == len(list(LAB.glob("*.pcap"))) >= 16
    sizes = [p.stat().st_size for p in LAB.iterdir()]
    assert max(sizes) < 300_000
    assert sum(sizes) < 3_000_000


@pytest.mark.few(1)
@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize("tool", ["plugin", "zeek"])
def test_worse_captures_invent_nothing(
    tool: str, seeds: int, modules: Path | None, tshark: str
) -> None:
    assert tshark

    def run(path: Path, out: Path, rate: int | None) -> None:
        if modules:
            export_zeek_logs(path, out, modules=modules)
        else:
            export_logs(path, out, sampling_rate=rate)

    for name, (scores, wrong) in degradations.measure({tool: run}, seeds=seeds)[tool].items():
        assert wrong == [], (name, wrong)
        if name == "whole":
            assert {
                field: counts for field, counts in scores.items() if len(set(counts)) > 1
            }.keys() == {"known_dicom.category, by traffic"}


ROW = {"result": "accepted", "end": "released", "store_rq": "2", "flags": "-", "missed_bytes": "0",
       "sop_classes": "CTImageStorage", "ctx_offered": "1", "ctx_accepted": "1"}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "wanted", "changes", "told", "right"),
    [
        ("result", "rejected", {"result": "no_reply"}, True, False),
        ("result", "rejected", {"result": "unknown"}, False, False),
        ("end", "released", {"end": "closed", "flags": "sampled"}, True, False),
        ("end", "released", {"end": "incomplete"}, False, False),
        ("store_rq", 2, {}, True, True),
        ("store_rq", 3, {}, True, False),
        ("store_rq", 3, {"flags": "sampled"}, False, False),
        ("store_rq", 3, {"missed_bytes": "7"}, False, False),
        ("store_rq", 1, {"flags": "one_sided"}, True, False),
        ("sop_classes", ["CTImageStorage"], {}, True, True),
        ("sop_classes", ["CTImageStorage", "Verification"], {}, True, False),
        ("sop_classes", ["CTImageStorage", "Verification"], {"ctx_offered": "-"}, False, False),
        ("sop_classes", ["Verification"], {"flags": "sampled"}, True, False),
        ("reject_reason", None, {"reject_reason": "7"}, True, False),
        ("reject_reason", None, {"reject_reason": "-"}, False, False),
    ],
)
def test_what_counts_as_told_and_as_right(
    field: str, wanted: Any, changes: dict[str, str], told: bool, right: bool
) -> None:
    assert degradations.judge(field, wanted, {**ROW, **changes}) == (told, right)


def test_what_was_not_there_is_an_error() -> None:
    truth = truth_of(LAB / "worklist.json")["associations"]
    ends = [{k: str(a[k]) for k in degradations.ENDS} for a in truth]
    row = {**dict.fromkeys([*truth[0], *degradations.RARE], "-"), "flags": "-"}
    rows = [{**row, **end, "missed_bytes": "0"} for end in ends]
    stranger = {**rows[0], "id.orig_h": "192.0.2.1"}
    assert degradations.score(rows, truth)[1] == []
    assert degradations.score([*rows, stranger], truth)[1] == [
        f"association that was none: {' '.join(stranger[k] for k in degradations.ENDS)}"
    ]
    assert degradations.score([*rows, rows[0]], truth)[1] == ["association told 2 times"]


KNOWN = {"host": "10.0.0.2", "port_num": "104", "ae_title": "PACS", "role": "both",
         "category": "workstation", "basis": "association", "services": "storage,query",
         "modalities": "-", "impl_uid": "1.2", "impl_version": "-", "tls": "F",
         "local": "T"}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "invented"),
    [
        ({}, ""),
        ({"role": "-", "services": "query", "impl_uid": "-"}, ""),
        ({"ae_title": "-"}, ""),
        ({"category": "modality"}, ""),
        ({"category": "unknown"}, ""),
        ({"category": "pacs"}, "category 10.0.0.2 pacs"),
        ({"role": "scp"}, "role 10.0.0.2 104 PACS scp"),
        ({"ae_title": "-", "role": "scp"}, "role 10.0.0.2 104 - scp"),
        ({"ae_title": "PACS2", "role": "-", "services": "-", "impl_uid": "-"},
         "ae_title 10.0.0.2 104 PACS2"),
        ({"services": "storage,print"}, "services 10.0.0.2 104 PACS print"),
        ({"modalities": "CT"}, "modalities 10.0.0.2 104 PACS CT"),
        ({"impl_version": "X"}, "impl_version 10.0.0.2 104 PACS X"),
        ({"tls": "T"}, "tls 10.0.0.2 104 T"),
    ],
)  # fmt: skip
def test_what_of_an_endpoint_counts_as_invented(changes: dict[str, str], invented: str) -> None:
    _, wrong = endpoints.score([{**KNOWN, **changes}], [KNOWN])
    assert wrong == ([f"known_dicom: {invented}"] if invented else [])


@pytest.mark.parametrize("role", ["scp", "scu"])
def test_who_takes_images_may_seem_a_modality_where_it_is_seen_to_send_alone(role: str) -> None:
    whole = {**KNOWN, "category": "unknown", "role": role}
    seen = {**whole, "category": "modality"}
    wrong = ["known_dicom: category 10.0.0.2 modality"]
    assert endpoints.score([seen], [whole])[1] == ([] if role == "scp" else wrong)


def test_an_endpoint_that_was_none_is_invented() -> None:
    stranger = {**KNOWN, "host": "192.0.2.1", "category": "unknown"}
    scores, wrong = endpoints.score([KNOWN, stranger], [KNOWN])
    assert "known_dicom: endpoint 192.0.2.1 104" in wrong
    assert scores["known_dicom.endpoint"] == [1, 2, 1]
    assert scores["known_dicom.role"] == [1, 2, 1]


def test_of_a_role_that_was_not_told_precision_says_nothing() -> None:
    scores, _ = endpoints.score([{**KNOWN, "role": "-", "basis": "traffic"}], [KNOWN])
    assert scores["known_dicom.role"] == [1, 0, 0]
    assert scores["known_dicom.category"] == [1, 1, 1]
    assert scores["known_dicom.category, by traffic"] == [1, 1, 1]
    assert scores["known_dicom.category, by association"] == [1, 0, 0]
