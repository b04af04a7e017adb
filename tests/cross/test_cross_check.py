"""The Wireshark plugin and the Zeek package say the same of every capture."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES, ROOT

from pacsflow.cli import main
from pacsflow.errors import ToolError
from pacsflow.programs import cross_check as checking
from pacsflow.programs.reasons import REASONS

if TYPE_CHECKING:
    from pathlib import Path

SPEEDS = sorted((ROOT / "tests" / "times" / "captures").glob("*.pcap.gz"))
FIELDS = {
    "dicom": "ts uid id.orig_h id.orig_p id.resp_h id.resp_p community_id duration end flags",
    "known_dicom": "ts host port_num ae_title role services evidence_uid",
    "dicom_times": "ts uid id.orig_h id.orig_p id.resp_h id.resp_p operation requestor count "
    "response_mean response_times",
}
TYPES = {
    "dicom": "time string addr port addr port string interval string set[string]",
    "known_dicom": "time addr port string string set[string] string",
    "dicom_times": "time string addr port addr port string string count interval vector[count]",
}
DICOM = "100.0005 Cx 10.0.0.1 40000 10.0.0.2 104 1:abc= 1.0 released -"
KNOWN = "100.0005 10.0.0.2 104 PACS scp query,retrieve Cx"
ECHO = "100.0005 Cx 10.0.0.1 40000 10.0.0.2 104 echo orig 3 0.002500 0,0,3"


def write(
    folder: Path,
    *,
    dicom: tuple[str, ...] = (DICOM,),
    known: str = KNOWN,
    times: tuple[str, ...] = (),
) -> Path:
    folder.mkdir()
    for name, rows in (("dicom", dicom), ("known_dicom", (known,)), ("dicom_times", times)):
        given = [row for row in rows if row]
        lines = ["#separator \\x09", f"#fields {FIELDS[name]}", f"#types {TYPES[name]}", *given]
        text = "\n".join([lines[0], *(line.replace(" ", "\t") for line in lines[1:])]) + "\n"
        (folder / f"{name}.log").write_text(text)
    return folder


@pytest.fixture(scope="session")
def modules(tshark: str, zeek_modules: Path) -> Path:
    """Return the folder with Zeek's compiled analyzers; both tools are there."""
    assert tshark
    return zeek_modules


def check(capture: Path, modules: Path) -> checking.Comparison:
    found = checking.cross_check(capture, modules=modules)
    assert found.unexplained == ()
    return found


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "capture", sorted(CAPTURES.rglob("*.pcap*")), ids=lambda p: f"{p.parent.name}-{p.name}"
)
def test_both_say_the_same_of_our_captures(capture: Path, modules: Path) -> None:
    check(capture, modules)


@pytest.mark.few(1)
@pytest.mark.parametrize("packed", SPEEDS, ids=lambda p: p.name)
def test_both_measure_the_same(packed: Path, modules: Path, tmp_path: Path) -> None:
    capture = tmp_path / packed.stem
    capture.write_bytes(gzip.decompress(packed.read_bytes()))
    assert check(capture, modules).associations > 0


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["hospital_mix.pcapng", "profuzzbench_echo.pcap",
                                  "profuzzbench_find.pcap"])  # fmt: skip
def test_both_say_the_same_of_other_captures(name: str, modules: Path, shared_data: Path) -> None:
    assert check(shared_data / "captures" / name, modules).associations > 0


def test_logs_that_agree(tmp_path: Path) -> None:
    later = DICOM.replace("100.0005 Cx", "100.0012 Cy").replace("1.0", "1.0009")
    other = KNOWN.replace("query,retrieve Cx", "retrieve,query Cy")
    plugin = write(tmp_path / "plugin")
    found = checking.compare("c", plugin, write(tmp_path / "zeek", dicom=(later,), known=other))
    assert found.differences == ()
    assert (found.associations, found.endpoints, found.fields) == (1, 1, 9 + 6)


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("end", "released", "aborted"),
        ("duration", "1.0", "1.0012"),
        ("community_id", "1:abc=", "1:xyz="),
        ("flags", "-", "midstream"),
        ("ts", "100.0005", "100.0016"),
        ("id.orig_p", "", ""),
    ],
)
def test_each_field_is_compared(tmp_path: Path, field: str, one: str, other: str) -> None:
    plugin = write(tmp_path / "plugin")
    names = FIELDS["dicom"].split()
    cells = DICOM.split()
    if field == "id.orig_p":  # another connection: neither has the other's row
        cells[names.index(field)] = "40001"
        wanted = [("row", "row", "-"), ("row", "-", "row")]
    else:
        assert cells[names.index(field)] == one
        cells[names.index(field)] = other
        wanted = [(field, one, other)]
    zeek = write(tmp_path / "zeek", dicom=(" ".join(cells),))
    found = checking.compare("c", plugin, zeek).unexplained
    assert sorted((d.field, d.plugin, d.zeek) for d in found) == sorted(wanted)


def test_endpoints_are_compared_by_their_last_row(tmp_path: Path) -> None:
    plugin = write(tmp_path / "plugin")
    zeek = write(tmp_path / "zeek", known=KNOWN.replace("query,retrieve", "query") + "\n" + KNOWN)
    assert checking.compare("c", plugin, zeek).differences == ()
    zeek = write(tmp_path / "other", known=KNOWN + "\n" + KNOWN.replace("query,retrieve", "query"))
    (found,) = checking.compare("c", plugin, zeek).differences
    assert (found.log, found.field, found.zeek) == ("known_dicom", "services", "query")


def test_of_a_long_association_the_last_row_counts(tmp_path: Path) -> None:
    plugin = write(tmp_path / "plugin")
    zeek = write(tmp_path / "zeek", dicom=(DICOM.replace("released", "-"), DICOM))
    assert checking.compare("c", plugin, zeek).differences == ()


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("count", "3", "2"),
        ("response_mean", "0.002500", "0.002503"),
        ("response_times", "0,0,3", "0,1,2"),
        ("requestor", "orig", "resp"),
    ],
)
def test_times_are_compared(tmp_path: Path, field: str, one: str, other: str) -> None:
    there = ECHO.replace("Cx", "Cy").replace("100.0005", "100.0012")
    plugin = write(tmp_path / "plugin", times=(ECHO,))
    dicom = (DICOM.replace("Cx", "Cy").replace("100.0005", "100.0012"),)
    zeek = write(tmp_path / "zeek", dicom=dicom, times=(there.replace("0.002500", "0.002502"),))
    assert checking.compare("c", plugin, zeek).differences == ()
    zeek = write(tmp_path / "other", dicom=dicom, times=(there.replace(f" {one}", f" {other}"),))
    found = checking.compare("c", plugin, zeek).unexplained
    wanted = [("row", "row", "-"), ("row", "-", "row")] if field == "requestor" else [
        (field, one, other)
    ]  # fmt: skip
    assert sorted((d.field, d.plugin, d.zeek) for d in found) == sorted(wanted)
    assert {d.log for d in found} == {"dicom_times"}


def test_a_known_difference_has_its_reason(tmp_path: Path) -> None:
    cut = DICOM.rsplit(" ", 1)[0] + " truncated"
    plugin = write(tmp_path / "plugin", dicom=(cut,))
    zeek = write(tmp_path / "zeek", dicom=(DICOM.replace("released", "incomplete"),))
    found = checking.compare("c", plugin, zeek)
    assert {d.field for d in found.differences} == {"end", "flags"}
    assert {d.reason for d in found.differences} == {"cut frames"}
    assert found.unexplained == ()


def test_what_only_wireshark_can_decrypt_has_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FIELDS, "known_dicom", f"{FIELDS['known_dicom']} tls")
    monkeypatch.setitem(TYPES, "known_dicom", f"{TYPES['known_dicom']} bool")
    (tmp_path / "zeek").mkdir()
    inside = write(tmp_path / "inside", known=f"{KNOWN} T")
    found = checking.compare("c", inside, tmp_path / "zeek").differences
    assert [(d.log, d.field, d.reason) for d in found] == [
        ("dicom", "row", "inside TLS"),
        ("known_dicom", "row", "inside TLS"),
    ]
    plain = write(tmp_path / "plain", known=f"{KNOWN} F")
    assert len(checking.compare("c", plain, tmp_path / "zeek").unexplained) == 2


def extended(monkeypatch: pytest.MonkeyPatch, log: str, **fields: str) -> None:
    """Let the logs of `write` have further fields, with these types."""
    monkeypatch.setitem(FIELDS, log, " ".join([FIELDS[log], *fields]))
    monkeypatch.setitem(TYPES, log, " ".join([TYPES[log], *fields.values()]))


NO_REQUEST = "100.0005 Cx 10.0.0.1 40000 10.0.0.2 11114 1:abc= 1.0 released - CT PACS accepted -"


@pytest.mark.parametrize(
    ("row", "explained"),
    [
        (NO_REQUEST, True),
        (NO_REQUEST.replace("11114", "11112"), False),  # Zeek looks there
        (NO_REQUEST.replace("40000", "104"), False),  # and there
        (NO_REQUEST.replace("accepted -", "accepted 16384"), False),  # the request was seen
        (NO_REQUEST.replace("accepted", "rejected"), False),
        (NO_REQUEST.replace("released -", "released malformed"), False),
    ],
)
def test_of_a_request_that_is_missing_on_a_port_that_zeek_does_not_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, explained: bool
) -> None:
    extended(monkeypatch, "dicom", calling_ae="string", called_ae="string", result="string",
             orig_max_pdu="count")  # fmt: skip
    (tmp_path / "zeek").mkdir()
    known = KNOWN.replace("104", row.split()[5])
    plugin = write(tmp_path / "plugin", dicom=(row,), known=known)
    found = checking.compare("c", plugin, tmp_path / "zeek").differences
    reason = "another port" if explained else ""
    assert [(d.log, d.field, d.reason) for d in found] == [
        ("dicom", "row", reason),
        ("known_dicom", "row", reason),
    ]


def test_another_port_excuses_no_other_endpoint_and_no_row_of_zeek(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extended(monkeypatch, "dicom", calling_ae="string", called_ae="string", result="string",
             orig_max_pdu="count")  # fmt: skip
    known = KNOWN.replace("104", "11114")
    plugin = write(tmp_path / "plugin", dicom=(NO_REQUEST,), known=known.replace("PACS", "OTHER"))
    zeek = write(tmp_path / "zeek", dicom=(), known=known.replace("PACS", "THIRD"))
    found = checking.compare("c", plugin, zeek).differences
    assert [(d.log, d.where.split()[-2:], d.reason) for d in found] == [
        ("dicom", ["10.0.0.1:40000", "10.0.0.2:11114"], "another port"),
        ("known_dicom", ["OTHER", "scp"], ""),
        ("known_dicom", ["THIRD", "scp"], ""),
    ]
    zeek = write(tmp_path / "both", dicom=(NO_REQUEST.replace("released", "aborted"),), known=known)
    assert checking.compare("c", plugin, zeek).unexplained[0].field == "end"


def test_zeek_watches_the_ports_that_the_reason_names() -> None:
    text = (ROOT / "zeek_scripts" / "scripts" / "main.zeek").read_text(encoding="utf-8")
    (ports,) = re.findall(r"const ports = \{(.*)\} &redef;", text)
    assert set(re.findall(r"(\d+)/tcp", ports)) == checking.ZEEK_PORTS


@pytest.mark.parametrize(
    ("changes", "explained"),
    [
        ({"flags": "midstream,one_sided"}, True),
        ({"end": "incomplete"}, True),
        ({"missed_bytes": "9"}, True),
        ({}, False),
        ({"flags": "one_sided", "end": "incomplete"}, False),
    ],
)
def test_of_a_start_that_is_missing_one_may_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], explained: bool
) -> None:
    extended(monkeypatch, "dicom", missed_bytes="count")
    cells = dict(zip(FIELDS["dicom"].split(), f"{DICOM} 0".split(), strict=True))
    row = " ".join({**cells, "flags": "midstream", **changes}.values())
    plugin = write(tmp_path / "plugin", dicom=(row,))
    zeek = write(tmp_path / "zeek", dicom=())
    found = checking.compare("c", plugin, zeek).differences
    assert [(d.field, d.reason) for d in found] == [("row", "no start" if explained else "")]
    (lacks,) = checking.compare("c", zeek, plugin).differences
    assert lacks.reason == ""


def test_of_a_start_that_is_missing_one_may_have_read_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extended(monkeypatch, "dicom", store_rq="count")
    extended(monkeypatch, "known_dicom", category="string", basis="string")
    start = DICOM.rsplit(" ", 1)[0] + " midstream"
    plugin = write(tmp_path / "plugin", dicom=(f"{start} 2",), known=f"{KNOWN} pacs traffic")
    zeek = write(
        tmp_path / "zeek",
        dicom=(f"{start.replace('released', 'aborted')} 1",),
        known=f"{KNOWN} unknown association",
    )
    found = checking.compare("c", plugin, zeek).differences
    assert [(d.field, d.reason) for d in found] == [
        ("end", ""),
        ("store_rq", "no start"),
        ("category", "no start"),
        ("basis", "no start"),
    ]
    whole = write(tmp_path / "whole", dicom=(f"{DICOM} 2",), known=f"{KNOWN} pacs traffic")
    other = write(tmp_path / "other", dicom=(f"{DICOM} 1",), known=f"{KNOWN} unknown association")
    assert len(checking.compare("c", whole, other).unexplained) == 3


def test_where_an_answer_was_hit_one_may_know_an_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extended(monkeypatch, "dicom", calling_ae="string", called_ae="string", result="string",
             missed_bytes="count")  # fmt: skip
    unread, read = f"{DICOM} CT PACS unknown 9", f"{DICOM} CT PACS accepted 9"
    plugin = write(tmp_path / "plugin", dicom=(unread,), known="")
    zeek = write(tmp_path / "zeek", dicom=(read,))
    found = checking.compare("c", plugin, zeek).differences
    assert [(d.log, d.field, d.reason) for d in found] == [
        ("dicom", "result", "lost bytes"),
        ("known_dicom", "row", "lost bytes"),
    ]
    agreed = write(tmp_path / "agreed", dicom=(read,), known="")
    assert [d.log for d in checking.compare("c", agreed, zeek).unexplained] == ["known_dicom"]
    whole = write(tmp_path / "whole", dicom=(unread.replace(" 9", " 0"),), known="")
    other = write(tmp_path / "other", dicom=(read.replace(" 9", " 0"),))
    assert len(checking.compare("c", whole, other).unexplained) == 2


def test_after_a_loss_one_may_know_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FIELDS, "dicom", f"{FIELDS['dicom']} missed_bytes")
    monkeypatch.setitem(TYPES, "dicom", f"{TYPES['dicom']} count")
    plugin = write(tmp_path / "plugin", dicom=(f"{DICOM} 0",))
    other = DICOM.replace("released", "incomplete")
    zeek = write(tmp_path / "zeek", dicom=(f"{other} 10",))
    found = checking.compare("c", plugin, zeek).differences
    assert {(d.field, d.reason) for d in found} == {
        ("end", "lost bytes"),
        ("missed_bytes", "lost bytes"),
    }
    whole = write(tmp_path / "whole", dicom=(f"{other} 0",))
    assert [d.field for d in checking.compare("c", plugin, whole).unexplained] == ["end"]


def conn_log(folder: Path, *connections: str) -> None:
    rows = ["#fields id.orig_h id.orig_p id.resp_h id.resp_p", "#types addr port addr port"]
    text = "\n".join([*rows, *connections]).replace(" ", "\t")
    (folder / "conn.log").write_text(text + "\n")


def fates(folder: Path, *rows: str) -> None:
    text = "#fields\twhat\tdetail\n#types\tstring\tstring\n" + "".join(f"{r}\n" for r in rows)
    (folder / "capture.log").write_text(text)


def test_of_a_connection_that_zeek_does_not_see_the_plugin_may_tell(tmp_path: Path) -> None:
    plugin, zeek = write(tmp_path / "plugin"), write(tmp_path / "zeek", dicom=(), known="")
    for connections, reason in (
        ((), "not looked into"),
        (("192.0.2.1 50000 192.0.2.2 4789",), "not looked into"),
        (("10.0.0.2 104 10.0.0.1 40000",), ""),
    ):
        conn_log(zeek, *connections)
        found = checking.compare("c", plugin, zeek).differences
        assert [(d.log, d.reason) for d in found] == [("dicom", reason), ("known_dicom", reason)]
        assert {d.reason for d in checking.compare("c", zeek, plugin).differences} == {""}


def test_of_an_association_behind_a_translation_zeek_may_have_a_row(tmp_path: Path) -> None:
    plugin, zeek = write(tmp_path / "plugin", dicom=(), known=""), write(tmp_path / "zeek")
    for detail, reason in (
        ("tcp 10.0.0.2 104 10.0.0.1 40000", "translated"),
        ("tcp 10.0.0.3 104 10.0.0.4 40000", ""),
    ):
        fates(plugin, f"translated\t{detail}")
        found = checking.compare("c", plugin, zeek).differences
        assert [(d.log, d.reason) for d in found] == [("dicom", reason), ("known_dicom", reason)]


def test_of_copies_zeek_may_have_a_connection_again(tmp_path: Path) -> None:
    again = DICOM.replace("100.0005", "100.5005").replace("Cx", "Cy")
    plugin = write(tmp_path / "plugin")
    zeek = write(tmp_path / "zeek", dicom=(DICOM, again))
    assert [d.reason for d in checking.compare("c", plugin, zeek).differences] == [""]
    fates(plugin, "copy, same\t-")
    assert [d.reason for d in checking.compare("c", plugin, zeek).differences] == ["copies"]
    other = write(tmp_path / "other", dicom=(DICOM, again.replace("40000", "40001")))
    assert [d.reason for d in checking.compare("c", plugin, other).differences] == [""]
    assert [d.reason for d in checking.compare("c", zeek, plugin).differences] == [""]


def test_every_reason_is_documented() -> None:
    text = (ROOT / "docs" / "cross-check.md").read_text(encoding="utf-8")
    for reason in REASONS:
        assert f"**{reason.name}**: {reason.text}" in " ".join(text.split())


def test_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pacsflow.programs.zeek.compiled_package", lambda _: tmp_path)
    monkeypatch.setattr("pacsflow.programs.zeek.find_zeek", lambda: tmp_path)
    plugin = write(tmp_path / "plugin")
    zeek = write(tmp_path / "zeek", dicom=(DICOM.replace("released", "aborted"),))
    results = {"same": checking.compare("same", plugin, plugin)}
    results["other"] = checking.compare("other", plugin, zeek)
    monkeypatch.chdir(tmp_path)
    for name in results:
        (tmp_path / name).write_bytes(b"\xd4\xc3\xb2\xa1")
    monkeypatch.setattr(checking, "cross_check", lambda path, **_: results[path.name])
    assert main(["cross-check", "same"]) == 0
    capsys.readouterr()
    assert main(["cross-check", "same", "other", "--format", "csv"]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[1].split(",")[3:] == ["end", "released", "aborted", ""]
    assert "captures: 2; associations: 2; endpoints: 2; fields compared: 30" in said.err
    assert "differences without a reason: 1, with one: 0" in " ".join(said.err.split())

    def missing() -> Path:
        raise ToolError("zeek was not found")

    monkeypatch.setattr("pacsflow.programs.zeek.find_zeek", missing)
    assert main(["cross-check", "same"]) == 2
    assert "zeek was not found" in capsys.readouterr().err


def test_what_is_no_capture_is_refused_before_anything_is_compiled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacsflow.programs.zeek.find_zeek", lambda: pytest.fail("was asked for"))
    log = tmp_path / "conn.log"
    log.write_text("#fields\tts\tuid\tconn_state\n1\tC1\tSF\n")
    assert main(["cross-check", str(log)]) == 2
    assert "Zeek log conn.log: a capture was expected" in capsys.readouterr().err
