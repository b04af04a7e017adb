"""Pseudonyms: the same for one key, prefix-preserving, and nobody's name in anything written."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacsflow.cli import main
from pacsflow.errors import InputError
from pacsflow.inventory import Inventory, Item, read_inventory
from pacsflow.ledger.tables import TABLES
from pacsflow.pseudonyms import COLUMNS, SPECIAL, Kind, Pseudonyms
from pacsflow.terms.log_fields import ZEEK_LOGS

if TYPE_CHECKING:
    from pathlib import Path

KEY = Pseudonyms(b"a key of at least sixteen bytes")
V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)


def common(a: object, b: object, width: int) -> int:
    """Return the length of two addresses' common prefix."""
    return width - (int(a) ^ int(b)).bit_length()  # type: ignore[call-overload]


@given(st.one_of(st.tuples(V4, V4), st.tuples(V6, V6)))
@settings(max_examples=300, deadline=None)
def test_as_many_bits_are_shared_after_as_before(pair: tuple[object, object]) -> None:
    width = pair[0].max_prefixlen  # type: ignore[attr-defined]
    if any(getattr(a, "ipv4_mapped", None) for a in pair):
        return
    made = [ipaddress.ip_address(KEY.address(str(a))) for a in pair]
    assert common(*made, width) == common(*pair, width)


@given(st.one_of(V4, V6))
@settings(max_examples=300, deadline=None)
def test_special_addresses_stay_special(address: ipaddress.IPv4Address) -> None:
    made = ipaddress.ip_address(KEY.address(str(address)))
    for network in SPECIAL:
        assert (address in network) == (made in network)


@given(V4, st.integers(0, 32))
@settings(max_examples=200, deadline=None)
def test_a_network_still_holds_its_hosts(address: ipaddress.IPv4Address, length: int) -> None:
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    made = ipaddress.ip_network(KEY.address(str(network)))
    assert ipaddress.ip_address(KEY.address(str(address))) in made
    assert made.prefixlen == length


def test_every_host_of_a_network_gets_its_own() -> None:
    hosts = [str(host) for host in ipaddress.ip_network("198.51.100.0/22", strict=False)]
    assert len({KEY.address(host) for host in hosts}) == len(hosts)


def test_the_key_decides() -> None:
    same = Pseudonyms(b"a key of at least sixteen bytes")
    other = Pseudonyms(b"another key of sixteen bytes")
    hosts = [f"203.0.113.{i}" for i in range(64)] + [f"10.9.8.{i}" for i in range(64)]
    assert [KEY.address(h) for h in hosts] == [same.address(h) for h in hosts]
    moved = sum(KEY.address(h) != other.address(h) for h in hosts)
    assert moved > 120
    assert KEY.title("PACS1") == same.title("PACS1") != other.title("PACS1")
    assert re.fullmatch(r"AE_[A-Z2-7]{8}", KEY.title("PACS1"))


def test_a_mac_becomes_a_locally_administered_one() -> None:
    made = KEY.address("00:1B:21:aa:bb:cc")
    assert made == KEY.address("00:1b:21:aa:bb:cc")
    assert int(made[:2], 16) & 3 == 2


def test_every_column_of_text_is_decided() -> None:
    schemas = [*ZEEK_LOGS.values(), *TABLES.values()]
    texts = {
        field.name
        for schema in schemas
        for field in schema
        if pa.types.is_string(getattr(field.type, "value_type", field.type))
    }
    assert texts <= set(COLUMNS)


def test_a_column_that_nobody_decided_is_emptied() -> None:
    table = pa.table(
        {
            "diary": ["SMITH^JOHN", None],
            "source": ["10.1.1.1", None],
            "move_destinations": [["WS1", "WS2"], None],
            "result": ["accepted", "rejected"],
            "bytes": [1, 2],
        }
    )
    made = KEY.table(table).to_pylist()
    assert made[0]["diary"] is None
    assert made[0]["source"] == KEY.address("10.1.1.1")
    assert made[0]["move_destinations"] == [KEY.title("WS1"), KEY.title("WS2")]
    assert made[1]["move_destinations"] is made[1]["source"] is None
    assert [row["result"] for row in made] == ["accepted", "rejected"]
    assert [row["bytes"] for row in made] == [1, 2]


def test_an_inventory_keeps_what_it_says() -> None:
    items = [
        Item("10.1.0.0/16", "Main building", "other", site="Centre"),
        Item("10.1.1.5", "PACS of radiology", "pacs", capacity=1000.0),
        Item("ae:CT1", "CT of the emergency room", "modality", "CT"),
    ]
    made = KEY.inventory(Inventory.of(items))
    assert "Main" not in str(made.items)
    found = made.find(KEY.address("10.1.1.5"))
    assert found is not None
    assert (found.role, found.capacity) == ("pacs", 1000.0)
    network = made.find(KEY.address("10.1.77.3"))
    assert network is not None
    assert network.role == "other"
    by_title = made.find("10.3.3.3", [KEY.title("CT1")])
    assert by_title is not None
    assert by_title.modality == "CT"


@pytest.mark.parametrize(
    "content", [b"", b"short", b"x" * 5000, b"k" * 32, b"abcabcabcabcabcabcabcabc", b" " * 40]
)
def test_a_key_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InputError, match="openssl rand"):
        Pseudonyms.read(path)


@pytest.mark.skipif(os.name != "posix", reason="rights of Unix")
@pytest.mark.parametrize("rights", [0o604, 0o602, 0o644])
def test_a_key_that_everybody_may_read_or_write_is_refused(tmp_path: Path, rights: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(SECRET)
    path.chmod(rights)
    with pytest.raises(InputError, match=f"open to every user.*chmod 600 {path}"):
        Pseudonyms.read(path)
    path.chmod(0o640)
    assert Pseudonyms.read(path).title("PACS1") == KIND.title("PACS1")


def test_a_missing_key_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top", ".", "--pseudonymise", str(tmp_path / "none")]) == 2
    assert "openssl rand" in capsys.readouterr().err


SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def hospital(
    hospital_logs: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, set[str]]:
    """Return a ledger, a key, and all that must not be seen."""
    folder = tmp_path_factory.mktemp("hospital")
    inventory = hospital_logs / "inventory.tsv"
    assert main(["ingest", str(hospital_logs), "--ledger", str(folder / "ledger")]) == 0
    (folder / "key").write_bytes(SECRET)
    (folder / "key").chmod(0o600)
    items = read_inventory(inventory).items
    secret = {item.name for item in items if len(item.name) > 4} | {
        item.site for item in items if len(item.site) > 4
    }
    for parts in ("traffic/**/*.parquet", "endpoints/**/*.parquet", "associations/**/*.parquet"):
        for path in (folder / "ledger").glob(parts):
            table = pq.ParquetFile(path).read()
            for column in ("source", "destination", "host", "ae_title", "calling_ae", "called_ae"):
                if column in table.column_names:
                    secret |= {v for v in table[column].to_pylist() if v and len(v) > 4}
    assert len(secret) > 50
    assert len(secret & kept_by_chance(secret)) < len(secret) / 20
    return folder, inventory, secret


def seen(text: str, secret: set[str]) -> set[str]:
    """Return which secrets stand in a text, as words of their own."""
    words = set(re.findall(r"[0-9A-Za-z_.:-]+", text))
    return (secret & words) | {s for s in secret if " " in s and s in text}


def kept_by_chance(secret: set[str]) -> set[str]:
    """Return the pseudonyms that are another host's address: permutations have such."""
    return {KIND.address(s) for s in secret if re.fullmatch(r"[0-9a-f.:]+", s)}


KIND = Pseudonyms(SECRET)


@pytest.mark.thorough
def test_the_page_says_so_and_counts_the_same(
    hospital: tuple[Path, Path, set[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, inventory, secret = hospital
    asked = ["report", "--ledger", str(folder / "ledger"), "--inventory", str(inventory)]
    asked += ["--no-forecast"]
    key = ["--pseudonymise", str(folder / "key")]
    assert main([*asked, *key, "-o", str(tmp_path / "week.html")]) == 0
    page = (tmp_path / "week.html").read_text()
    assert "pseudonyms" in page
    assert seen(re.sub(r"<[^>]*>", " ", page), secret) - kept_by_chance(secret) == set()
    capsys.readouterr()
    values = []
    for options in ([], key):
        assert main([*asked, *options, "--format", "json"]) == 0
        values.append(json.loads(capsys.readouterr().out))
    plain, hidden = values
    assert seen(json.dumps(plain), secret), "without a key the names are there"
    assert seen(json.dumps(hidden), secret) - kept_by_chance(secret) == set()
    assert hidden["totals"] == plain["totals"]
    assert sorted(f["rule"] for f in hidden["findings"]) == sorted(
        f["rule"] for f in plain["findings"]
    )
    assert [p["bytes_in"] for p in hidden["pacs"]] == [p["bytes_in"] for p in plain["pacs"]]
    assert hidden["provenance"]["pseudonymised"]


@pytest.mark.thorough
def test_one_host_is_asked_for_by_its_own_name(
    hospital: tuple[Path, Path, set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _, _ = hospital
    asked = ["top", "--ledger", str(folder / "ledger"), "--dicom", "--format", "json", "-n", "1"]
    assert main(asked) == 0
    first = json.loads(capsys.readouterr().out)[0]["source"]
    sums = []
    for options in ([], ["--pseudonymise", str(folder / "key")]):
        asked = ["series", "--ledger", str(folder / "ledger"), "--source", first]
        assert main([*asked, "--format", "json", *options]) == 0
        sums.append(json.loads(capsys.readouterr().out))
    assert sums[0] == sums[1]
    assert any(row["bytes"] for row in sums[0])


def test_no_kind_is_left_unused() -> None:
    assert set(COLUMNS.values()) == set(Kind) - {Kind.OWN, Kind.TOLD}
