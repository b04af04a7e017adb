"""The notebooks run from their first cell to their last, and no cell floods the screen."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))
MOST = 20_000
"""Characters that a cell may print."""


@pytest.mark.few(1)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in book.cells), "its outputs are not kept"
    NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "stream", output
            assert len(str(output)) < MOST
    if path.stem == "study":  # as its text promises
        assert "with 216 it can be told" in book.cells[-1].outputs[0].data["image/svg+xml"]
