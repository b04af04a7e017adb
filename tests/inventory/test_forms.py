"""An inventory is read as editors and spreadsheets write it; what cannot be used is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conftest import CAPTURES
from pacsflow.errors import InputError
from pacsflow.inventory import for_taggers, read_inventory
from pacsflow.readers import CaptureOptions, Quality, find, read
from pacsflow.terms.networks import is_in

if TYPE_CHECKING:
    from pathlib import Path

TABS = (
    "#separator \\x09\n#fields\tmatch\tname\trole\tmodality\tsite\n10.0.0.90\tPACS\tpacs\t-\tmain\n"
)
PLAIN = TABS.split("\n", 1)[1].removeprefix("#fields\t")
FORMS = {
    "tabs": TABS.encode(),
    "line ends of Windows": TABS.replace("\n", "\r\n").encode(),
    "byte order mark": TABS.encode("utf-8-sig"),
    "UTF-16": TABS.encode("utf-16"),
    "no signs": PLAIN.encode(),
    "semicolons": PLAIN.replace("\t", ";").encode(),
    "commas": TABS.replace("\t", ",").encode(),
    "quoted": PLAIN.replace("\t", ",").replace("PACS", '"PACS"').encode(),
    "padded": TABS.replace("x09\n", "x09\t\t\t\t\n").replace("main", "main\t\t").encode(),
    "blanks": TABS.replace("10.0.0.90", " 10.0.0.90 ").encode(),
    "short": TABS.replace("\t-\tmain", "").encode(),
    "comments": TABS.replace("10.0", "# servers\n\t\t\t\t\n10.0").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same(tmp_path: Path, form: str) -> None:
    path = tmp_path / "inventory.tsv"
    path.write_bytes(FORMS[form])
    found = read_inventory(path)
    assert [(i.match, i.name, i.role) for i in found.items] == [("10.0.0.90", "PACS", "pacs")]
    assert found.problems == ()


@pytest.mark.few(2)
@pytest.mark.parametrize("form", ["tabs", "UTF-16", "no signs", "semicolons", "commas", "short"])
def test_the_plugin_reads_each_form(tshark: str, tmp_path: Path, form: str) -> None:
    assert tshark
    path = tmp_path / "inventory.tsv"
    text = FORMS[form].replace(b"10.0.0.90", b"127.0.0.1")
    if form == "UTF-16":
        text = TABS.replace("10.0.0.90", "127.0.0.1").encode("utf-16")
    path.write_bytes(text)
    known = CaptureOptions(inventory=for_taggers(path))
    quality = Quality()
    (source,) = find([CAPTURES / "echo_ok.pcapng"], known).sources
    hosts = [r for log, b in read(source, quality) if log == "known_dicom" for r in b.to_pylist()]
    assert {(host["category"], host["basis"]) for host in hosts} == {("pacs", "inventory")}
    assert quality.notes == []


def test_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "inventory.tsv"
    path.write_bytes(TABS.replace("PACS", "Tomógrafo São José").encode("latin-1"))
    assert read_inventory(path).items[0].name == "Tomógrafo São José"


def test_what_stands_twice_or_has_bits_of_a_host_is_told(tmp_path: Path) -> None:
    path = tmp_path / "inventory.tsv"
    more = "10.0.0.90\tother\tgateway\n10.0.1.5/24\tnet\tworkstation\n2001:DB8::/32\tnet\tother\n"
    path.write_text(TABS + more + "001b.21aa.bbcc\tswitch\tother\n10.0.0.1-9\trange\tother\n")
    found = read_inventory(path)
    assert [item.match for item in found.items] == [
        "10.0.0.90", "10.0.1.0/24", "2001:db8::/32", "00:1b:21:aa:bb:cc",
    ]  # fmt: skip
    told = [problem.split(", ", 1)[1] for problem in found.problems]
    assert told == [
        "line 4: 10.0.0.90 stands in line 3 already, which counts",
        "line 5: 10.0.1.5/24 has bits of a host; 10.0.1.0/24 was read",
        "line 8: '10.0.0.1-9' is no address, network (CIDR), MAC or ae:TITLE",
    ]


def test_a_network_is_the_sites_own_whatever_its_addresses(tmp_path: Path) -> None:
    path = tmp_path / "inventory.tsv"
    more = "143.107.0.0/16\tcampus\tLocal\n9.9.9.9\t-\tlocal\nae:X\t-\tlocal\n"
    more += "143.107.1.0/24\tCTs\tmodality\n"
    path.write_text(TABS + more)
    found = read_inventory(path)
    assert [item.match for item in found.items] == ["10.0.0.90", "143.107.1.0/24"]
    assert [str(network) for network in found.local] == ["143.107.0.0/16", "9.9.9.9/32"]
    assert len(found.problems) == 1
    assert "line 6" in found.problems[0]
    assert "not for 'ae:X'" in found.problems[0]
    assert found.find("143.107.9.9") is None
    told = {a: is_in(a, found.local) for a in ("143.107.9.9", "9.9.9.9", "9.9.9.8", "::1", "host")}
    assert [address for address, local in told.items() if local] == ["143.107.9.9", "9.9.9.9"]


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "inventory.tsv"
    path.write_text("name\tprice\na\t1\n")
    with pytest.raises(InputError, match="expected an inventory"):
        read_inventory(path)


@pytest.mark.parametrize("capacity", ["nan", "inf", "1e400", "-5", "1 Gbit/s"])
def test_a_capacity_that_is_none(tmp_path: Path, capacity: str) -> None:
    path = tmp_path / "inventory.csv"
    path.write_text(f"match,name,role,capacity\n10.0.0.1,CT,modality,{capacity}\n")
    found = read_inventory(path)
    assert found.items == ()
    assert "expected a number of megabits a second" in found.problems[0]
