"""Logs made by hand, in every text of which stands what nobody may see, and every output of them.

`PYTHONPATH=tests python tests/pseudonyms/originals.py 40000` makes so many originals and counts
what gets out.
"""

from __future__ import annotations

import io
import ipaddress
import json
import random
import re
import shutil
import sys
import tempfile
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from conftest import tsv
from pacsflow.cli import main
from pacsflow.pseudonyms import Pseudonyms
from pacsflow.terms.log_fields import ZEEK_LOGS
from sampling import sflow_encoder as sflow

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = bytes(range(32))
T0 = 1772438400
"""2026-03-02 08:00 UTC, a Monday."""
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HOSTS = {"id.orig_h", "id.resp_h", "host", "src", "dst", "agent", "proxied_for"}
MACS = {"hw_source", "hw_destination"}
PLAIN = {
    "proto": "tcp", "service": "dicom", "conn_state": "SF", "history": "ShADadFf",
    "result": "accepted", "end": "released", "sop_classes": "CTImageStorage",
    "transfer_syntaxes": "ExplicitVRLittleEndian", "services": "storage", "modalities": "CT",
    "orig_roles": "scu", "resp_roles": "scp", "user_identity": "username", "flags": "midstream",
    "failure_codes": "0xA801", "role": "scp", "category": "pacs", "basis": "association",
    "operation": "store", "requestor": "orig", "note": "DICOM::New_Peer", "protocol": "TCP",
    "version": "TLSv12", "cipher": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "tunnel": "gre",
    "actions": "Notice::ACTION_LOG",
}  # fmt: skip
"""What stands in every second row where a word of a standard belongs, so that rows are counted."""


@dataclass(slots=True)
class Originals:
    """What must not be seen, and how more of it is made."""

    chance: random.Random
    seen: set[str] = field(default_factory=set)
    columns: dict[str, str] = field(default_factory=dict)
    """One original of each column."""

    def _kept(self, text: str) -> str:
        self.seen.add(text)
        return text

    def word(self) -> str:
        return self._kept("".join(self.chance.choices(ALPHABET, k=11)))

    def name(self) -> str:
        return f"{self.word()}^{self.word()}"

    def uid(self) -> str:
        return self._kept(f"1.2.826.0.1.{self.chance.randrange(10**14, 10**15)}")

    def host(self) -> str:
        """Return an address outside the blocks of which bits stay."""
        if self.chance.random() < 0.3:
            low = self.chance.getrandbits(96)
            return self._kept(str(ipaddress.IPv6Address(0x2A00 << 112 | low)))
        return self._kept(str(ipaddress.IPv4Address(self.chance.randrange(20 << 24, 90 << 24))))

    def mac(self) -> str:
        octets = self.chance.randbytes(5)
        return self._kept("00:" + ":".join(f"{octet:02x}" for octet in octets))

    def of(self, column: str) -> str:
        text = self._of(column)
        self.columns.setdefault(column, text)
        return text

    def _of(self, column: str) -> str:
        if column in HOSTS:
            return self.host()
        if column in MACS:
            return self.mac()
        if "uid" in column and "impl" in column:
            return self.uid()
        return self.word()


def _cell(made: Originals, field_: pa.Field, number: int) -> str:
    name, kind = field_.name, field_.type
    if pa.types.is_timestamp(kind):
        return f"{T0 + number * 60 + (30 if name == 'last' else 0)}.5"
    if pa.types.is_boolean(kind):
        return "T"
    if pa.types.is_list(kind) and not pa.types.is_string(kind.value_type):
        return "1,2"
    if pa.types.is_string(kind) or pa.types.is_list(kind):
        if number % 2 and name in PLAIN:
            return PLAIN[name]
        return made.of(name)
    return {"id.orig_p": "40000", "id.resp_p": "104", "sampling_rate": "1", "count": "3"}.get(
        name, "0.5" if pa.types.is_floating(kind) else str(1000 + number % 9)
    )


TYPES = {"string": "string", "int64": "count", "int32": "count", "double": "interval",
         "bool": "bool"}  # fmt: skip


def _log(made: Originals, log: str, rows: int) -> str:
    schema = ZEEK_LOGS[log]
    types = [
        "time" if pa.types.is_timestamp(f.type)
        else ("vector[count]" if "int" in str(f.type.value_type) else "set[string]")
        if pa.types.is_list(f.type) else TYPES[str(f.type)] for f in schema
    ]  # fmt: skip
    lines = ["\t".join(_cell(made, f, number) for f in schema) for number in range(rows)]
    bad = schema.names.index("ts")
    for _ in range(3):  # refused values are told as examples
        cells = [_cell(made, f, 1) for f in schema]
        cells[bad] = made.word()
        lines.append("\t".join(cells))
    fields = dict(zip(schema.names, types, strict=True))
    return tsv(lines, path=log, fields=fields, close=False)


def _table(made: Originals, rows: int) -> str:
    lines = ["Time,Source,Destination,Protocol,Length,Info,Hw src addr,Hw dest addr"]
    for number in range(rows):
        proto = made.word() if number % 2 else "TCP"
        lines.append(
            f"2026-03-02 08:{number % 60:02}:00,{made.host()},{made.host()},{proto},"
            f"{100 + number % 9},{made.word()},{made.mac()},{made.mac()}"
        )
    return "\n".join([*lines, f"{made.word()},{made.host()},{made.host()},TCP,1,,,"]) + "\n"


def _inventory(made: Originals, rows: int) -> str:
    lines = ["#fields\tmatch\tname\trole\tmodality\tsite\tcapacity"]
    for match in sorted(made.seen)[:rows]:
        known = match if re.fullmatch(r"[0-9a-f.:]+", match) and "1.2.826" not in match else ""
        lines.append(
            f"{known or 'ae:' + match}\t{made.name()}\tpacs\t{made.word()}\t{made.name()}\t1000"
        )
    lines += [f"{made.host()}\t{made.word()}\t{made.word()}\t-\t-", f"{made.name()}\tx\tpacs"]
    return "\n".join([*lines, f"{made.host()}\t{made.word()}\tpacs\t-\t-\t{made.word()}"]) + "\n"


def _sflow(made: Originals, path: Path) -> Path:
    """Write a capture of two agents that tell of hosts."""
    frames = []
    for number in range(20):
        told = sflow.tcp(_four(made), 40000, _four(made), 104, length=1400)
        sample = sflow.flow_sample(number, 1, 100, 100 * number, [sflow.raw_header(told, 1418)])
        frames.append((number, sflow.udp(sflow.datagram(_four(made), number, 1000, [sample]))))
    return sflow.write_pcap(path, frames)


def _four(made: Originals) -> str:
    """Return an IPv4 address."""
    return next(host for host in iter(made.host, "") if ":" not in host)


@dataclass(frozen=True, slots=True)
class Site:
    """Logs, a table, an inventory, a key, and what stands in them."""

    folder: Path
    logs: Path
    table: Path
    inventory: Path
    key: Path
    sflow: Path
    originals: frozenset[str]
    columns: dict[str, str]

    @property
    def ledger(self) -> Path:
        return self.folder / "book"


def site(folder: Path, count: int, seed: int = 1) -> Site:
    """Write logs with about `count` originals in them, and a ledger of them."""
    made = Originals(random.Random(seed))
    logs = folder / made.word()
    logs.mkdir(parents=True)
    rows = max(4, count // 92)  # so many texts a row of each kind of log has, about
    for log in ZEEK_LOGS:
        (logs / f"{made.word()}.{log}.log").write_text(_log(made, log, rows))
    (logs / f"{made.word()}.log").write_text(f"#fields\tts\t{made.word()}\n{made.word()}\n")
    table = folder / f"{made.word()}.csv"
    table.write_text(_table(made, rows))
    inventory = folder / f"{made.word()}.tsv"
    inventory.write_text(_inventory(made, rows // 4))
    key = folder / "key"
    key.write_bytes(SECRET)
    key.chmod(0o600)
    sflow = _sflow(made, logs / f"{made.word()}.pcap")
    place = Site(folder, logs, table, inventory, key, sflow, frozenset(made.seen), made.columns)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        assert main(["ingest", str(logs), "--ledger", str(place.ledger)]) == 0
    return place


def by_chance(originals: frozenset[str]) -> set[str]:
    """Return addresses that are another one's pseudonym: a permutation has such."""
    key = Pseudonyms(SECRET)
    return {key.address(text) for text in originals if re.fullmatch(r"[0-9a-f.:]{7,}", text)}


TABLES = ("table", "json", "csv")
COMMANDS: dict[str, list[list[str]]] = {
    "report": [["--no-forecast", "-o", "OUT.html"], ["--no-forecast", "--format", "json"],
               ["--no-forecast", "--archive", "OUT"]],
    "digest": [["--no-forecast"], ["--no-forecast", "--markdown"]],
    "findings": [["--no-forecast", "-f", how] for how in TABLES],
    "forecast": [*(["--each", "-f", how] for how in TABLES), ["--anomalies"], ["--backtest"]],
    "top": [["--by", by, "-n", "99999", "-f", how] for by, how in (
        ("source", "table"), ("destination", "json"), ("pair", "csv"), ("service", "table"),
        ("time", "json"), ("response-time", "csv"))],
    "associations": [["-n", "99999", "-f", how] for how in TABLES],
    "endpoints": [["-f", how] for how in TABLES],
    "times": [["-n", "99999", "-f", how] for how in TABLES],
    "series": [["-f", how] for how in TABLES],
    "map": [["--all", "-f", how] for how in (*TABLES, "dot", "graphml")],
    "sampling": [["-f", how] for how in TABLES],
    "export": [*(["-o", f"OUT.{end}", "--what", what] for end, what in (
        ("csv", "traffic"), ("json", "associations"), ("parquet", "endpoints"),
        ("csv", "notices"))), ["-o", "OUT.xlsx"]],
    "show": [],
    "explore": [],
    "inventory infer": [["-o", "OUT.tsv"], []],
    "watch": [["--once", "--archive", "OUT"]],
}  # fmt: skip
"""Every command that takes a key, and how its outputs are asked for: each question and each form
once, for a form writes whatever rows it is given."""
WITHOUT_INVENTORY = {"sampling", "watch", "explore"}


def _said(arguments: list[str]) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(arguments)
    return code, out.getvalue() + err.getvalue()


def _content(path: Path) -> str:
    """Return all text of a file that was written."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return str(table.schema.metadata) + json.dumps(table.to_pydict(), default=str)
    data = path.read_bytes()
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            data = b"\n".join(book.read(name) for name in book.namelist())
    return data.decode("utf-8", "replace")


def asked(place: Site, command: str) -> Iterator[list[str]]:
    """Yield the ways in which a command is asked, without the key."""
    inventory = [] if command in WITHOUT_INVENTORY else ["--inventory", str(place.inventory)]
    for options in COMMANDS[command]:
        if command == "watch":
            yield [command, str(place.logs), "--ledger", str(place.folder / "watched"), *options]
            continue
        yield [*command.split(), "--ledger", str(place.ledger), *inventory, *options]
        if options == COMMANDS[command][-1]:
            yield [*command.split(), str(place.logs), *inventory, *options]
    if command == "top":
        columns = ("protocol", "hw-source", "hw-destination", "info", "length", "source")
        for by, how in zip(columns, 2 * TABLES, strict=True):
            yield [command, str(place.table), "--by", by, "-n", "99999", "-f", how]
    if command == "show":
        for column in ("calling_ae", "id.resp_h", "uid", "ae_title", "src", "hw_source"):
            one = place.columns[column]
            yield [command, one, str(place.logs), "-n", "99999", "-f", "json"]
            if column in {"calling_ae", "ae_title", "src"}:
                yield [command, one, "--ledger", str(place.ledger), *inventory, "-f", "csv"]


def outputs(place: Site, command: str, *, key: bool = True) -> Iterator[tuple[list[str], int, str]]:
    """Yield each way, its exit code, and all that was written, under the key or without it."""
    under = ["--pseudonymise", str(place.key)] if key else []
    for number, way in enumerate(asked(place, command)):
        folder = place.folder / f"out-{key}" / command / str(number)
        folder.mkdir(parents=True)
        shutil.rmtree(place.folder / "watched", ignore_errors=True)
        words = [word.replace("OUT", str(folder / "out")) for word in way]
        code, said = _said([*words, *under])
        said = said.replace(str(folder), "")
        written = [_content(path) for path in sorted(folder.rglob("*")) if path.is_file()]
        names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
        yield way, code, "\n".join([said, *written, *names])


PARTS = re.compile(r"[0-9A-Za-z.:]+")


def leaked(text: str, originals: frozenset[str], chance: set[str]) -> set[str]:
    """Return the originals that stand in a text, also within other words."""
    parts = set(PARTS.findall(text))
    runs = {run for part in parts for run in re.findall(r"[A-Z]{11,}", part)}
    within = {run[i : i + 11] for run in runs for i in range(len(run) - 10)}
    trimmed = {part.strip(".:") for part in parts}
    return (originals & (parts | within | trimmed)) - chance


def run(count: int, seed: int = 1) -> int:
    """Put so many originals through every output; returns how many got out."""
    bad = ways = 0
    with tempfile.TemporaryDirectory() as folder:
        place = site(Path(folder), count, seed)
        chance = by_chance(place.originals)
        for command in COMMANDS:
            for way, code, text in outputs(place, command):
                ways += 1
                if out := leaked(text, place.originals, chance):
                    bad += len(out)
                    sys.stdout.write(f"{way}: {len(out)}: {sorted(out)[:3]}\n")
                elif code:
                    sys.stdout.write(f"{way}: exit code {code}: {text[:150]!r}\n")
        told = f"{len(place.originals):,} originals, {ways} outputs, {bad} got out"
        sys.stdout.write(f"{told}; {len(place.originals & chance)} are pseudonyms, too\n")
    return bad


if __name__ == "__main__":
    sys.exit(bool(run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)))
