"""Make of a conn.log what a ledger keeps of it, with DuckDB, Polars, pyarrow or zat.

    python ledger_rivals.py TOOL LOG FOLDER

Two Parquet files (zstd) come out: ``traffic``, a row an (hour, source, destination, service), both
directions of each connection, sorted; and ``connections``, the imaging ones, by time. What a ledger
does besides is left out here: connections count in the hour in which they begin, none is looked for
twice, nothing is checked. It imports nothing of pacsflow, and runs in an environment of its own.
"""

from __future__ import annotations

import sys
from typing import Any

PORTS = (104, 11112, 2761, 2762, 4242)
COLUMNS = {
    "ts": float, "uid": str, "id.orig_h": str, "id.orig_p": int, "id.resp_h": str, "id.resp_p": int,
    "proto": str, "service": str, "duration": float, "orig_bytes": int, "resp_bytes": int,
    "conn_state": str, "local_orig": str, "local_resp": str, "missed_bytes": int, "history": str,
    "orig_pkts": int, "orig_ip_bytes": int, "resp_pkts": int, "resp_ip_bytes": int,
    "tunnel_parents": str, "ip_proto": int,
}  # fmt: skip
USED = [
    "ts", "uid", "id.orig_h", "id.resp_h", "id.resp_p", "proto", "service", "duration",
    "missed_bytes", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes",
]  # fmt: skip
SUMS = ["communications", "packets", "bytes", "missed_bytes"]
ORDER = ["hour", "source", "destination", "service"]


def is_json(log: str) -> bool:
    """Say whether a log has an object a row."""
    return ".json" in log


def with_duckdb(log: str, folder: str) -> None:
    """Let DuckDB do it, in SQL."""
    import duckdb

    kinds = {float: "DOUBLE", str: "VARCHAR", int: "BIGINT"}
    listed = ", ".join(f"'{name}': '{kinds[kind]}'" for name, kind in COLUMNS.items())
    if is_json(log):
        rows = f"read_json('{log}', format='newline_delimited', columns={{{listed}}})"
    else:
        rows = (
            f"read_csv('{log}', delim='\t', header=false, comment='#', quote='', escape='',"
            f" nullstr='-', auto_detect=false, columns={{{listed}}})"
        )
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    duck.execute(
        f"""CREATE TEMP TABLE conn AS SELECT *, floor(ts / 3600)::BIGINT AS h,
            CASE WHEN service = 'dicom' THEN 'dicom'
                 WHEN service IS NULL AND proto = 'tcp' AND "id.resp_p" IN {PORTS} THEN 'dicom?'
                 ELSE coalesce(service, proto) END AS named
            FROM (SELECT {", ".join(f'"{name}"' for name in USED)} FROM {rows})"""
    )
    duck.execute(
        f"""COPY (
            SELECT to_timestamp(h * 3600) AS hour, source, destination, service,
                   {", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)}
            FROM (SELECT h, "id.orig_h" AS source, "id.resp_h" AS destination, named AS service,
                         1 AS communications, orig_pkts AS packets, orig_ip_bytes AS bytes,
                         missed_bytes FROM conn
                  UNION ALL SELECT h, "id.resp_h", "id.orig_h", named, 0, resp_pkts,
                                   resp_ip_bytes, 0 FROM conn)
            GROUP BY ALL ORDER BY {", ".join(ORDER)}
        ) TO '{folder}/traffic.parquet' (COMPRESSION zstd)"""
    )
    duck.execute(
        f"""COPY (
            SELECT to_timestamp(ts) AS ts, uid, "id.orig_h" AS source, "id.resp_h" AS destination,
                   named AS service, orig_pkts AS source_packets, resp_pkts AS destination_packets,
                   orig_ip_bytes + resp_ip_bytes AS bytes, missed_bytes, history
            FROM conn WHERE named IN ('dicom', 'dicom?') ORDER BY ts
        ) TO '{folder}/connections.parquet' (COMPRESSION zstd)"""
    )


def with_polars(log: str, folder: str) -> None:
    """Let Polars do it, lazily and streaming."""
    import polars as pl

    kinds: dict[type, Any] = {float: pl.Float64, str: pl.String, int: pl.Int64}
    schema = {name: kinds[kind] for name, kind in COLUMNS.items()}
    if is_json(log):
        conn = pl.scan_ndjson(log, schema=schema)
    else:
        conn = pl.scan_csv(
            log, separator="\t", has_header=False, schema=schema, comment_prefix="#",
            quote_char=None, null_values=["-"],
        )  # fmt: skip
    by_port = (
        pl.col("service").is_null()
        & (pl.col("proto") == "tcp")
        & pl.col("id.resp_p").is_in(list(PORTS))
    )
    conn = conn.select(USED).with_columns(
        hour=(pl.col("ts") // 3600 * 1_000_000 * 3600).cast(pl.Datetime("us", "UTC")),
        named=pl.when(by_port).then(pl.lit("dicom?")).otherwise(pl.coalesce("service", "proto")),
    )
    there = {"id.orig_h": "source", "id.resp_h": "destination", "named": "service"}
    back = {"id.resp_h": "source", "id.orig_h": "destination", "named": "service"}
    one, none = pl.lit(1, pl.Int64), pl.lit(0, pl.Int64)
    both = pl.concat(
        conn.select(
            "hour", *(pl.col(name).alias(to) for name, to in names.items()),
            communications=begun, packets=packets, bytes=size, missed_bytes=missed,
        )
        for names, begun, packets, size, missed in (
            (there, one, pl.col("orig_pkts"), pl.col("orig_ip_bytes"), pl.col("missed_bytes")),
            (back, none, pl.col("resp_pkts"), pl.col("resp_ip_bytes"), none),
        )
    )  # fmt: skip
    traffic = both.group_by(ORDER).agg(pl.col(SUMS).sum()).sort(ORDER)
    imaging = conn.filter(pl.col("named").is_in(["dicom", "dicom?"])).select(
        ts=(pl.col("ts") * 1e6).cast(pl.Datetime("us", "UTC")), uid="uid", source="id.orig_h",
        destination="id.resp_h", service="named", source_packets="orig_pkts",
        destination_packets="resp_pkts", bytes=pl.col("orig_ip_bytes") + pl.col("resp_ip_bytes"),
        missed_bytes="missed_bytes", history="history",
    )  # fmt: skip
    pl.collect_all(
        [
            traffic.sink_parquet(f"{folder}/traffic.parquet", compression="zstd", lazy=True),
            imaging.sort("ts").sink_parquet(
                f"{folder}/connections.parquet", compression="zstd", lazy=True
            ),
        ],
        engine="streaming",
    )


def with_pyarrow(log: str, folder: str) -> None:
    """Let Arrow's readers and kernels do it."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from pyarrow import csv, json

    kinds = {float: pa.float64(), str: pa.string(), int: pa.int64()}
    types = {name: kinds[kind] for name, kind in COLUMNS.items()}
    if is_json(log):
        with pa.input_stream(log, compression="detect") as file:
            conn = json.read_json(
                file, parse_options=json.ParseOptions(explicit_schema=pa.schema(types))
            ).select(USED)
    else:
        conn = csv.read_csv(
            log,
            read_options=csv.ReadOptions(column_names=list(COLUMNS), skip_rows=8),
            parse_options=csv.ParseOptions(
                delimiter="\t", quote_char=False, escape_char=False,
                invalid_row_handler=lambda _row: "skip",
            ),
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=USED, null_values=["-"],
                strings_can_be_null=True,
            ),
        )  # fmt: skip
    ports = pa.array(PORTS, pa.int64())
    by_port = pc.and_(
        pc.and_(pc.is_null(conn["service"]), pc.equal(conn["proto"], "tcp")),
        pc.is_in(conn["id.resp_p"], ports),
    )
    named = pc.if_else(by_port, "dicom?", pc.coalesce(conn["service"], conn["proto"]))
    micro = pa.timestamp("us", "UTC")
    hour = pc.multiply(pc.floor(pc.divide(conn["ts"], 3600.0)), 3600e6).cast(pa.int64()).cast(micro)
    nothing = pa.repeat(pa.scalar(0, pa.int64()), len(conn))
    once = pa.repeat(pa.scalar(1, pa.int64()), len(conn))
    orig, resp = conn["id.orig_h"], conn["id.resp_h"]
    names = [*ORDER, *SUMS]
    there = [hour, orig, resp, named, once, conn["orig_pkts"], conn["orig_ip_bytes"]]
    back = [hour, resp, orig, named, nothing, conn["resp_pkts"], conn["resp_ip_bytes"]]
    both = pa.concat_tables(
        [
            pa.table([*there, conn["missed_bytes"]], names),
            pa.table([*back, nothing], names),
        ]
    )
    sums = both.group_by(ORDER).aggregate([(name, "sum") for name in SUMS])
    sums = sums.rename_columns([name.removesuffix("_sum") for name in sums.column_names])
    sums = sums.select(names).sort_by([(name, "ascending") for name in ORDER])
    pq.write_table(sums, f"{folder}/traffic.parquet", compression="zstd")
    conn = conn.append_column("named", named)
    rows = conn.filter(pc.is_in(conn["named"], pa.array(["dicom", "dicom?"]))).sort_by("ts")
    imaging = pa.table(
        {
            "ts": pc.multiply(rows["ts"], 1e6).cast(pa.int64(), safe=False).cast(micro),
            "uid": rows["uid"], "source": rows["id.orig_h"], "destination": rows["id.resp_h"],
            "service": rows["named"], "source_packets": rows["orig_pkts"],
            "destination_packets": rows["resp_pkts"],
            "bytes": pc.add(rows["orig_ip_bytes"], rows["resp_ip_bytes"]),
            "missed_bytes": rows["missed_bytes"], "history": rows["history"],
        }
    )  # fmt: skip
    pq.write_table(imaging, f"{folder}/connections.parquet", compression="zstd")


def with_zat(log: str, folder: str) -> None:
    """Let zat's `LogToDataFrame` read the columns, and pandas do the rest."""
    import pandas as pd
    from zat.log_to_dataframe import LogToDataFrame

    conn = LogToDataFrame().create_dataframe(log, ts_index=False, usecols=list(USED))
    hosts = ["id.orig_h", "id.resp_h", "service", "proto", "uid", "history"]
    conn[hosts] = conn[hosts].astype("string")
    by_port = conn.service.isna() & (conn.proto == "tcp") & conn["id.resp_p"].isin(PORTS)
    conn["service"] = conn.service.fillna(conn.proto).mask(by_port, "dicom?")
    conn["hour"] = conn.ts.dt.floor("h")
    there = {"id.orig_h": "source", "id.resp_h": "destination", "orig_pkts": "packets",
             "orig_ip_bytes": "bytes"}  # fmt: skip
    back = {"id.resp_h": "source", "id.orig_h": "destination", "resp_pkts": "packets",
            "resp_ip_bytes": "bytes"}  # fmt: skip
    sent = conn[["hour", "service", "missed_bytes", *there]].rename(columns=there)
    received = conn[["hour", "service", *back]].rename(columns=back)
    both = pd.concat(
        [sent.assign(communications=1), received.assign(communications=0, missed_bytes=0)]
    )
    sums = both.groupby(ORDER, observed=True)[SUMS].sum().reset_index()  # groupby sorts
    sums.to_parquet(f"{folder}/traffic.parquet", compression="zstd")
    rows = conn[conn.service.isin(["dicom", "dicom?"])].sort_values("ts")
    rows.to_parquet(f"{folder}/connections.parquet", compression="zstd")


def with_zat_sum(log: str, folder: str) -> None:
    """Let zat read five columns and sum bytes by hour, responder and service: no ledger at all."""
    from zat.log_to_dataframe import LogToDataFrame

    columns = ["ts", "id.resp_h", "service", "orig_ip_bytes", "resp_ip_bytes"]
    conn = LogToDataFrame().create_dataframe(log, ts_index=False, usecols=columns)
    by = [conn.ts.dt.floor("h"), "id.resp_h", "service"]
    sums = conn.groupby(by, observed=True)[["orig_ip_bytes", "resp_ip_bytes"]].sum()
    sums.to_parquet(f"{folder}/traffic.parquet", compression="zstd")


TOOLS = {
    "duckdb": with_duckdb,
    "polars": with_polars,
    "pyarrow": with_pyarrow,
    "zat": with_zat,
    "zat-sum": with_zat_sum,
}

if __name__ == "__main__":
    TOOLS[sys.argv[1]](*sys.argv[2:4])
