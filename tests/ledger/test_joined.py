"""Of what several files tell of one association, by the rows that the plugin makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from pacsflow.ledger.capture_places import CAPTURED
from pacsflow.ledger.pieces import AGAIN, CROSSES, FASTEST, whole
from pacsflow.ledger.tables import TABLES
from pacsflow.terms.log_fields import EDGES

if TYPE_CHECKING:
    from collections.abc import Iterator

T = datetime(2026, 3, 2, 8, tzinfo=UTC)
SCHEMA = TABLES["associations"]
FLOW = {"id.orig_h": "10.0.0.1", "id.orig_p": 4000, "id.resp_h": "10.0.0.2", "id.resp_p": 104}
TOTALS = ("echo_rq", "store_rq", "find_rq", "get_rq", "move_rq", "cancel_rq", "n_rq",
          "rsp_success", "rsp_warning", "rsp_failure", "rsp_pending", "rsp_cancel", "data_pdus",
          "data_bytes_orig", "data_bytes_resp")  # fmt: skip
REQUESTS = ("echo_rq", "store_rq", "find_rq", "get_rq", "move_rq", "n_rq")
RESPONSES = ("rsp_success", "rsp_warning", "rsp_failure", "rsp_pending", "rsp_cancel")

Row = dict[str, Any]


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def row(file: str, at: float = 0, **told: Any) -> Row:
    """Return an association of a file, that begins so many seconds after `T`."""
    plain = {"ts": T + timedelta(seconds=at), "uid": f"C{file}", "file": file, "duration": 1.0,
             "result": "unknown", "end": "released"} | FLOW | dict.fromkeys(TOTALS, 0)  # fmt: skip
    return plain | {"missed_bytes": 0} | told


def first(**told: Any) -> Row:
    """Return the part of an association in the first file, which ends inside of it."""
    return row("a", **{"ctx_offered": 1, "end": "incomplete"} | told)


def second(**told: Any) -> Row:
    return row("b", **{"at": 10} | told)


def captured(file: str, place: int = 0, begins: float = 0, ends: float = 10, holes: int = 0) -> Row:
    since, until = (T + timedelta(seconds=at) for at in (begins, ends))
    return {"file": file, "vantage": place, "file_first": since, "file_last": until, "holes": holes}


IN_TURN = captured("a"), captured("b", begins=10.5, ends=20)
AT_TWO_PLACES = captured("a"), captured("b", 1)


def told(
    duck: duckdb.DuckDBPyConnection, rows: list[Row], files: Any = IN_TURN, edges: Any = ()
) -> list[Row]:
    """Return what a question about associations is told of rows."""
    for name, table, schema in (
        ("rows_", rows, SCHEMA), ("captured_", files, CAPTURED),
        ("edges_", edges, pa.schema([*EDGES, ("file", pa.string())])),
    ):  # fmt: skip
        duck.register(name, pa.Table.from_pylist(list(table), schema))
    duck.execute("CREATE OR REPLACE TEMP TABLE captured AS FROM captured_")
    found = duck.sql(whole("rows_", "edges_")).to_arrow_table()
    return sorted(found.to_pylist(), key=lambda row: (row["ts"], row["file"]))


def edge(file: str, orig: Any = (None, None), resp: Any = (None, None)) -> Row:
    """Return the sequence numbers of the first byte of both sides in a file, and of the next."""
    names = "orig_first", "orig_next", "resp_first", "resp_next"
    numbers = dict(zip(names, (*orig, *resp), strict=True))
    return {"ts": T, "uid": f"C{file}", "file": file} | numbers


def seams(orig: int = 0, resp: int = 0, at: int = 1000) -> list[Row]:
    """Return the numbers where a file ends and the next begins so many bytes further."""
    sides = [(at, (at + further) % 2**32) for further in (orig, resp)]
    return [
        edge("a", (0, sides[0][0]), (0, sides[1][0])),
        edge("b", (sides[0][1], 0), (sides[1][1], 0)),
    ]


class TestPieces:
    def test_an_association_is_one_whole(self, duck: duckdb.DuckDBPyConnection) -> None:
        one = first(
            calling_ae="CT1", services=["store"], flags=["odd"], sensor="east", duration=4.0,
            **{name: 10 + n for n, name in enumerate(TOTALS)}, missed_bytes=5,
        )  # fmt: skip
        two = second(
            called_ae="PACS", services=["find", "store"], flags=["midstream"], sensor="west",
            duration=3.0, result="accepted", end="aborted", missed_bytes=6,
            **{name: 100 * n for n, name in enumerate(TOTALS)},
        )  # fmt: skip
        (it,) = told(duck, [two, one])
        assert {name: it[name] for name in TOTALS} == {
            name: 10 + 101 * n for n, name in enumerate(TOTALS)
        }
        assert (it["ts"], it["duration"], it["missed_bytes"]) == (T, 13.0, 11)
        assert (it["uid"], it["file"], it["sensor"]) == ("Ca", "a", "east"), "those of the first"
        assert (it["result"], it["end"]) == ("accepted", "aborted")
        assert (it["calling_ae"], it["called_ae"], it["ctx_offered"]) == ("CT1", "PACS", 1)
        assert sorted(it["services"]) == ["find", "store"]
        assert it["flags"] == ["odd"], "the second is no more in midstream than the first"

    def test_what_nobody_said_stays_unsaid(self, duck: duckdb.DuckDBPyConnection) -> None:
        one, two = first(duration=None), second(duration=None)
        (it,) = told(duck, [one, two])
        assert (it["result"], it["flags"], it["services"]) == ("unknown", None, None)
        assert it["duration"] == 10

    def test_what_began_before_the_first_file_is_in_midstream(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        (it,) = told(duck, [first(ctx_offered=None, flags=["midstream"]), second()])
        assert it["flags"] == ["midstream"]

    @pytest.mark.parametrize(
        ("one", "two", "files"),
        [
            ({"end": "released"}, {}, IN_TURN),
            ({}, {"ctx_offered": 1}, IN_TURN),
            ({}, {"id.orig_p": 4001}, IN_TURN),
            ({}, {"file": "a"}, IN_TURN),
            ({}, {}, (captured("a"), captured("b", begins=3610))),
        ],
    )
    def test_what_does_not_go_on_is_another(
        self, duck: duckdb.DuckDBPyConnection, one: Row, two: Row, files: Any
    ) -> None:
        """One that had ended, that begins anew, of another port, of one file, an hour later."""
        assert len(told(duck, [first() | one, second() | two], files)) == 2

    def test_a_piece_may_come_late(self, duck: duckdb.DuckDBPyConnection) -> None:
        files = captured("a"), captured("b", begins=3609.9)
        assert len(told(duck, [first(), second()], files)) == 1

    def test_three_pieces_are_one_and_the_next_is_another(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        files = [*IN_TURN, captured("c", begins=20, ends=30)]
        rows = [
            first(store_rq=1), second(end="incomplete", store_rq=2), row("c", 20, store_rq=4),
            row("c", 25, ctx_offered=1, store_rq=8),
        ]  # fmt: skip
        assert [it["store_rq"] for it in told(duck, rows, files)] == [7, 8]

    def test_rows_of_logs_are_as_they_are(self, duck: duckdb.DuckDBPyConnection) -> None:
        rows = [first(), second() | {"file": "log"}, row("log", 20)]
        assert len(told(duck, rows)) == 3


class TestMissing:
    @pytest.mark.parametrize(("pause", "flags"), [(0.9, None), (1, ["pieces"]), (20, ["pieces"])])
    def test_after_a_pause_a_piece_may_be_missing(
        self, duck: duckdb.DuckDBPyConnection, pause: float, flags: Any
    ) -> None:
        files = captured("a"), captured("b", begins=10 + pause)
        (it,) = told(duck, [first(), second()], files)
        assert (it["flags"], it["missed_bytes"]) == (flags, 0)
        (it,) = told(duck, [first(), second()], files, seams())
        assert (it["flags"], it["missed_bytes"]) == (None, 0), "TCP's numbers tell that none is"

    @pytest.mark.parametrize("side", [{"orig": (0, 9)}, {"resp": (0, 9)}])
    def test_numbers_of_one_side_tell_nothing_of_the_other(
        self, duck: duckdb.DuckDBPyConnection, side: Any
    ) -> None:
        files = captured("a"), captured("b", begins=15)
        edges = [edge("a", **side), edge("b", **dict.fromkeys(side, (9, 0)))]
        (it,) = told(duck, [first(), second()], files, edges)
        assert (it["flags"], it["missed_bytes"]) == (["pieces"], 0)

    def test_so_it_may_where_a_number_is(self, duck: duckdb.DuckDBPyConnection) -> None:
        files = captured("a"), captured("b", begins=10.1, holes=1)
        (it,) = told(duck, [first(flags=["odd"]), second()], files)
        assert sorted(it["flags"]) == ["odd", "pieces"]
        files = captured("a", holes=1), captured("b", begins=10.1, holes=1)
        (it,) = told(duck, [first(), second()], files)
        assert it["flags"] is None, "the hole was before both"

    @pytest.mark.parametrize("at", [1000, 2**32 - 2])
    @pytest.mark.parametrize(
        ("orig", "resp", "missed"),
        [(0, 0, 0), (7, 0, 7), (0, 1, 1), (7, 5, 12), (-3, 5, 5), (7, -3, 7), (-3, -3, 0)],
    )
    def test_bytes_between_files_are_missed(
        self, duck: duckdb.DuckDBPyConnection, at: int, orig: int, resp: int, missed: int
    ) -> None:
        """Of either side; those sent again are none. Numbers begin anew after 4 GiB."""
        (it,) = told(duck, [first(missed_bytes=1), second()], IN_TURN, seams(orig, resp, at))
        assert it["missed_bytes"] == 1 + missed
        assert it["flags"] == (["pieces"] if missed else None)

    @pytest.mark.parametrize("side", ["orig", "resp"])
    @pytest.mark.parametrize(
        ("further", "pieces"),
        [(-AGAIN, 1), (-AGAIN - 1, 2), (FASTEST * 1.5, 1), (FASTEST * 1.5 + 2, 2)],
    )
    def test_numbers_far_away_are_another_associations(
        self, duck: duckdb.DuckDBPyConnection, side: str, further: float, pieces: int
    ) -> None:
        """Further than a connection of 10 Gbit/s sends in the half second between, and one more."""
        edges = seams(**{side: int(further)}, at=2**31)
        assert len(told(duck, [first(), second()], IN_TURN, edges)) == pieces

    def test_a_file_that_begins_early_leaves_no_time(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Several queues write one capture: then a second is what it may be."""
        files = captured("a"), captured("b", begins=9.5, ends=20)
        for further, pieces in ((FASTEST, 1), (FASTEST + 1, 2)):
            edges = seams(int(further))
            assert len(told(duck, [first(), second()], files, edges)) == pieces

    def test_a_numbers_log_that_is_told_twice_is_one(self, duck: duckdb.DuckDBPyConnection) -> None:
        (it,) = told(duck, [first(store_rq=1), second()], IN_TURN, seams() * 2)
        assert it["store_rq"] == 1


class TestPlaces:
    """Two captures of one time have the same association: it is told by one of them."""

    def at_both(self, duck: duckdb.DuckDBPyConnection, later: float, **two: Any) -> list[Row]:
        rows = [row("a", store_rq=1, data_bytes_orig=9), row("b", later, **two)]
        return told(duck, rows, AT_TWO_PLACES)

    @pytest.mark.parametrize(
        ("counts", "files"),
        [((9, 0), "a"), ((10, 0), "b"), ((8, 2), "b"), ((0, 9), "a"), ((1, 1), "a")],
    )
    def test_by_the_one_that_saw_more(
        self, duck: duckdb.DuckDBPyConnection, counts: tuple[int, int], files: str
    ) -> None:
        more = dict(zip(("data_bytes_orig", "data_bytes_resp"), counts, strict=True))
        assert [it["file"] for it in self.at_both(duck, 0.1, **more)] == [files]

    @pytest.mark.parametrize(("later", "number"), [(0.999999, 1), (1, 2), (-0.999999, 1), (-1, 2)])
    def test_what_begins_a_second_later_is_another(
        self, duck: duckdb.DuckDBPyConnection, later: float, number: int
    ) -> None:
        assert len(self.at_both(duck, later)) == number

    @pytest.mark.parametrize(
        ("later", "number"), [(599.999999, 1), (600, 2), (-599.999999, 1), (-600, 2)]
    )
    def test_what_is_alike_tells_how_far_the_clocks_are_apart(
        self, duck: duckdb.DuckDBPyConnection, later: float, number: int
    ) -> None:
        """Both places have it once, with the same titles, requests and bytes."""
        alike = {"store_rq": 1, "data_bytes_orig": 9}
        assert len(self.at_both(duck, later, **alike)) == number

    @pytest.mark.parametrize(
        "other",
        [{"calling_ae": "CT1"}, {"called_ae": "CT1"}, {"store_rq": 2}, {"echo_rq": 1},
         {"find_rq": 1}, {"data_bytes_orig": 8}, {"data_bytes_resp": 1}],
    )  # fmt: skip
    def test_what_is_not_alike_does_not(self, duck: duckdb.DuckDBPyConnection, other: Row) -> None:
        alike = {"store_rq": 1, "data_bytes_orig": 9}
        assert len(self.at_both(duck, 30, **alike | other)) == 2

    def test_what_the_clocks_say_holds_for_all(self, duck: duckdb.DuckDBPyConnection) -> None:
        """For another association, too, of which one place has a part."""
        other = {"id.orig_p": 4001}
        rows = [
            row("a", store_rq=1), row("b", 30, store_rq=1), row("a", 40, data_bytes_orig=9) | other,
            row("b", 70.5, data_bytes_orig=5) | other,
        ]  # fmt: skip
        assert [it["file"] for it in told(duck, rows, AT_TWO_PLACES)] == ["a", "a"]

    def test_the_pieces_of_a_place_go_together(self, duck: duckdb.DuckDBPyConnection) -> None:
        """The other place has all in one file, and more than either piece; together they have."""
        files = [*IN_TURN, captured("c", 1, ends=20)]
        rows = [
            first(data_bytes_orig=6), second(data_bytes_orig=6),
            row("c", 0.2, data_bytes_orig=10, ctx_offered=1),
        ]  # fmt: skip
        (it,) = told(duck, rows, files)
        assert (it["file"], it["data_bytes_orig"]) == ("a", 12)


SIDE = {"flags": ["one_sided"], "missed_bytes": 1}
OF_ORIG, OF_RESP = {"data_bytes_orig": 5}, {"data_bytes_resp": 5}


class TestSides:
    """A tap writes a file a direction: each tells what its side said, and both are one whole."""

    def of_both(self, duck: duckdb.DuckDBPyConnection, one: Row, two: Row, *more: Row) -> list[Row]:
        rows = [row("a", **SIDE) | one, row("b", 0.1, **SIDE) | two, *more]
        return told(duck, rows, (*AT_TWO_PLACES, captured("c", 2)))

    @pytest.mark.parametrize(
        "trait",
        [{"ctx_offered": 1}, {"orig_impl_uid": "1.2"}, {"orig_max_pdu": 16384}, OF_ORIG,
         *({name: 1} for name in REQUESTS)],
    )  # fmt: skip
    def test_what_only_the_caller_says(self, duck: duckdb.DuckDBPyConnection, trait: Row) -> None:
        (it,) = self.of_both(duck, trait, OF_RESP)
        assert (it["missed_bytes"], it["flags"]) == (2, None)

    @pytest.mark.parametrize(
        "trait",
        [{"ctx_accepted": 1}, {"resp_impl_uid": "1.2"}, {"resp_max_pdu": 16384}, OF_RESP, {},
         {"result": "accepted"}, {"result": "rejected"},
         *({"store_rq": 1, name: 1} for name in RESPONSES)],
    )  # fmt: skip
    def test_what_only_the_called_one_says(
        self, duck: duckdb.DuckDBPyConnection, trait: Row
    ) -> None:
        (it,) = self.of_both(duck, trait, OF_ORIG)
        assert (it["missed_bytes"], it["flags"]) == (2, None)

    @pytest.mark.parametrize("trait", [OF_ORIG, OF_RESP])
    def test_one_side_twice_is_that_side(self, duck: duckdb.DuckDBPyConnection, trait: Row) -> None:
        (it,) = self.of_both(duck, trait, trait)
        assert (it["file"], it["missed_bytes"], it["flags"]) == ("a", 1, ["one_sided"])

    def test_of_one_side_twice_and_the_other_each_counts_once(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        more = row("c", 0.2, **SIDE, data_bytes_orig=7)
        (it,) = self.of_both(duck, OF_ORIG, OF_RESP, more)
        assert (it["data_bytes_orig"], it["data_bytes_resp"], it["missed_bytes"]) == (7, 5, 2)

    def test_who_saw_both_tells_it(self, duck: duckdb.DuckDBPyConnection) -> None:
        more = row("c", 0.2, data_bytes_orig=5, data_bytes_resp=5)
        (it,) = self.of_both(duck, OF_ORIG, OF_RESP, more)
        assert (it["file"], it["flags"], it["missed_bytes"]) == ("c", None, 0)
        more = row("c", 0.2, data_bytes_orig=5)
        (it,) = self.of_both(duck, OF_ORIG, {"data_bytes_orig": 4}, more)
        assert it["file"] == "c", "also where one side alone has as much"

    def test_its_end_is_what_either_side_saw_of_it(self, duck: duckdb.DuckDBPyConnection) -> None:
        for one, two, end in (
            ("incomplete", "aborted", "aborted"), ("aborted", "incomplete", "aborted"),
            ("incomplete", "incomplete", "incomplete"),
        ):  # fmt: skip
            (it,) = self.of_both(duck, OF_ORIG | {"end": one}, OF_RESP | {"end": two})
            assert it["end"] == end

    @pytest.mark.parametrize(("began", "flags"), [([], None), (["midstream"], ["midstream"])])
    def test_it_is_in_midstream_where_both_sides_are(
        self, duck: duckdb.DuckDBPyConnection, began: list[str], flags: Any
    ) -> None:
        one = OF_ORIG | {"flags": ["one_sided", *began]}
        two = OF_RESP | {"flags": ["one_sided", "midstream"]}
        (it,) = self.of_both(duck, one, two)
        assert it["flags"] == flags


class TestConversations:
    """One that goes on in the next file of a capture is one communication, in its first hour."""

    def counted(
        self, duck: duckdb.DuckDBPyConnection, files: Any = IN_TURN, key: int = 1, **more: Any
    ) -> int:
        """Return how many communications two files come to, one of which each of them tells."""
        traffic = [{"hour": T, "communications": 1, "packets": 4, "bytes": 400, "samples": 0,
                    "missed_bytes": 0, "weight_squares": 0.0, "source": "10.0.0.1",
                    "destination": "10.0.0.2", "service": "dicom", "origin": "capture", "file": f}
                   for f in "ab"]  # fmt: skip
        ends = {"source": "10.0.0.1", "destination": "10.0.0.2", "service": "dicom"}
        crossing = [
            ends | {"ts": T, "last": T + timedelta(seconds=9), "key": 1, "head": False,
                    "tail": True, "file": "a"} | more.get("first", {}),
            ends | {"ts": T + timedelta(seconds=11), "last": T + timedelta(seconds=19), "key": key,
                    "head": True, "tail": False, "file": "b"} | more.get("second", {}),
        ]  # fmt: skip
        for name, rows, schema in (
            ("traffic_", traffic, TABLES["traffic"]), ("crossing_", crossing, TABLES["crossing"]),
            ("captured_", files, CAPTURED),
        ):  # fmt: skip
            duck.register(name, pa.Table.from_pylist(list(rows), schema))
        duck.execute("CREATE OR REPLACE TEMP TABLE captured AS FROM captured_")
        rows = duck.sql(CROSSES.format(traffic="traffic_", crossing="crossing_"))
        found = rows.to_arrow_table().to_pylist()
        sums = {name: sum(row[name] for row in found) for name in ("packets", "bytes", "samples",
                "missed_bytes", "weight_squares")}  # fmt: skip
        assert sums == {"packets": 8, "bytes": 800, "samples": 0, "missed_bytes": 0,
                        "weight_squares": 0.0}  # fmt: skip
        assert {(row["hour"], row["source"], row["service"], row["origin"]) for row in found} == {
            (T, "10.0.0.1", "dicom", "capture")
        }
        return sum(row["communications"] for row in found)

    def test_it_counts_once(self, duck: duckdb.DuckDBPyConnection) -> None:
        assert self.counted(duck) == 1

    @pytest.mark.parametrize(
        "other",
        [{"key": 2}, {"files": AT_TWO_PLACES}, {"first": {"tail": False}},
         {"second": {"head": False}}, {"second": {"file": "a"}},
         {"first": {"last": T + timedelta(seconds=12)}},
         {"first": {"last": T + timedelta(seconds=11 - 3600)}}],
    )  # fmt: skip
    def test_another_is_another(self, duck: duckdb.DuckDBPyConnection, other: Row) -> None:
        """By its ends, its place, and its time: the next file begins within an hour."""
        assert self.counted(duck, **other) == 2

    def test_it_may_end_when_the_next_begins(self, duck: duckdb.DuckDBPyConnection) -> None:
        at = T + timedelta(seconds=10)
        assert self.counted(duck, first={"last": at}, second={"ts": at}) == 1
        late = {"last": T + timedelta(seconds=11 - 3599)}
        assert self.counted(duck, first=late) == 1
