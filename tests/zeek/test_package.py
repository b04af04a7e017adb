"""What can be said of the package without Zeek: syntax, manifest, tables, contract, logs."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_zeek

sys.path.insert(0, str(Path(__file__).parent))

from zeek_package import PACKAGE, ROOT

from pacsflow.errors import ToolError
from pacsflow.programs import install_zeek
from pacsflow.terms import dicom_times

SCRIPTS = sorted((PACKAGE / "scripts").glob("*.zeek"))
TESTS = sorted((PACKAGE / "testing" / "tests").rglob("*.zeek"))
GRAMMARS = sorted(p for p in (PACKAGE / "analyzer").iterdir() if p.suffix != ".h")
BASELINES = PACKAGE / "testing" / "Baseline"

DICOM_FIELDS = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p community_id duration calling_ae called_ae "
    "result end reject_result reject_source reject_reason abort_source abort_reason ctx_offered "
    "ctx_accepted sop_classes transfer_syntaxes services modalities orig_roles resp_roles "
    "orig_impl_uid orig_impl_version resp_impl_uid resp_impl_version orig_max_pdu resp_max_pdu "
    "user_identity echo_rq store_rq find_rq get_rq move_rq cancel_rq n_rq rsp_success rsp_warning "
    "rsp_failure rsp_pending rsp_cancel failure_codes move_destinations data_pdus data_bytes_orig "
    "data_bytes_resp missed_bytes flags vlan tunnel proxied_for"
)
KNOWN_FIELDS = (
    "ts host port_num ae_title role category basis services modalities impl_uid impl_version tls "
    "local evidence_uid"
)
TIMES_FIELDS = " ".join(field.name for field in dicom_times.FIELDS)


def errors_in(source: bytes) -> list[str]:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_zeek.language()))
    found, waiting = [], [parser.parse(source).root_node]
    while waiting:
        node = waiting.pop()
        if node.is_missing or node.type == "ERROR":
            found.append(f"line {node.start_point[0] + 1}: {node.text!r}")
        waiting += node.children
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse(path: Path) -> None:
    assert errors_in(path.read_bytes()) == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_tests_parse_and_say_what_they_test(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    script = text.split("# @TEST-START-FILE")[0]
    assert errors_in(script.encode()) == []
    assert text.startswith("# @TEST-DOC: ")


def test_a_broken_script_does_not_parse() -> None:
    assert errors_in(b"event zeek_init()\n\t{\n\tprint 1\n\t}\n") != []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_exported_name_is_described(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    exported = False
    for number, line in enumerate(lines):
        exported = line.startswith("export {") or (exported and not line.startswith("}"))
        if exported and re.match(r"\t(option|const|type|global|redef record)\s", line):
            assert lines[number - 1].lstrip().startswith("##"), f"line {number + 1}: {line}"


def test_the_grammars_know_nothing_of_zeek() -> None:
    for name in ("dicom.spicy", "hl7.spicy"):
        text = (PACKAGE / "analyzer" / name).read_text(encoding="utf-8")
        assert "zeek::" not in text
        assert "import zeek" not in text


def test_the_manifest_names_what_is_there() -> None:
    manifest = configparser.ConfigParser(interpolation=None)
    manifest.read(ROOT / "zkg.meta")
    package = manifest["package"]
    assert (ROOT / package["script_dir"] / "__load__.zeek").is_file()
    assert ">=8.0.0" in package["depends"]
    for command in (package["build_command"], package["test_command"]):
        assert command.startswith("cd zeek_scripts")
    named = set(re.findall(r"analyzer/(\S+)", package["build_command"]))
    assert named == {path.name for path in GRAMMARS} == set(install_zeek.GRAMMARS)
    assert package["plugin_dir"] == "zeek_scripts/build"


def test_everything_is_loaded() -> None:
    loader = (PACKAGE / "scripts" / "__load__.zeek").read_text(encoding="utf-8")
    everything = "".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    for path in SCRIPTS:
        assert path.stem == "__load__" or f"@load ./{path.stem}\n" in everything
    for path in (PACKAGE / "scripts").glob("*.sig"):
        assert f"@load-sigs ./{path.stem}" in loader


def test_the_generated_tables_are_up_to_date() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pacsflow.terms", "--check"], check=False, capture_output=True
    )
    assert ran.returncode == 0, ran.stdout


def record_fields(script: str, name: str) -> list[str]:
    text = (PACKAGE / "scripts" / script).read_text(encoding="utf-8")
    body = text.split(f"\ttype {name}: record {{")[1].split("\n\t};")[0]
    fields = re.findall(r"^\t\t(\w+):\s+.*&log", body, re.MULTILINE)
    four = [f"id.{part}" for part in ("orig_h", "orig_p", "resp_h", "resp_p")]
    return [each for field in fields for each in (four if field == "id" else [field])]


def test_the_columns_are_those_of_the_contract() -> None:
    assert record_fields("log.zeek", "Info") == DICOM_FIELDS.split()
    renamed = ["local" if f == "is_local" else f for f in record_fields("known.zeek", "KnownInfo")]
    assert renamed == KNOWN_FIELDS.split()
    times = record_fields("times_fields.zeek", "Times")
    assert ["count" if f == "requests" else f for f in times] == TIMES_FIELDS.split()


def test_recorded_logs_have_the_columns_of_the_contract() -> None:
    logs = list(BASELINES.rglob("dicom.log"))
    assert len(logs) > 30
    for columns, found in (
        (DICOM_FIELDS, logs),
        (KNOWN_FIELDS, list(BASELINES.rglob("known_dicom.log"))),
        (TIMES_FIELDS, list(BASELINES.rglob("dicom_times.log"))),
    ):
        wanted = columns.split()
        for path in found:
            lines = path.read_text(encoding="ascii").splitlines()
            fields = next(line for line in lines if line.startswith("#fields"))
            assert fields.split("\t")[1:] == wanted, path
            for line in lines:
                if line and not line.startswith("#"):
                    assert line.count("\t") == len(wanted) - 1, path


def test_nothing_of_patients_is_in_a_recorded_log() -> None:
    for path in BASELINES.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not re.search(r"DOE|4711|jane|correct horse|1\.2\.840\.113619", text), path


def test_the_notices_are_documented_and_tested() -> None:
    text = (PACKAGE / "scripts" / "notices.zeek").read_text(encoding="utf-8")
    enum = text.split("redef enum Notice::Type += {")[1].split("};")[0]
    documented = (ROOT / "docs" / "zeek-notices.md").read_text(encoding="utf-8")
    recorded = "".join(path.read_text(encoding="utf-8") for path in BASELINES.rglob("notices"))
    names = re.findall(r"^\t\t(\w+),$", enum, re.MULTILINE)
    assert len(names) == 17
    for name in names:
        assert f"`{name}`" in documented, name
        assert f"DICOM::{name}" in recorded, name


def test_every_option_is_documented() -> None:
    documented = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs").glob("zeek*.md"))
    for path in SCRIPTS:
        for name in re.findall(r"^\toption (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert f"`{name}`" in documented or f"::{name}`" in documented, name


def test_install_copies_the_package(tmp_path: Path) -> None:
    written = install_zeek.install_zeek(tmp_path, build=False)
    assert tmp_path / "pacsflow" / "__load__.zeek" in written
    assert tmp_path / "pacsflow" / "analyzer" / "dicom.spicy" in written
    assert all(path.is_file() for path in written)
    assert str(tmp_path / "pacsflow") in install_zeek.next_steps(tmp_path)
    assert "@load pacsflow" in install_zeek.next_steps(None)


def test_install_without_zeek_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(install_zeek, "locate", lambda *_: None)
    with pytest.raises(ToolError, match="no zeek-config"):
        install_zeek.install_zeek(None)
    with pytest.raises(ToolError, match="--no-build"):
        install_zeek.install_zeek(tmp_path)
