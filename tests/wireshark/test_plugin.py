"""The Wireshark plugin in the real tshark: what is tagged, with what, and what is not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES
from tests.wireshark.capture import conversation, write_pcap

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., str]

HERE = Path(__file__).parent
PLUGIN = HERE.parents[1] / "wireshark_plugin"
OWN = sorted(p.stem for p in CAPTURES.glob("*.pcap*"))
UID = re.compile(rb"1\.2\.\d[\d.]{10,}")


def own(name: str) -> Path:
    return next(CAPTURES.glob(f"{name}.pcap*"))


def columns(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def field_names() -> list[str]:
    listed = re.findall(
        r'^  \{ "\w+", "\w+", "([\w.]+)"', (PLUGIN / "src/fields.lua").read_text(), re.MULTILINE
    )
    assert len(listed) > 30
    return [f"pacsflow.{name}" for name in listed]


def show(*names: str) -> list[str]:
    """Return the arguments that print these fields, all occurrences of each."""
    arguments = ["-T", "fields", "-E", "occurrence=a"]
    for name in names:
        arguments += ["-e", name]
    return arguments


def every_field() -> list[str]:
    return show("frame.time_epoch", *field_names())


@pytest.mark.few(4)
@pytest.mark.parametrize("name", ["parser", "limits", "stream", "tracker"])
@pytest.mark.parametrize("lua", ["lua5.2", "lua5.4"])
def test_parser_in_plain_lua(lua: str, name: str) -> None:
    if not shutil.which(lua):
        pytest.skip(f"{lua} is not installed")
    done = subprocess.run(
        [lua, str(HERE / f"{name}_test.lua"), str(PLUGIN / "src")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d\d passed, 0 failed$", done.stdout, re.MULTILINE)


def test_bundle_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(PLUGIN / "build.py"), "--check"], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


def test_sources_keep_to_what_both_luas_know() -> None:
    for source in (PLUGIN / "src").glob("*.lua"):
        text = re.sub(r"--[^\n]*|\"[^\"\n]*\"|\[\[.*?\]\]", "", source.read_text(), flags=re.DOTALL)
        assert not re.search(r"[&|]|//|<<|>>|\bstring\.unpack|(?<!table)\.unpack|\bgoto\b", text), (
            source.name
        )


@pytest.mark.few(1)
@pytest.mark.parametrize("name", [n for n in OWN if not n.startswith("tls")])
def test_every_frame_of_an_association_is_tagged(run: Run, name: str) -> None:
    """Each of these captures holds associations alone, handshakes and farewells included."""
    every = run(own(name), "-T", "fields", "-e", "frame.number", plugin=False).split()
    tagged = run(own(name), "-Y", "pacsflow", "-T", "fields", "-e", "frame.number").split()
    assert tagged == every


def test_tags_of_a_store(run: Run) -> None:
    rows = columns(
        run(
            own("store_ct_mr"),
            *show(
                "pacsflow.calling_ae",
                "pacsflow.called_ae",
                "pacsflow.operation",
                "pacsflow.modality",
                "pacsflow.direction",
                "pacsflow.status",
                "pacsflow.confidence",
            ),
        )
    )
    assert {(r[0], r[1]) for r in rows} == {("MODALITY1", "PACS1")}
    assert {r[3] for r in rows if r[2] == "C-STORE"} == {"CT", "MR"}
    assert {r[4] for r in rows} == {"originator", "responder"}
    assert {r[6] for r in rows} == {"100"}
    assert "0x0000" in {r[5] for r in rows}


@pytest.mark.few(1)
@pytest.mark.parametrize("name", OWN)
def test_two_passes_and_filters_give_the_same_tags(run: Run, name: str) -> None:
    fields = every_field()
    once = run(own(name), *fields)
    assert run(own(name), "-2", *fields) == once
    # A read filter renumbers the frames: what must stay is the tags, not the numbers.
    filtered = run(own(name), "-2", "-R", "tcp.len > 0", *fields)
    display = run(own(name), "-Y", "tcp.len > 0", *fields)
    start = 1 + field_names().index("pacsflow.assoc.start_frame")

    def without_start(text: str) -> list[list[str]]:
        return [row[:start] + row[start + 1 :] for row in columns(text)]

    assert without_start(filtered) == without_start(display)
    assert set(display.splitlines()) <= set(once.splitlines())


def test_sampled_and_cut_captures_are_tagged(run: Run) -> None:
    sampled = run(own("sampled_1in10_snap128"), "-Y", "pacsflow", "-T", "fields", "-e", "ip.src")
    assert len(sampled.splitlines()) >= 903
    midstream = run(own("midstream_104"), "-Y", "pacsflow", "-T", "fields", "-e", "ip.src")
    assert len(midstream.splitlines()) == 51


def test_without_looking_ahead_the_second_frame_on_is_tagged(run: Run) -> None:
    tagged = run(
        own("sampled_1in10_snap128"), "-Y", "pacsflow", "-T", "fields", "-e", "ip.src",
        lookahead="0",
    )  # fmt: skip
    assert len(tagged.splitlines()) >= 700


LOOKALIKES = {
    "tpkt": b"\x03\x00\x00\x16\x11\xe0\0\0\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\x01\x0a",
    "s7": b"\x03\0\0\x19\x02\xf0\x80\x32\x01\0\0\0\0\0\x08\0\0\xf0\0\0\x01\0\x01\x01\xe0",
    "mms": b"\x03\0\0\x1b\x02\xf0\x80\x01\0\x01\0\x61\x0e\x30\x0c\x02\x01\x03\xa0\x07\xa1\x05\x02"
    b"\x01\x01\x82\x00",
    "dcerpc": b"\x05\0\x0b\x03\x10\0\0\0\x48\0\0\0\x01\0\0\0\xd0\x16\xd0\x16" + bytes(52),
    "cassandra": b"\x04\0\0\0\x05\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0",
    "hartip": b"\x01\0\0\0\0\x01\0\x0d\x01\0\0\x75\x30",
    "ethernetip": b"\x01\0\x64\0" + bytes(20),
    "raft": b"\x01\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02" + bytes(90),
    "http": b"GET /index HTTP/1.1\r\nHost: pacs\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(250)) * 2,
}


def test_lookalikes_are_not_tagged(run: Run, tmp_path: Path) -> None:
    frames = []
    for i, first in enumerate(LOOKALIKES.values()):
        for port in (104, 11112, 4242, 2762):
            for k, syn in enumerate((True, False)):
                frames += conversation(
                    f"10.0.{i}.{k + 1}", f"10.1.{i}.{k + 1}", port, first, syn=syn
                )
    capture = write_pcap(tmp_path / "lookalikes.pcap", frames)
    assert run(capture, "-Y", "pacsflow") == ""
    assert run(capture, "-2", "-Y", "pacsflow") == ""


def test_ports_of_other_protocols(run: Run, tmp_path: Path) -> None:
    """The same association on port 8080 or 443 is tagged as well as on 104."""
    text = own("store_ct_mr").read_bytes()
    for port in (8080, 443, 3389):
        moved = bytearray()
        at = 0
        # The listening port stands in bytes 34 to 37 of each frame; 104 appears in no other place
        # that a search for the addresses before it would hit.
        pattern = re.compile(rb"\x7f\x00\x00\x01\x7f\x00\x00\x01(..)(..)", re.DOTALL)
        for found in pattern.finditer(text):
            moved += text[at : found.start(1)]
            for group in (1, 2):
                old = found[group]
                moved += port.to_bytes(2, "big") if old == (104).to_bytes(2, "big") else old
            at = found.end(2)
        moved += text[at:]
        path = tmp_path / f"port{port}.pcapng"
        path.write_bytes(moved)
        everything = run(path, "-T", "fields", "-e", "tcp.dstport", plugin=False).split()
        assert str(port) in everything
        assert len(run(path, "-Y", "pacsflow").splitlines()) == len(everything)


@pytest.mark.few(1)
@pytest.mark.parametrize("kept", ["tcp.srcport == 4242", "tcp.dstport == 4242", "tcp"])
def test_half_a_connection_says_so(run: Run, tmp_path: Path, kept: str) -> None:
    half = tmp_path / "half.pcap"
    run(CAPTURES / "lab" / "store.pcap", "-Y", kept, "-F", "pcap", "-w", str(half), plugin=False)
    run(half, export=tmp_path)
    rows = columns((tmp_path / "dicom.log").read_text())
    names = next(row for row in rows if row[0] == "#fields")[1:]
    flags = {row[names.index("flags")] for row in rows if not row[0].startswith("#")}
    assert flags == ({"-"} if kept == "tcp" else {"one_sided"})


@pytest.mark.few(1)
@pytest.mark.parametrize("port", ["2762", "11113"])
def test_inside_tls_with_a_key_log(run: Run, port: str) -> None:
    name = f"tls_store_{port}"
    keys = CAPTURES / f"{name}.keys"
    table = run(own(name), "-q", "-z", "pacsflow,associations", keys=keys)
    row = table.splitlines()[-1]
    assert "TLSCT" in row
    assert "ECHO 1, STORE 1" in row
    assert "accepted, released" in row
    # Without the keys there is nothing to see.
    assert run(own(name), "-Y", "pacsflow") == ""


def test_sflow_samples_carry_their_own_rate(run: Run, shared_data: Path) -> None:
    sflow = shared_data / "sflow"
    for name in ("sflow_hospital", "sflow_mixed_samples", "goflow2_sflow_test"):
        rates = []
        for plugin, field in ((False, "sflow.flow_sample.sampling_rate"),
                              (True, "pacsflow.sampling_rate")):  # fmt: skip
            text = run(sflow / f"{name}.pcap", "-T", "fields", "-E", "occurrence=a", "-e", field,
                       plugin=plugin)  # fmt: skip
            rates.append(Counter(text.replace("\n", ",").split(",")))
        assert rates[0] == rates[1]
    mixed = run(
        sflow / "sflow_mixed_samples.pcap",
        *show("pacsflow.sample.index", "pacsflow.sampling_rate", "pacsflow.estimated_bytes"),
    )
    index, rate, size = mixed.strip().split("\t")
    assert index == "1,2,3,4,5"
    assert rate == "10,20,30,40,50"
    assert [int(n) % int(r) for n, r in zip(size.split(","), rate.split(","), strict=True)] == [
        0
    ] * 5


def test_sflow_on_any_port_is_found(run: Run, shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / "sflow" / "sflow_hospital.pcap").read_bytes()
    moved = tmp_path / "sflow.pcap"
    moved.write_bytes(text.replace((6343).to_bytes(2, "big"), (9995).to_bytes(2, "big")))
    rates = run(moved, "-T", "fields", "-E", "occurrence=a", "-e", "pacsflow.sampling_rate")
    assert Counter(rates.replace("\n", ",").split(",")) >= Counter({"10": 904, "50": 170})


def test_sampling_rate_by_preference(run: Run, shared_data: Path) -> None:
    capture = shared_data / "sflow" / "sflow_hospital_sflowtool_t.pcap"
    rows = columns(
        run(capture, "-o", "pacsflow.sampling_rate:10", "-T", "fields", "-e", "frame.len",
            "-e", "pacsflow.sampling_rate", "-e", "pacsflow.estimated_bytes")
    )  # fmt: skip
    assert all(rate == "10" and int(size) * 10 == int(guess) for size, rate, guess in rows)


def test_no_patient_data(run: Run, tmp_path: Path) -> None:
    """Instance UIDs and query keys of a query and a store appear in no field and no log."""
    for name in ("qr_find", "qr_store", "qr_move_3party"):
        logs = tmp_path / name
        logs.mkdir()
        shown = run(own(name), *every_field(), plugin=True)
        run(own(name), export=logs)
        text = shown.encode() + b"".join(p.read_bytes() for p in logs.glob("*.log"))
        allowed = (b"1.2.840.10008.", b"1.2.826.0.1.3680043.9.3811.", b"1.2.276.0.7230010.3.0.")
        assert not [uid for uid in UID.findall(text) if not uid.startswith(allowed)]
        assert b"0x0010" not in text


def test_inventory_names_hosts_and_its_bad_line_is_named_once(run: Run, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.log"
    inventory.write_text(
        "#separator \\x09\n#fields\tmatch\tname\trole\tmodality\tsite\n"
        "127.0.0.1\tArchive\tpacs\t-\t-\nnonsense\tX\tpacs\t-\t-\n"
    )
    fields = show(
        *(f"pacsflow.{n}" for n in ("src.name", "src.tag", "src.basis", "pacs_direction"))
    )
    rows = columns(
        run(own("echo_ok"), *fields, inventory=inventory)
    )  # fmt: skip
    assert {tuple(r) for r in rows} == {("Archive", "pacs", "inventory", "internal")}


def test_inventory_by_mac(run: Run, tmp_path: Path) -> None:
    """An address beats a MAC, a MAC beats a title and a network; in every frame, in two passes."""
    # CT1 at 02:1a:c5:00:00:01 (192.0.2.1) calls PACS1 at 02:1a:c5:00:00:02 (192.0.2.2).
    capture = CAPTURES / "ethernet" / "echo_store.pcap"
    inventory = tmp_path / "inventory.log"
    names = ("eth.src", "pacsflow.src.name", "pacsflow.src.tag", "pacsflow.src.basis",
             "pacsflow.dst.name", "pacsflow.pacs_direction")  # fmt: skip

    def told(*lines: str) -> set[tuple[str, ...]]:
        inventory.write_text(
            "#separator \\x09\n#fields\tmatch\tname\trole\tmodality\tsite\n"
            + "".join(f"{line}\t-\t-\n" for line in lines)
        )
        once = run(capture, *show(*names), inventory=inventory)
        assert run(capture, "-2", *show(*names), inventory=inventory) == once
        return {tuple(row) for row in columns(once)}

    by_mac = ("02:1a:c5:00:00:01\tScanner\tmodality", "02:1A:C5:00:00:02\tArchive\tpacs")
    expected = {
        ("02:1a:c5:00:00:01", "Scanner", "modality", "inventory", "Archive", "in"),
        ("02:1a:c5:00:00:02", "Archive", "pacs", "inventory", "Scanner", "out"),
    }
    weaker = ("ae:CT1\tTitle\tprinter", "192.0.2.0/24\tNetwork\tgateway")
    assert told(*by_mac, *weaker) == expected
    address = told(*by_mac, *weaker, "192.0.2.1\tAddress\tworkstation")
    assert {row[1] for row in address} == {"Address", "Archive"}
    unknown = told("02:1a:c5:00:00:99\tOther\tpacs")
    assert {row[1] for row in unknown} == {"CT1", "PACS1"}


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "name", ["associations", "endpoints", "io", "talkers", "operations", "times"]
)
def test_tables(run: Run, name: str) -> None:
    table = run(own("qr_move_3party"), "-q", "-z", f"pacsflow,{name}")
    assert len(table.splitlines()) > 3


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["associations", "endpoints", "io", "talkers"])
def test_tables_say_what_is_estimated(run: Run, name: str) -> None:
    rate = ("-o", "pacsflow.sampling_rate:10", "-q", "-z", f"pacsflow,{name}")
    sampled = run(own("sampled_1in10_snap128"), *rate)
    whole = run(own("qr_move_3party"), "-q", "-z", f"pacsflow,{name}")
    assert re.search("Estimated bytes|Bytes", sampled)[0] == "Estimated bytes"  # type: ignore[index]
    assert "Of samples: bytes are estimates (each sample times its rate)" in sampled
    assert "Frames" not in sampled
    assert not re.search("[Ee]stimate|[Ss]ample", whole)
    assert not re.search(r" 0 +0 +0\.0$", sampled, re.MULTILINE), "nobody sent nothing"


def test_table_agrees_with_tshark_conversations(run: Run) -> None:
    capture = own("qr_move_3party")
    found = re.findall(
        r"^(\S+):(\d+)\s+<-> (\S+):(\d+)\s+\d+ [\d.]+ \w+\s+\d+ [\d.]+ \w+\s+(\d+) ",
        run(capture, "-q", "-z", "conv,tcp", plugin=False), re.MULTILINE,
    )  # fmt: skip
    frames = {frozenset([(a, p), (b, q)]): int(n) for a, p, b, q, n in found}
    table = run(capture, "-q", "-z", "pacsflow,associations")
    mine = {}
    for line in table.splitlines()[4:]:
        cells = re.split(r"\s{2,}", line.strip())
        mine[frozenset(tuple(c.split(" ")) for c in cells[2:4])] = int(cells[-3])
    assert mine == frames


def test_every_field_is_documented() -> None:
    text = (HERE.parents[1] / "docs" / "wireshark.md").read_text()
    for name in field_names():
        assert f"`{name}`" in text, name


def test_every_example_of_a_filter_is_one(run: Run) -> None:
    text = (HERE.parents[1] / "docs" / "wireshark.md").read_text()
    examples = re.findall(r"^\| `pacsflow[^|]*\|[^|]*\| `([^`]+)` \|$", text, re.MULTILINE)
    assert len(examples) == len(field_names())
    either = " || ".join(f"({example})" for example in examples)
    assert run(own("qr_move_3party"), "-Y", either)
