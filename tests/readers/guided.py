"""Inputs that atheris makes of the readers' own branches: `python -m tests.readers.guided -runs=N`.

The first byte says which kind of source the rest is written as.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["pacsflow.readers"]):
    from tests.readers import fuzz

    from pacsflow.errors import PacsflowError


def main() -> None:
    kinds = fuzz.sources()
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, (name, content) in enumerate(kinds):
            (corpus / name).write_bytes(bytes([number]) + content)

        def one(data: bytes) -> None:
            if not data:
                return
            path = Path(folder) / kinds[data[0] % len(kinds)][0]
            path.write_bytes(data[1:])
            try:
                wrong = fuzz.read_all(path, data[1:], ledger=False)
            except PacsflowError:
                return
            if wrong:
                raise AssertionError(wrong)

        atheris.Setup([*sys.argv, str(corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
