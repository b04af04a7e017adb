"""A ledger of a hospital of 50 PACS endpoints and 2,000 hosts, made from a sensor's logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pacsflow.ledger import Ledger
from pacsflow.ledger.engine import engine
from pacsflow.readers import find
from pacsflow.simulator.bulk import write_conn_log
from pacsflow.terms.log_fields import DICOM

if TYPE_CHECKING:
    from pathlib import Path

PACS, DEVICES, HOSTS = 50, 400, 2000
"""Endpoints that store, modalities and workstations, and hosts in all."""
START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = (4, 3, 3, 3, 4, 8, 20, 50, 90, 100, 98, 92, 70, 80, 90, 85, 70, 50, 35, 28, 20, 16, 12, 8)
SHAPE = [value * (1.0 if day < 5 else 0.3) for day in range(7) for value in DAY]
TYPES = {"timestamp[us, tz=UTC]": "time", "string": "string", "double": "interval",
         "list<item: string>": "set[string]"}  # fmt: skip

_DICOM = """
    SELECT column00 AS ts, column01 AS uid, column02, column03, column04, column05,
           NULL AS community_id, column08 AS duration,
           'SCU' || replace(column02, '.', '_')[4:] AS calling_ae,
           'PACS' || replace(column04, '.', '_')[4:] AS called_ae,
           CASE WHEN hash(column01) % 50 = 0 THEN 'rejected' ELSE 'accepted' END AS result,
           CASE WHEN hash(column01) % 50 = 0 THEN 'closed' ELSE 'released' END AS end,
           {unset}
    FROM read_csv('{log}', delim='\t', header=false, comment='#', all_varchar=true, quote='',
                  escape='', nullstr='-')
    WHERE column07 = 'dicom' AND column08 IS NOT NULL ORDER BY ts
"""
FILLED = {
    "ctx_offered": "2", "ctx_accepted": "2", "sop_classes": "'CT Image Storage'",
    "transfer_syntaxes": "'ExplicitVRLittleEndian'", "services": "'storage'",
    "modalities": "CASE hash(column02) % 4 WHEN 0 THEN 'CT' WHEN 1 THEN 'MR' WHEN 2 THEN 'US'"
    " ELSE 'CR' END", "orig_roles": "'scu'", "resp_roles": "'scp'",
    "orig_impl_uid": "'1.2.826.0.1.' || hash(column02) % 9", "resp_impl_uid": "'1.2.40.0.13.1'",
    "store_rq": "12", "rsp_success": "12", "rsp_failure": "0", "data_bytes_orig": "column09",
    "data_bytes_resp": "0", "data_pdus": "40", "missed_bytes": "0",
}  # fmt: skip


def write_dicom_log(conn_log: Path, target: Path) -> None:
    """Write the dicom.log that goes with a conn.log: an association for each connection of it."""
    names = DICOM.names
    unset = [f"{FILLED.get(name, 'NULL')} AS {name}" for name in names[12:]]
    query = _DICOM.format(log=conn_log, unset=", ".join(unset))
    body = target.with_suffix(".rows")
    with engine() as connection:
        connection.execute(
            f"COPY ({query}) TO '{body}' (DELIMITER '\t', HEADER false, QUOTE '', ESCAPE '',"
            " NULLSTR '-')"
        )
    types = [TYPES.get(str(DICOM.field(name).type), "count") for name in names]
    types[2:6] = ["addr", "port", "addr", "port"]
    head = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-"]
    head += ["#path\tdicom", "#fields\t" + "\t".join(names), "#types\t" + "\t".join(types)]
    target.write_text("\n".join(head) + "\n" + body.read_text(), encoding="ascii")
    body.unlink()


def make(folder: Path, *, weeks: int = 8, rows: int = 200_000) -> Ledger:
    """Return the ledger of `weeks` weeks with `rows` connections each, from a log a week."""
    logs = folder / "logs"
    logs.mkdir(parents=True)
    for week in range(weeks):
        conn = logs / f"conn.{week}.log"
        start = START + timedelta(weeks=week)
        write_conn_log(
            conn,
            rows,
            seed=week + 1,
            hosts=HOSTS,
            start=start,
            servers=PACS,
            devices=DEVICES,
            shape=SHAPE,
        )
        write_dicom_log(conn, logs / f"dicom.{week}.log")
    ledger = Ledger(folder / "ledger", create=True)
    added = ledger.add(find([logs]).sources, simulated=True)
    assert not added.problems, added.problems
    return ledger
