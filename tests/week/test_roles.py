"""What hosts are taken for, and what shows it: a role needs evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from pacsflow.week import roles
from pacsflow.week.roles import Role, Told
from pacsflow.words.codes import words
from pacsflow.words.language import Language

if TYPE_CHECKING:
    from collections.abc import Sequence

CT, PACS, READ, MORE = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"
MB = 1_000_000


def ledger(
    endpoints: Sequence[tuple[Any, ...]] = (),
    associations: Sequence[tuple[Any, ...]] = (),
    traffic: Sequence[tuple[Any, ...]] = (),
) -> duckdb.DuckDBPyConnection:
    """Return tables as a ledger's views have them.

    Endpoints are (host, category, role, services), associations (orig, resp, services, store, get,
    move), traffic (source, destination, communications, bytes, and
    packets and samples where they matter).
    """
    made = duckdb.connect()
    made.execute("CREATE TABLE endpoints (ts TIMESTAMPTZ, host TEXT, ae_title TEXT, category TEXT,"
                 " basis TEXT, modalities TEXT[], role TEXT, services TEXT[])")  # fmt: skip
    made.execute('CREATE TABLE associations ("id.orig_h" TEXT, "id.resp_h" TEXT, services TEXT[],'
                 " store_rq INT, get_rq INT, move_rq INT, result TEXT)")  # fmt: skip
    made.execute("CREATE TABLE traffic (source TEXT, destination TEXT, communications INT,"
                 " bytes BIGINT, service TEXT, packets INT, samples INT)")  # fmt: skip
    for host, category, role, services in endpoints:
        made.execute("INSERT INTO endpoints VALUES (now(), ?, NULL, ?, 'association', [], ?, ?)",
                     [host, category, role, services])  # fmt: skip
    for row in associations:
        made.execute("INSERT INTO associations VALUES (?, ?, ?, ?, ?, ?, 'accepted')", row)
    for flow in traffic:
        packets, samples = flow[4:] or (20 + 20 * flow[2], 0)
        told = [*flow[:4], packets, samples]
        made.execute("INSERT INTO traffic VALUES (?, ?, ?, ?, 'dicom', ?, ?)", told)
    return made


def shown(connection: duckdb.DuckDBPyConnection, **written: str) -> dict[str, Role]:
    known = {"".join(host.split("_")): role for host, role in written.items()}
    told = roles.told_endpoints(connection)
    return roles.from_associations(connection, told, lambda host: known.get(host, ""))


SENDER = (CT, "modality", "scu", ["storage"])
TAKER = (PACS, "unknown", "scp", ["storage"])
ONCE = (PACS, "workstation", "scp", ["storage"])
STORES = (CT, PACS, ["storage"], 3, 0, 0)


@pytest.mark.parametrize("taker", [TAKER, ONCE])
def test_who_takes_a_modalitys_images_and_asks_for_none_is_the_archive(taker: Any) -> None:
    """Logs of taggers from before call it a workstation."""
    found = shown(ledger([SENDER, taker], [STORES]))
    assert found[PACS] == Role("pacs", "association", "takes-from-modality")
    assert found[CT] == Role("modality", "association", "sends-images")


def test_who_takes_images_of_somebody_unknown_is_nothing_known() -> None:
    assert PACS not in shown(ledger([TAKER], [STORES]))
    assert PACS not in shown(ledger([SENDER, TAKER], [(CT, PACS, ["storage"], 0, 0, 0)]))


def test_who_takes_images_of_a_written_archive_is_no_archive_for_it() -> None:
    connection = ledger([SENDER, TAKER], [STORES])
    told = roles.told_endpoints(connection)
    assert PACS not in roles.from_associations(connection, told, {CT: "pacs"}.get)  # type: ignore[arg-type]


@pytest.mark.parametrize("told", ["unknown", "workstation", "modality"])
def test_who_sends_on_what_it_takes_is_nothing_known(told: str) -> None:
    """Nor is who takes from it an archive for that. It was seen to send before it was to take."""
    passes_on = (PACS, MORE, ["storage"], 3, 0, 0)
    end = (MORE, "unknown", "scp", ["storage"])
    found = shown(ledger([SENDER, (PACS, told, "scp", ["storage"]), end], [STORES, passes_on]))
    assert found == {CT: Role("modality", "association", "sends-images")}


@pytest.mark.parametrize(
    ("endpoint", "association"),
    [
        ((PACS, "workstation", "scu", ["query"]), STORES),
        ((PACS, "workstation", None, ["retrieve"]), STORES),
        (TAKER, (PACS, MORE, ["query"], 0, 0, 0)),
        (TAKER, (PACS, MORE, [], 0, 0, 2)),
        (TAKER, (PACS, MORE, [], 0, 1, 0)),
    ],
)
def test_who_asks_is_a_workstation(endpoint: Any, association: Any) -> None:
    found = shown(ledger([SENDER, endpoint], [STORES, association]))
    assert found[PACS] == Role("workstation", "association", "asks")


def test_an_echo_shows_nothing() -> None:
    echo = [(CT, "unknown", "scu", ["verification"]), (PACS, "unknown", "scp", ["verification"])]
    connection = ledger(echo, [(CT, PACS, ["verification"], 0, 0, 0)], [(CT, PACS, 1, 600)])
    assert shown(connection) == {}
    assert {*roles.from_traffic(connection).values()} == {None}


@pytest.mark.few(13)
@pytest.mark.parametrize(
    ("flows", "host", "why"),
    [
        ([(CT, PACS, 1, MB)], PACS, "others-connect"),
        ([(CT, PACS, 1, MB - 1)], PACS, ""),
        ([(CT, PACS, 1, MB)], CT, "sends-most"),
        ([(CT, PACS, 1, 3 * MB), (PACS, CT, 0, MB)], CT, "sends-most"),
        ([(CT, PACS, 1, 3 * MB - 1), (PACS, CT, 0, MB)], CT, ""),
        ([(READ, PACS, 1, MB), (PACS, READ, 1, 3 * MB)], READ, "receives-most"),
        ([(READ, PACS, 1, MB), (PACS, READ, 1, 3 * MB - 1)], READ, ""),
        # Samples do not tell who opened what: an archive takes and gives.
        ([(CT, PACS, 0, MB), (PACS, READ, 0, MB), (PACS, MORE, 0, 1)], PACS, "takes-and-gives"),
        ([(CT, PACS, 0, MB), (PACS, READ, 0, MB)], PACS, ""),
        ([(CT, PACS, 0, MB - 1), (PACS, READ, 0, MB), (PACS, MORE, 0, 1)], PACS, ""),
        # Two weeks of a monitor's echoes are a megabyte, and worklists are asked by the minute.
        (
            [(READ, at, 1980, MB) for at in (CT, PACS, MORE)]
            + [(at, READ, 0, MB) for at in (CT, PACS, MORE)],
            READ,
            "",
        ),
        ([(CT, PACS, 20, MB - 1), (PACS, CT, 0, 1)], PACS, "others-connect"),
        ([(CT, PACS, 21, MB - 1), (PACS, CT, 0, 1)], PACS, ""),
        # In a table without ports each frame is a row.
        ([(CT, PACS, 900, MB, 900, 0)], CT, "sends-most"),
        # What a ledger calls communications of samples are samples.
        (
            [(CT, PACS, 70, MB, 700, 70), (PACS, READ, 70, MB, 700, 70), (PACS, MORE, 1, 1, 10, 1)],
            PACS,
            "takes-and-gives",
        ),
        ([(PACS, READ, 70, MB, 700, 70)], READ, "receives-most"),
    ],
)
def test_traffic_shows_a_role_from_so_much_on(flows: Any, host: str, why: str) -> None:
    found = roles.from_traffic(ledger(traffic=flows))[host]
    assert (found.why if found else "") == why


def test_each_evidence_has_its_words() -> None:
    portuguese = words(Language("pt-BR"))
    evidence = {*roles.WHY.values()} - {""}
    evidence |= {"takes-from-modality", "others-connect", "takes-and-gives", "sends-most",
                 "receives-most"}  # fmt: skip
    for why in evidence:
        assert portuguese(why) not in {why, words(Language())(why)}


def test_a_role_of_a_sensors_inventory_stays() -> None:
    told = {PACS: Told("workstation", "inventory")}
    found = roles.from_associations(ledger(), told)
    assert found[PACS].role == "workstation"


@pytest.mark.parametrize(
    ("rows", "category", "basis"),
    [
        ([("unknown", ""), ("workstation", "association")], "workstation", "association"),
        (
            [("workstation", "association"), ("modality", "association")],
            "workstation",
            "association",
        ),
        (
            [("modality", "association"), ("workstation", "association")],
            "workstation",
            "association",
        ),
        ([("modality", "association"), ("workstation", "inventory")], "workstation", "inventory"),
        ([("workstation", "inventory"), ("modality", "association")], "workstation", "inventory"),
        ([("workstation", "inventory"), ("pacs", "association")], "pacs", "association"),
        ([("workstation", "inventory"), ("pacs", "inventory")], "pacs", "inventory"),
        ([("pacs", "inventory"), ("workstation", "inventory")], "workstation", "inventory"),
    ],
)
def test_the_last_that_the_inventory_said_counts_or_what_says_more_since(
    rows: list[tuple[str, str]], category: str, basis: str
) -> None:
    connection = ledger()
    for day, (told, how) in enumerate(rows, 1):
        connection.execute(
            "INSERT INTO endpoints VALUES (make_timestamp(2026, 3, ?, 8, 0, 0), 'h', ?, ?, ?, [?],"
            " NULL, NULL)",
            [day, f"T{day}", told, how, f"M{day}"],
        )
    found = roles.told_endpoints(connection)["h"]
    assert (found.category, found.basis) == (category, basis)
    days = range(1, len(rows) + 1)
    assert (found.ae_titles, found.modalities) == ({f"T{n}" for n in days}, {f"M{n}" for n in days})
