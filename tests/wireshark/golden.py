"""What the plugin tells of each capture in tests/captures, frame by frame and table by table.

`python tests/wireshark/golden.py --write` writes it anew to tests/wireshark/golden; look at the
differences before they are committed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pacsflow.programs import tools

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.wireshark import tagging

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GOLDEN = HERE / "golden"
CAPTURES = ROOT / "tests" / "captures"
TABLES = ("associations", "endpoints", "io", "talkers", "operations")
FIELDS = (
    "frame.number", "pacsflow.assoc.id", "pacsflow.assoc.state", "pacsflow.direction",
    "pacsflow.calling_ae", "pacsflow.called_ae", "pacsflow.operation", "pacsflow.sop_class.name",
    "pacsflow.modality", "pacsflow.message_id", "pacsflow.status", "pacsflow.src.tag",
    "pacsflow.dst.tag", "pacsflow.pacs_direction", "pacsflow.tag_basis", "pacsflow.confidence",
)  # fmt: skip
# Of a long capture every so many frames are enough.
FRAMES = 100


def captures() -> dict[str, Path]:
    """Return the captures by the name of their golden file."""
    found = sorted([*CAPTURES.glob("*.pcap*"), *CAPTURES.glob("lab/*.pcap")])
    return {
        "-".join(path.relative_to(CAPTURES).with_suffix("").parts): path
        for path in found
        if path.suffix in {".pcap", ".pcapng"}
    }


def run(capture: Path, *arguments: str, tshark: str) -> str:
    """Return what tshark with the plugin prints; with the key log beside the capture, if any."""
    keys = capture.with_suffix(".keys")
    done = tagging.run(tshark, capture, *arguments, keys=keys if keys.is_file() else None)
    done.check_returncode()
    return done.stdout


def tell(capture: Path, tshark: str) -> str:
    """Return all that is told of one capture."""
    fields = [part for name in FIELDS for part in ("-e", name)]
    tables = [part for name in TABLES for part in ("-z", f"pacsflow,{name}")]
    told = run(capture, "-T", "fields", *fields, *tables, tshark=tshark)
    frames, _, text = told.partition("\n\n")
    lines = frames.splitlines()
    shown = lines[:: 1 + len(lines) // FRAMES]
    return "\n".join(["\t".join(FIELDS), *shown]) + "\n\n" + text


def main() -> int:
    """Write the golden files, or say which differ from what the plugin tells now."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write them; else compare")
    write = parser.parse_args().write
    GOLDEN.mkdir(exist_ok=True)
    wanted = captures()
    different = [path for path in GOLDEN.glob("*.tsv") if path.stem not in wanted]
    for name, capture in wanted.items():
        path, text = GOLDEN / f"{name}.tsv", tell(capture, str(tools.tshark().path))
        if not path.is_file() or path.read_text() != text:
            different.append(path)
            if write:
                path.write_text(text)
    for path in different:
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        if write and path.stem not in wanted:
            path.unlink()
    return 1 if different and not write else 0


if __name__ == "__main__":
    sys.exit(main())
