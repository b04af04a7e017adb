"""What Zeek raised: one finding a kind of notice and host."""

from __future__ import annotations

import pytest

from findings.a_week import CT, OTHER, PACS, VIEWER, a_week, assoc, in_full, notice
from pacsflow.findings import notices


def test_one_finding_a_kind_and_host() -> None:
    rows = [
        notice("Association_Flood", src=CT, dst=PACS, hours=5) | {"uid": "B"},
        notice("Association_Flood", src=CT, dst=VIEWER, hours=3) | {"uid": "A"},
        notice("Association_Flood", src=CT, hours=4) | {"uid": None},
        notice("Association_Flood", src=CT, dst=PACS, hours=6) | {"uid": "C"},
        notice("Association_Flood", src=CT, dst=PACS, hours=7) | {"uid": "D"},
        notice("Association_Flood", src=CT, hours=-0.1),
        notice("Association_Flood", src=CT, hours=168),
        notice("Association_Flood", hours=9) | {"note": "SSH::Password_Guessing"},
    ]  # fmt: skip
    (found,) = notices.from_zeek(a_week(notices=rows))
    assert (found.rule, found.area) == ("notice-Association_Flood", "security")
    assert in_full(found) == {
        "severity": "medium", "start": 3, "end": 7, "parties": [CT], "host": CT, "count": 5,
        "first": 3, "note": "Association_Flood", "peers": [PACS, VIEWER], "rows": ["A", "B", "C"],
    }  # fmt: skip


def test_who_it_was_is_the_source_or_the_originator_or_nobody() -> None:
    flow = {"id.orig_h": VIEWER, "id.resp_h": PACS}
    rows = [notice("Malformed", src=CT) | flow, notice("Malformed") | flow, notice("Malformed"),
            notice("Malformed") | flow]  # fmt: skip
    found = [in_full(f) for f in notices.from_zeek(a_week(notices=rows))]
    assert [(f["host"], f["parties"], f["peers"], f["count"]) for f in found] == [
        (VIEWER, [VIEWER], [PACS], 2), (None, [], [], 1), (CT, [CT], [PACS], 1),
    ]  # fmt: skip


def test_the_most_often_raised_first_then_by_name_and_host() -> None:
    rows = [notice("New_Peer", src=CT), notice("Echo_Scan", src=OTHER),
            notice("Echo_Scan", src=VIEWER), notice("Part10_In_Data_Set", src=CT),
            notice("Part10_In_Data_Set", src=CT)]  # fmt: skip
    found = [(f.rule, f.parties[0].address) for f in notices.from_zeek(a_week(notices=rows))]
    assert found == [
        ("notice-Part10_In_Data_Set", CT), ("notice-Echo_Scan", VIEWER),
        ("notice-Echo_Scan", OTHER), ("notice-New_Peer", CT),
    ]  # fmt: skip


def test_of_what_is_fetched_the_whole_week_is_told() -> None:
    rows = [
        assoc(1, orig=VIEWER, find_rq=2, get_rq=1, store_rq=30, data_bytes_resp=100),
        assoc(2, orig=VIEWER, move_rq=3, get_rq=0, store_rq=5, data_bytes_resp=10),
        assoc(3, orig=VIEWER), assoc(4, orig=CT, find_rq=9), assoc(-1, orig=VIEWER, find_rq=9),
        assoc(5, orig=VIEWER, get_rq=1),
    ]  # fmt: skip
    told = {"finds_number": 2, "fetches_number": 5, "objects_number": 30, "bytes": 110,
            "associations_number": 4}  # fmt: skip
    for name, host, much in (
        ("Bulk_Retrieval", VIEWER, told), ("Find_Enumeration", VIEWER, told),
        ("Bulk_Retrieval", OTHER, {}), ("Echo_Scan", VIEWER, {}),
    ):  # fmt: skip
        (found,) = notices.from_zeek(a_week(associations=rows, notices=[notice(name, src=host)]))
        assert {k: v for k, v in in_full(found).items() if k in told} == much


@pytest.mark.parametrize("name", sorted(notices.HIGH | notices.LOW | {"Echo_Scan"}))
def test_severities(name: str) -> None:
    grave = {
        "AE_Title_Guessing", "Bulk_Retrieval", "Cleartext_Credentials", "Executable_In_DICOM_File",
        "External_Association", "Find_Enumeration", "Move_To_Unknown_Destination",
        "Part10_In_Data_Set",
    }  # fmt: skip
    slight = {"Malformed", "New_Peer", "Reserved_Bits_Set"}
    expected = "high" if name in grave else "low" if name in slight else "medium"
    (found,) = notices.from_zeek(a_week(notices=[notice(name, src=OTHER)]))
    assert found.severity.value == expected
