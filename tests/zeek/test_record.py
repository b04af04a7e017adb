"""The package as it is has passed its tests on a real Zeek; where there is one, it does so now."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from record import run_btest
from zeek_package import RECORD, find_zeek, package_hash

needs_zeek = pytest.mark.skipif(
    find_zeek() is None, reason="no zeek on PATH, in /opt/zeek or /usr/local/zeek"
)


def test_the_package_has_not_changed_since_it_passed_on_a_real_zeek() -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert record["package"] == package_hash(), (
        f"zeek_scripts changed since its tests passed ({record['zeek']}): run "
        "tests/zeek/record.py where there is a Zeek"
    )


def test_the_record_says_what_passed_when_on_which_zeek() -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert re.fullmatch(r"[0-9a-f]{64}", record["package"])
    assert record["zeek"]
    for version, run in record["zeek"].items():
        assert tuple(map(int, version.split("-")[0].split(".")[:2])) >= (8, 0)
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", run["date"])
        assert run["tests_passed"] > 50


@needs_zeek
def test_all_tests_of_the_package_pass() -> None:
    passed, _ = run_btest()
    runs = json.loads(RECORD.read_text(encoding="utf-8"))["zeek"].values()
    assert {run["tests_passed"] for run in runs} == {passed}


def test_says_whether_the_zeek_tests_ran(capsys: pytest.CaptureFixture[str]) -> None:
    if find_zeek() is None:
        with capsys.disabled():
            print("\nzeek: not here, the tests of the Zeek package did not run")
