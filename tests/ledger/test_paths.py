"""Of the switches on one path one counts, or traffic is a multiple; those beside it add up."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from pacsflow.ledger.paths import Agent, counting, one_a_path

if TYPE_CHECKING:
    from collections.abc import Iterator

T0, HOUR = 1772438400.0, 3600
FRAME = {"source": "10.0.0.1", "destination": "10.0.0.2", "at": T0, "flow": 1, "length": 1000}


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TABLE known ("id.orig_h" VARCHAR, "id.resp_h" VARCHAR, ts TIMESTAMPTZ,
                   flow BIGINT, agent VARCHAR, sampling_rate BIGINT, length BIGINT,
                   sampled BOOLEAN)"""
        )
        yield connection


def sample(
    duck: duckdb.DuckDBPyConnection, agent: str | None, rate: int, times: int = 1, **other: Any
) -> None:
    """Put so many samples of an agent among the frames."""
    told = FRAME | {"sampled": agent is not None} | other
    duck.execute(
        """INSERT INTO known SELECT $source, $destination, to_timestamp($at), $flow, $agent,
               $rate, $length, $sampled FROM range($times)""",
        told | {"agent": agent, "rate": rate, "times": times},
    )


def left(duck: duckdb.DuckDBPyConnection) -> dict[str | None, int]:
    """Return how many frames each agent has that count."""
    return dict(duck.sql("SELECT agent, count(*) FROM known GROUP BY agent").fetchall())


def agent(name: str, rate: float, octets: float = 100, squares: float = 0) -> Agent:
    return Agent(name, rate, octets, squares, 1)


class TestCounting:
    def test_the_finest_counts(self) -> None:
        for agents in permutations([agent("a", 100), agent("b", 10), agent("c", 50)]):
            assert counting(list(agents), set()) == {"b"}

    def test_of_two_as_fine_it_is_always_the_same(self) -> None:
        for agents in permutations([agent("b", 10), agent("a", 10)]):
            assert counting(list(agents), set()) == {"a"}

    @pytest.mark.parametrize(("octets", "counts"), [(60, "fine"), (59, "coarse")])
    def test_not_one_that_sees_clearly_less(self, octets: int, counts: str) -> None:
        """By four standard errors of both: chance does that once in thirty thousand times."""
        fine, coarse = agent("fine", 10, octets, 64), agent("coarse", 100, 100, 36)
        assert counting([fine, coarse], set()) == {counts}

    def test_ways_beside_one_another_add_up(self) -> None:
        beside = {frozenset("ab")}
        assert counting([agent("a", 10), agent("b", 20)], beside) == {"a", "b"}

    def test_what_is_on_a_path_with_both_joins_them(self) -> None:
        """Where the ways meet again, the switch there sees what both see."""
        beside = {frozenset("ab")}
        for agents in permutations([agent("a", 10), agent("b", 20), agent("c", 30)]):
            assert counting(list(agents), beside) == {"a"}


class TestOneAPath:
    def test_samples_of_the_coarser_switch_do_not_count(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        sample(duck, "fine", 10, 100)
        sample(duck, "coarse", 100, 10)
        assert one_a_path(duck) == (
            "several agents sample one path: of 1 pair of hosts one agent each counts, the finest "
            "that sees all; 10 samples of coarse, which stand for 1,000,000 bytes of the same "
            "packets, do not"
        )
        assert left(duck) == {"fine": 100}

    def test_one_agent_alone_keeps_all(self, duck: duckdb.DuckDBPyConnection) -> None:
        sample(duck, "one", 10)
        sample(duck, "other", 10, destination="10.0.0.3")
        sample(duck, None, 1, sampled=True)
        assert one_a_path(duck) == ""
        assert left(duck) == {"one": 1, "other": 1, None: 1}

    def test_agents_beside_each_other_keep_all(self, duck: duckdb.DuckDBPyConnection) -> None:
        sample(duck, "one", 10, 8, flow=1)
        sample(duck, "other", 10, 8, flow=2)
        assert one_a_path(duck) == ""
        assert left(duck) == {"one": 8, "other": 8}

    @pytest.mark.parametrize(("packets", "is_beside"), [(4, True), (3, False)])
    def test_a_flow_tells_ways_apart_where_chance_does_not(
        self, duck: duckdb.DuckDBPyConnection, packets: int, is_beside: bool
    ) -> None:
        """Eight samples of it the other would have at its rate; it has none."""
        sample(duck, "coarse", 20, packets, flow=1)
        sample(duck, "fine", 10, 8, flow=None)
        sample(duck, "fine", 100, 1, flow=2)
        assert bool(one_a_path(duck)) is not is_beside

    def test_a_flow_that_both_have_makes_them_one_path(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        for name in ("a", "b"):
            sample(duck, name, 10, 10, flow=name == "a")
            sample(duck, name, 10, 1, flow=3)
        assert one_a_path(duck)
        assert left(duck) == {"a": 11}

    def test_packets_of_no_flow_tell_nothing(self, duck: duckdb.DuckDBPyConnection) -> None:
        for name in ("a", "b"):
            sample(duck, name, 10, 10, flow=None)
        assert one_a_path(duck)
        assert left(duck) == {"a": 10}

    def test_an_hour_and_a_pair_of_hosts_have_their_own(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        """What is dropped of one of them is not dropped of the next, nor what was captured."""
        first, second, third = ({"at": T0 + more} for more in (HOUR - 1e-6, HOUR, 2 * HOUR))
        for more in (first, second, third, {"source": "10.0.0.9"}):
            sample(duck, "coarse", 100, 1, **more)
            sample(duck, "fine", 10, 10 * (more != second), **more)
        sample(duck, "coarse", 1, sampled=False)
        said = one_a_path(duck)
        assert said.startswith("several agents sample one path: of 2 pairs of hosts")
        kept = duck.sql(
            "SELECT epoch(ts)::DOUBLE, sampled FROM known WHERE agent = 'coarse' ORDER BY 1"
        )
        assert kept.fetchall() == [(T0, False), (T0 + HOUR, True)]

    @pytest.mark.parametrize("flows", [(1, 1), (1, 2)])
    def test_an_agents_finest_rate_says_how_fine_it_is(
        self, duck: duckdb.DuckDBPyConnection, flows: tuple[int, int]
    ) -> None:
        """Under load a switch samples more coarsely for a while."""
        for rate, flow in zip((100, 10), flows, strict=True):
            sample(duck, "b", rate, 20, flow=flow)
            sample(duck, "a", 50, 20 * rate // 50, flow=flow)
        assert one_a_path(duck)
        assert set(left(duck)) == {"b"}

    @pytest.mark.parametrize("flows", [1, 4])
    def test_chance_is_what_the_samples_say_of_it(
        self, duck: duckdb.DuckDBPyConnection, flows: int
    ) -> None:
        """16 samples of 100 kB each are 1.6 MB, give or take 1.6 MB (four standard errors)."""
        for flow in range(flows):
            sample(duck, "coarse", 100, 16 // flows, flow=flow)
            sample(duck, "fine", 10, 50 // flows, flow=flow)
        assert one_a_path(duck)
        assert set(left(duck)) == {"fine"}

    def test_an_agent_that_sees_a_part_does_not_count_for_the_whole(
        self, duck: duckdb.DuckDBPyConnection
    ) -> None:
        for flow in range(2):
            sample(duck, "all", 10, 200, flow=flow, length=100)
            sample(duck, "part", 5, 20, flow=flow, length=100)
        assert "40 samples of part, which stand for 20,000 bytes" in one_a_path(duck)
        assert left(duck) == {"all": 400}

    @pytest.mark.parametrize(
        ("number", "named"), [(3, "of b, c, d, which"), (4, "of b, c, d and 1 more, which")]
    )
    def test_three_agents_are_named(
        self, duck: duckdb.DuckDBPyConnection, number: int, named: str
    ) -> None:
        for name in "abcdef"[: number + 1]:
            sample(duck, name, 10, 4)
        assert f"{4 * number} samples {named}" in one_a_path(duck)
        assert left(duck) == {"a": 4}

    def test_it_leaves_no_table_behind(self, duck: duckdb.DuckDBPyConnection) -> None:
        """The next capture has a table of the same name."""
        sample(duck, "fine", 10, 10)
        sample(duck, "coarse", 100)
        one_a_path(duck)
        assert duck.sql("SELECT table_name FROM duckdb_tables()").fetchall() == [("known",)]
        assert duck.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall() == []
