"""In old months the Internet's hosts become one: sums stay exact to the byte, imaging whole."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from conftest import tsv
from ledger.books import DAY, T0
from pacsflow.cli import main
from pacsflow.ledger import Ledger
from pacsflow.ledger.merging import merge
from pacsflow.ledger.rollup import roll_up
from pacsflow.ledger.upkeep import verify
from pacsflow.pseudonyms import Pseudonyms
from pacsflow.readers import find
from pacsflow.terms.networks import is_local

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]
APRIL = date(2026, 4, 20)
OWN = "192.168.1.5"


def row(number: int, client: str, server: str, service: str = "ssl", **more: Any) -> dict[str, Any]:
    return {
        "uid": f"C{number}", "ts": f"{T0 + 7 * number % DAY}.000001", "id.orig_h": client,
        "id.resp_h": server, "id.resp_p": 443, "service": service,
        "orig_ip_bytes": 1000 + number, "resp_ip_bytes": 20 + number, **more,
    }  # fmt: skip


def outside(number: int) -> str:
    return f"81.{number // 60000}.{number // 250 % 240}.{number % 250 + 1}"


MARCH = [
    *(row(n, OWN, outside(n)) for n in range(2000)),
    *(row(3000 + n, outside(n), "192.168.1.6", "http") for n in range(500)),
    row(4000, OWN, "192.168.1.6"),
    row(4001, OWN, "81.9.9.9", "dicom", **{"id.resp_p": 104}),
    row(4002, OWN, "81.9.9.9"),
]
"""Two hosts and the Internet, a pair of the site's own, and a partner outside who gets images."""


@pytest.fixture
def ledger(tmp_path: Path, write: Write) -> Ledger:
    made = Ledger(tmp_path / "ledger", create=True)
    later = [row(5000 + n, OWN, outside(n), ts=f"{T0 + 60 * DAY + n}.5") for n in range(30)]
    for name, rows in (("a", MARCH[::2]), ("b", MARCH[1::2]), ("c", later)):
        path = write(f"{name}/conn.log", tsv(rows, close=False))
        assert not made.add(find([path]).sources).problems
    return made


ASKED = (
    "SELECT epoch(hour)::BIGINT, service, sum(communications)::BIGINT, sum(packets)::BIGINT,"
    " sum(bytes)::BIGINT",
    "SELECT source, epoch(hour)::BIGINT, service, sum(communications)::BIGINT, sum(bytes)::BIGINT",
    "SELECT destination, epoch(hour)::BIGINT, service, sum(packets)::BIGINT, sum(bytes)::BIGINT",
    "SELECT source, destination, sum(bytes)::BIGINT",
)
WHERE = (
    "",
    "WHERE source LIKE '192.168.%'",
    "WHERE destination LIKE '192.168.%'",
    "WHERE (source LIKE '192.168.%' AND destination LIKE '192.168.%') OR '81.9.9.9' IN"
    " (source, destination) OR hour >= DATE '2026-04-01'",
)


def answers(ledger: Ledger) -> list[list[Any]]:
    with ledger.connect() as connection:
        return [
            connection.sql(f"{query} FROM traffic {where} GROUP BY ALL ORDER BY ALL").fetchall()
            for query, where in zip(ASKED, WHERE, strict=True)
        ]


def count(ledger: Ledger, what: str = "count(*)") -> Any:
    with ledger.connect() as connection:
        return connection.sql(f"SELECT {what} FROM seen_traffic").fetchall()[0][0]


def test_sums_stay_exact_and_imaging_whole(ledger: Ledger) -> None:
    before = answers(ledger)
    was, now = roll_up(ledger, APRIL, is_local)
    assert answers(ledger) == before
    assert was > 5000
    assert now < 50
    assert not verify(ledger)
    assert count(ledger, "count(DISTINCT source)") == 34
    ledger.compact()
    assert answers(ledger) == before
    assert roll_up(ledger, APRIL, is_local)[1] == roll_up(ledger, APRIL, is_local)[0]


def test_what_has_grown_or_comes_late_counts_once(ledger: Ledger, write: Write) -> None:
    roll_up(ledger, APRIL, is_local)
    before = count(ledger, "sum(bytes)::BIGINT")
    more = [row(6000 + n, OWN, outside(n)) for n in range(9)]
    assert len(ledger.add(find([write("a/conn.log", tsv(MARCH[::2] + more))]).sources).added) == 1
    grown = before + sum(2 * (6000 + n) + 1020 for n in range(9))
    assert count(ledger, "sum(bytes)::BIGINT") == grown
    assert len(ledger.entries()) == 3
    roll_up(ledger, APRIL, is_local)
    assert count(ledger, "sum(bytes)::BIGINT") == grown
    assert count(ledger) < 150


@pytest.mark.few(1)
@pytest.mark.parametrize("apart", [0.0, 0.1, -0.2])
def test_what_another_sensor_tells_late_counts_once(
    tmp_path: Path, write: Write, apart: float
) -> None:
    """South sees what north saw, and ten connections more, when north's month is rolled up."""
    ledger = Ledger(tmp_path / "ledger", create=True)
    later = row(5000, OWN, outside(1), ts=f"{T0 + 60 * DAY}.5")
    north = write("north/conn.log", tsv([*MARCH, later], close=False))
    ledger.add(find([north]).sources, sensor="north")
    roll_up(ledger, APRIL, is_local)
    before = count(ledger, "sum(bytes)::BIGINT")
    more = [row(6000 + n, OWN, outside(n)) for n in range(10)]
    south = [
        {**one, "uid": f"S{one['uid']}", "ts": f"{float(one['ts']) + apart:.6f}"}
        for one in [*MARCH, *more]
    ]
    late = write("south/conn.log", tsv(south, close=False))
    (entry,) = ledger.add(find([late]).sources, sensor="south").added
    whole = before + sum(2 * (6000 + n) + 1020 for n in range(10))
    assert "2,500 rows tell connections that another sensor told" in entry.notes[0]
    for _ in range(2):
        with ledger.connect() as connection:
            told = connection.sql("SELECT sum(bytes)::BIGINT FROM traffic").fetchall()[0][0]
        assert told == whole
        roll_up(ledger, APRIL, is_local)
    assert len(ledger.add(find([late]).sources, sensor="south").known) == 1


def test_a_million_remote_hosts_do_not_stay(tmp_path: Path, write: Write) -> None:
    """Here twenty thousand: what is left does not follow their number."""
    ledger = Ledger(tmp_path / "ledger", create=True)
    rows = [row(n, OWN, outside(n)) for n in range(20_000)]
    rows.append(row(99_999, OWN, outside(1), ts=f"{T0 + 70 * DAY}.5"))
    ledger.add(find([write("conn.log", tsv(rows))]).sources)
    whole = count(ledger, "sum(bytes)::BIGINT")
    was, now = roll_up(ledger, APRIL, is_local)
    assert was >= 40_000
    assert now == 2 * 24
    assert count(ledger, "sum(bytes)::BIGINT") == whole


def test_what_sensors_both_saw_still_counts_once(tmp_path: Path, write: Write) -> None:
    ledger = Ledger(tmp_path / "ledger", create=True)
    north = [row(n, OWN, outside(n)) for n in range(100)]
    south = [row(n, OWN, outside(n), orig_ip_bytes=900) for n in range(50, 150)]
    late = [row(n, OWN, outside(n), ts=f"{T0 + 70 * DAY}.5") for n in range(2)]
    for name, rows in (("north", north), ("south", south)):
        path = write(f"{name}/conn.log", tsv(rows + late))
        ledger.add(find([path]).sources, sensor=name)
    before = answers(ledger)
    roll_up(ledger, APRIL, is_local)
    assert answers(ledger) == before
    ledger.pseudonyms = Pseudonyms(b"a key that is long enough")
    with ledger.connect() as connection:
        sums = connection.sql(
            "SELECT sum(bytes)::BIGINT, bool_or(source = 'internet') FROM traffic"
        ).fetchall()
    assert sums == [(sum(told[-1] for told in before[0]), True)]


@pytest.mark.few(1)
@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_a_merge_says_what_it_cannot_tell_apart(
    ledger: Ledger, tmp_path: Path, write: Write, *, here: bool, there: bool
) -> None:
    other = Ledger(tmp_path / "other", create=True)
    again = [{**r, "uid": f"D{r['uid']}", "orig_ip_bytes": 900} for r in MARCH]
    other.add(find([write("d/conn.log", tsv(again))]).sources, sensor="south")
    for book, rolls in ((ledger, here), (other, there)):
        if rolls:
            roll_up(book, APRIL, is_local)
    assert (merge(ledger, other).rolled > 0) == (here or there)


def test_it_is_done_where_the_site_says_so_alone(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    was = count(ledger)
    assert main(["ledger", "compact", str(ledger.folder)]) == 0
    assert count(ledger) == was
    assert main(["ledger", "compact", str(ledger.folder), "--roll-up", "soon"]) == 2
    assert "--roll-up soon: expected a number" in capsys.readouterr().err
    settings = tmp_path / "pacsflow.toml"
    settings.write_text('[ledger]\nroll_up = "1d"\n[site]\nlocal_networks = ["81.0.0.0/8"]\n')
    monkeypatch.setenv("PACSFLOW_CONFIG", str(settings))
    assert main(["ledger", "compact", str(ledger.folder)]) == 0
    assert count(ledger) <= was
    assert count(ledger, "count(*) FILTER ('internet' IN (source, destination))") == 0
    settings.write_text('[ledger]\nroll_up = "1d"\n')
    assert main(["ledger", "compact", str(ledger.folder)]) == 0
    assert main(["top", "--ledger", str(ledger.folder), "--by", "sources"]) in {0, 2}
