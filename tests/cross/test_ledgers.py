"""Bytes to and from each host: Zeek's conn.log and the frames agree but for the link's headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES

from pacsflow.ledger import Ledger
from pacsflow.programs.zeek import export_zeek_logs
from pacsflow.readers import find

if TYPE_CHECKING:
    from pathlib import Path

ETHERNET = 14
"""Bytes of a frame that conn.log's IP bytes do not have."""


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["store", "move", "get", "parallel", "slow", "dies"])
def test_bytes_of_conn_log_and_of_frames_agree(
    name: str, tmp_path: Path, tshark: str, zeek_modules: Path
) -> None:
    assert tshark
    capture = CAPTURES / "lab" / f"{name}.pcap"
    logs = export_zeek_logs(capture, tmp_path, modules=zeek_modules)
    with Ledger.temporary() as ledger:
        ledger.add(find([logs.conn, capture]).sources)
        with ledger.connect() as connection:
            rows = connection.execute(
                "SELECT origin, source, destination, sum(packets)::BIGINT, sum(bytes)::BIGINT"
                " FROM traffic GROUP BY ALL"
            ).fetchall()
    found = {origin: {r[1:3]: r[3:] for r in rows if r[0] == origin} for origin, *_ in rows}
    assert found["zeek"].keys() == found["capture"].keys()
    assert sum(octets for _, octets in found["zeek"].values()) > 5_000
    for pair, (packets, octets) in found["zeek"].items():
        assert found["capture"][pair] == (packets, octets + ETHERNET * packets), pair


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["store", "rejects", "parallel", "aborts"])
def test_what_both_tools_saw_is_one_association(
    name: str, tmp_path: Path, tshark: str, zeek_modules: Path
) -> None:
    assert tshark
    capture = CAPTURES / "lab" / f"{name}.pcap"
    logs = export_zeek_logs(capture, tmp_path, modules=zeek_modules)
    told = []
    for inputs in ([logs.dicom], [capture], [logs.dicom, capture]):
        with Ledger.temporary() as ledger:
            ledger.add(find(inputs).sources)
            with ledger.connect() as connection:
                told.append(
                    connection.execute(
                        'SELECT "id.orig_p", result, "end", store_rq, data_bytes_orig'
                        " FROM associations ORDER BY ALL"
                    ).fetchall()
                )
    assert told[0] == told[1] == told[2]
    assert told[0]
