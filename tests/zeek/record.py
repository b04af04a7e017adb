"""Runs the package's own tests on the real Zeek and records that they passed.

`python tests/zeek/record.py` writes `tests/zeek/record.json`: the hash of the package and its
tests, and for each version of Zeek on which they passed the date and the number of tests. `make
test` fails wherever the package has changed since, so that it cannot drift unseen where there is no
Zeek. Which Zeek runs is the first on PATH; run it once with each.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from zeek_package import (
    PACKAGE,
    RECORD,
    build_package,
    environment_path,
    find_zeek,
    package_hash,
)

TESTING = PACKAGE / "testing"


def run_btest(*arguments: str) -> tuple[int, str]:
    """Run btest on the package; return the number of tests that passed, and all that it said.

    Raises
    ------
    AssertionError
        Where a test failed, or none ran.
    """
    build_package()
    ran = subprocess.run(
        ["btest", "-c", "btest.cfg", "-j", "2", "-d", *arguments],
        cwd=TESTING,
        env={**os.environ, "PATH": environment_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    said = ran.stdout + ran.stderr
    passed = re.search(r"all (\d+) tests successful", said)
    assert ran.returncode == 0, said
    assert passed, said
    return int(passed.group(1)), said


def main() -> int:
    """Run all tests and write the record."""
    zeek = find_zeek()
    if zeek is None:
        print("zeek is not here; the record stays as it is")
        return 2
    passed, _ = run_btest(*sys.argv[1:])
    version = subprocess.run([zeek, "--version"], capture_output=True, text=True, check=True)
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    if record["package"] != package_hash():
        record = {"package": package_hash(), "zeek": {}}
    record["zeek"][version.stdout.split()[-1]] = {
        "date": datetime.now(UTC).date().isoformat(),
        "tests_passed": passed,
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(RECORD.read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
