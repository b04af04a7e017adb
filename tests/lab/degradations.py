"""What worse captures still tell: recall and precision by field, degradation and tagger.

`python tests/lab/degradations.py` makes the worse versions of the lab's captures, reads them with
both taggers, holds their rows against what really happened, and writes the tables into
docs/cross-check.md. `--print` only prints them. Ends with 1 where something was invented.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

import degrade
import endpoints

from pacsflow.programs.cross_check import Row, last_rows, read_log
from pacsflow.programs.tshark import export_logs
from pacsflow.programs.zeek import compiled_package, export_zeek_logs, find_zeek

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LAB = ROOT / "tests" / "captures" / "lab"
PAGE = ROOT / "docs" / "cross-check.md"
START, END = "<!-- made by tests/lab/degradations.py -->", "<!-- end -->"
ENDS = ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")
RARE = (
    "reject_result", "reject_source", "reject_reason", "abort_source", "abort_reason",
    "failure_codes", "move_destinations", "user_identity",
)  # fmt: skip
"""Fields that are unset unless the truth has them."""
SAMPLED = {"1 in 10", "1 in 10, cut"}
FIRST = {"association", "originator", "known_dicom.endpoint"}
KNOWN = "known_dicom."
COUNT = re.compile(r".*_rq|rsp_.*|data_.*")
OF_CONTEXTS = {"sop_classes", "services", "modalities", "orig_roles", "resp_roles"}
NOT_SAID = {"result": "unknown", "end": "incomplete"}

Score = dict[str, list[int]]
"""By field: how often there was something to tell, how often it was told, and told right."""


def scenarios() -> tuple[list[degrade.Frame], list[dict[str, Any]]]:
    """Return the frames of all scenarios outside TLS, in the order of time, and the truth."""
    frames: list[degrade.Frame] = []
    truth: list[dict[str, Any]] = []
    for path in sorted(LAB.glob("*.json")):
        if not path.with_suffix(".keys").is_file():
            frames += degrade.read(path.with_suffix(".pcap"))
            told = json.loads(path.read_text(encoding="utf-8"))
            truth += told["associations"]
            truth += [{**row, "odd": True} for row in told["of_another_application_context"]]
    return sorted(frames, key=lambda f: f.time), truth


def is_marked(row: Row) -> bool:
    """Return whether a row says of itself that something is missing."""
    flags = set(row["flags"].split(","))
    return (
        bool(flags & {"truncated", "sampled", "midstream", "one_sided"})
        or row["missed_bytes"] != "0"
        or row["end"] == "incomplete"
    )


def is_partial(field: str, row: Row) -> bool:
    """Return whether a row says that a field may hold less than there was."""
    # Of what the contexts say, too, where request or answer could not be read.
    return is_marked(row) or (
        field in OF_CONTEXTS and "-" in (row["ctx_offered"], row["ctx_accepted"])
    )


def judge(field: str, wanted: Any, row: Row) -> tuple[bool, bool]:
    """Return whether the row tells the field, and whether what it tells is right.

    A count or a set that holds less than there was, in a row that says that something is missing,
    is a part that is known to be one: not told, and not wrong.
    """
    cell = row[field]
    if cell in {"-", NOT_SAID.get(field)}:
        return False, False
    if isinstance(wanted, list):
        told = set(cell.split(","))
        if told < set(wanted) and is_partial(field, row):
            return False, False
        return True, told == set(wanted)
    if COUNT.match(field) and int(cell) < wanted and is_partial(field, row):
        return False, False
    return True, cell == str(wanted)


def score(rows: list[Row], truth: list[dict[str, Any]]) -> tuple[Score, list[str]]:
    """Return the scores by field, and what was told wrongly or of nothing."""
    scores: Score = defaultdict(lambda: [0, 0, 0])
    wrong, left = [], list(rows)
    for wanted in truth:
        keys = [k for k in ENDS if k in wanted]
        mine = [r for r in left if all(r[k] == str(wanted[k]) for k in keys)]
        swapped = {"orig": "resp", "resp": "orig"}
        other = [
            r for r in left
            if all(r[f"id.{swapped[k[3:7]]}{k[7:]}"] == str(wanted[k]) for k in keys)
        ]  # fmt: skip
        found = mine or other
        left = [r for r in left if r not in found]
        if "odd" in wanted:
            # Need not be told; what is told of it has to be right.
            fields = (wanted.keys() | set(RARE)) - {*ENDS, "odd"}
            judged = [(f, judge(f, wanted.get(f), row)) for row in found for f in fields]
            wrong += [f"{f} of an odd request" for f, (told, right) in judged if told > right]
            continue
        scores["association"][0] += 1
        if not found:
            for field in wanted.keys() - set(ENDS):
                scores[field][0] += 1
            continue
        row = found[0]
        scores["association"][1] += len(found)
        scores["association"][2] += 1
        scores["originator"][0] += 1
        scores["originator"][1] += 1
        scores["originator"][2] += bool(mine)
        wrong += [f"association told {len(found)} times"] * (len(found) > 1)
        wrong += ["originator and responder changed"] * (not mine)
        for field in (wanted.keys() | set(RARE)) - set(ENDS):
            told, right = judge(field, wanted.get(field), row)
            counts = scores[field]
            counts[0] += field in wanted
            counts[1] += told
            counts[2] += right
            if told and not right:
                where = " ".join(str(wanted[k]) for k in keys)
                wrong.append(f"{field}: {row[field]}, was {wanted.get(field)} ({where})")
    scores["association"][1] += len(left)
    wrong += [f"association that was none: {' '.join(r[k] for k in ENDS)}" for r in left]
    return scores, wrong


def cell(counts: list[int]) -> str:
    """Return recall and precision in percent."""
    there, told, right = counts
    if not there:
        return ""
    return f"{100 * right / there:.0f} / {100 * right / told:.0f}" if told else "0 / -"


def worse(frames: list[degrade.Frame], seeds: int) -> Iterator[tuple[str, list[degrade.Frame]]]:
    """Yield the degradations by name, those by chance once for each seed."""
    for name, worsen in degrade.DEGRADATIONS.items():
        yield name, worsen(frames)
    for name, by_chance in degrade.BY_CHANCE.items():
        for seed in range(1, seeds + 1):
            yield name, by_chance(frames, seed)


def last_of_endpoints(path: Path) -> list[Row]:
    """Return the last row of each endpoint."""
    keys = ("host", "port_num", "ae_title", "role")
    return list({tuple(row[k] for k in keys): row for row in read_log(path).rows}.values())


def measure(tools: dict[str, Any], seeds: int = 1) -> dict[str, dict[str, tuple[Score, list[str]]]]:
    """Return scores and errors by tagger and degradation, over all seeds.

    Rows of dicom.log are held against what really happened, those of known_dicom.log against those
    of the whole capture, the first of the degradations.
    """
    frames, truth = scenarios()
    found: dict[str, dict[str, tuple[Score, list[str]]]] = {name: {} for name in tools}
    whole: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, those) in enumerate(worse(frames, seeds)):
            path = degrade.write(Path(scratch) / "worse.pcap", those)
            for tool, run in tools.items():
                out = Path(scratch) / tool / str(number)
                run(path, out, 10 if name in SAMPLED else None)
                scores, wrong = score(list(last_rows(read_log(out / "dicom.log")).rows), truth)
                known = last_of_endpoints(out / "known_dicom.log")
                of_endpoints, made_up = endpoints.score(known, whole.setdefault(tool, known))
                scores |= of_endpoints
                wrong += made_up
                total, errors = found[tool].setdefault(name, (defaultdict(lambda: [0, 0, 0]), []))
                for field, counts in scores.items():
                    total[field] = [a + b for a, b in zip(total[field], counts, strict=True)]
                errors += wrong
                shutil.rmtree(out)
    return found


def tables(found: dict[str, dict[str, tuple[Score, list[str]]]]) -> str:
    """Return the tables, as Markdown."""
    titles = {"plugin": "The Wireshark plugin", "zeek": "The Zeek package"}
    out = []
    for tool, by_name in found.items():
        fields = list(dict.fromkeys(f for scores, _ in by_name.values() for f in sorted(scores)))
        fields.sort(key=lambda f: (KNOWN in f, f not in FIRST, f))
        out += [f"### {titles[tool]}", "", f"| field | {' | '.join(by_name)} |"]
        out += ["|---" * (len(by_name) + 1) + "|"]
        for field in fields:
            cells = [cell(scores.get(field, [0, 0, 0])) for scores, _ in by_name.values()]
            out.append(f"| {field} | {' | '.join(cells)} |")
        out.append("")
    return "\n".join(out)


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--print", action="store_true", help="leave the page as it is")
    parser.add_argument("--seeds", type=int, default=5, help="draws of what is by chance")
    asked = parser.parse_args()
    modules = compiled_package(find_zeek())
    found = measure(
        {
            "plugin": lambda path, out, rate: export_logs(path, out, sampling_rate=rate),
            "zeek": lambda path, out, _: export_zeek_logs(path, out, modules=modules),
        },
        asked.seeds,
    )
    made = tables(found)
    errors = 0
    for tool, by_name in found.items():
        for name, (_, wrong) in by_name.items():
            for line in wrong:
                errors += 1
                print(f"{tool}, {name}: {line}")
    if asked.print:
        print(made)
    else:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(START)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{START}\n\n{made}\n{END}{after}", encoding="utf-8")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
