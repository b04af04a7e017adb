"""What a command does not need it does not load: each of these libraries takes half a second."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from conftest import json_log
from pacsflow.lean import without_pandas

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    Write = Callable[[str, str | bytes], Path]

LOADED = """
import sys
from pacsflow.cli import main
HEAVY = {"jinja2", "matplotlib", "openpyxl", "pandas", "scipy", "statsmodels"}
for words in sys.argv[1:]:
    assert main(words.split("|")) == 0
    print(*sorted(HEAVY & {*sys.modules}))
"""
ALONE = """
import sys
import numpy as np
import pyarrow as pa
from pacsflow.lean import without_pandas
without_pandas()
pa.array([1]), pa.array(np.array([1.5])), pa.table({"a": ["x"]}), pa.scalar(["x"])
print("pandas" in sys.modules, len(pa.table({"a": [1, 2]}).to_pandas()))
import pandas as pd
print(pa.array(pd.Series([1.0, None])).null_count)
"""
T0 = 1772438400


def told(code: str, *words: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", code, *words], check=True, capture_output=True, text=True
    )
    return ran.stdout.splitlines()


def test_adding_and_a_page_from_a_ledger_load_no_library_of_tables_or_models(
    write: Write, tmp_path: Path
) -> None:
    hours = [{"uid": f"C{hour}", "ts": T0 + hour * 3600.0} for hour in range(30)]
    logs = write("logs/conn.log", json_log(hours)).parent
    book, page = tmp_path / "ledger", tmp_path / "page.html"
    ingest, report = f"ingest|{logs}|--ledger|{book}", f"report|--ledger|{book}|-o|{page}"
    assert told(LOADED, ingest, report)[-3::2] == ["", "jinja2"]


def test_arrow_goes_without_pandas_until_somebody_needs_it() -> None:
    assert told(ALONE) == ["False 2", "1"]


def test_where_pandas_is_loaded_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", sys)
    before = list(sys.meta_path)
    without_pandas()
    assert sys.meta_path == before
