"""Joins what several files of one capture tell of an association that goes on from one to the next.

The plugin takes an association up where a file begins inside it, and tells all bytes whose headers
are in that file. So sums over the rows are those of the whole; who called whom stands in the first.
What a tap wrote into a file for each direction is joined in the same way: each tells what its side
said.
"""

from __future__ import annotations

import pyarrow as pa

from pacsflow.ledger.tables import TABLES

FLOW = '"id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"'
PAUSE = 3600
"""Seconds that may lie between two files of a capture, one of which goes on where one ended."""
UNSEEN = 1
"""Seconds between them from which a piece may be missing: the row has the flag ``pieces`` then.

It has it, too, where the files are numbered and a number is missing. Both hold where the sequence
numbers of TCP do not tell; where they do, they alone say what is missing."""
FASTEST = 1.25e9
"""Bytes a second that a connection may carry between two files (10 Gbit/s)."""
AGAIN = 16_777_216
"""Bytes by which a file may begin before the end of the one before it: segments sent again."""
CLOCKS = 1_000_000
"""Microseconds by which clocks of two places of capture may differ from what is known of them."""
APART = 600_000_000
"""And by which they may differ at all: connections tell that each place has once, alike."""
CROSSES = f"""
    SELECT hour, source, destination, service, origin, communications, packets, bytes, samples,
           missed_bytes, weight_squares, sensor, file FROM {{traffic}}
    UNION ALL
    SELECT date_trunc('hour', ts), source, destination, service, 'capture', -1, 0, 0, 0, 0, 0,
           sensor, file
    FROM {{crossing}} AS begun JOIN captured USING (file)
    WHERE head AND EXISTS (
        SELECT 1 FROM {{crossing}} AS before JOIN captured AS other USING (file)
        WHERE before.tail AND before.key = begun.key AND other.vantage = captured.vantage
            AND before.file <> begun.file AND before.last <= begun.ts
            AND begun.ts - before.last < INTERVAL {PAUSE} SECOND)
"""
"""Traffic in which a conversation that goes on in the next file of a capture is counted once."""
_TOTALS = (
    "echo_rq", "store_rq", "find_rq", "get_rq", "move_rq", "cancel_rq", "n_rq", "rsp_success",
    "rsp_warning", "rsp_failure", "rsp_pending", "rsp_cancel", "data_pdus", "data_bytes_orig",
    "data_bytes_resp",
)  # fmt: skip
CARRIED = (
    "concat_ws('|', coalesce(calling_ae, ''), coalesce(called_ae, ''), store_rq, echo_rq, find_rq,"
    " data_bytes_orig, data_bytes_resp)"
)
"""What an association has in common with itself at another place."""


def _of_whole(field: pa.Field) -> str:
    """Return what a column of the whole association is, from those of its pieces."""
    name = f'"{field.name}"'
    first = f"first({name} ORDER BY ts) FILTER ({name} IS NOT NULL)"
    if field.name == "ts":
        made = "min(ts)"
    elif field.name == "duration":
        made = "(max(epoch_us(ts) + coalesce(duration, 0) * 1e6) - min(epoch_us(ts))) / 1e6"
    elif field.name in {"uid", "file", "sensor"}:
        made = f"first({name} ORDER BY ts)"
    elif field.name == "end":
        made = f"last({name} ORDER BY ts)"
    elif field.name == "result":
        known = f"first({name} ORDER BY ts) FILTER ({name} <> 'unknown')"
        made = f"coalesce({known}, 'unknown')"
    elif field.name == "flags":
        made = (
            "nullif(list_distinct(flatten(list([f FOR f IN coalesce(flags, [])"
            " IF f <> 'midstream' OR NOT goes_on]))"
            " || CASE WHEN bool_or(unseen) THEN ['pieces'] ELSE [] END), [])"
        )
    elif field.name == "missed_bytes":
        made = f"(sum({name}) + coalesce(sum(between) FILTER (goes_on), 0))::BIGINT"
    elif field.name in _TOTALS:
        made = f"sum({name})::BIGINT"
    elif pa.types.is_list(field.type):
        made = f"list_distinct(flatten(list({name}) FILTER ({name} IS NOT NULL)))"
    else:
        made = first
    return f"{made} AS {name}"


def _between(side: str) -> str:
    """Return SQL for the bytes of a side between two files; NULL where it is not told."""
    step = f"({side}_first - lag({side}_next) OVER before + 6442450944) % 4294967296 - 2147483648"
    return f"{step} AS {side}_between"


def _is_near(side: str) -> str:
    """Return SQL that says whether what a side says in a file may follow what it said before."""
    most = f"{FASTEST} * (greatest(pause, 0) + 1)"
    return f"coalesce({side}_between BETWEEN -{AGAIN} AND {most}, TRUE)"


_SIDE = """
    CASE WHEN NOT coalesce(list_contains(flags, 'one_sided'), FALSE) THEN NULL
         WHEN ctx_offered IS NOT NULL OR orig_impl_uid IS NOT NULL OR orig_max_pdu IS NOT NULL
              OR data_bytes_orig > 0 THEN 'orig'
         WHEN ctx_accepted IS NOT NULL OR resp_impl_uid IS NOT NULL OR resp_max_pdu IS NOT NULL
              OR result IN ('accepted', 'rejected') OR data_bytes_resp > 0 THEN 'resp'
         WHEN echo_rq + store_rq + find_rq + get_rq + move_rq + n_rq
              > rsp_success + rsp_warning + rsp_failure + rsp_pending + rsp_cancel THEN 'orig'
         ELSE 'resp' END
"""
"""The side of which alone a row tells; NULL where it tells of both."""


def _of_sides(field: pa.Field) -> str:
    """Return what a column of an association is, from the rows of which each tells of one side."""
    name = f'"{field.name}"'
    if field.name == "end":
        return f"coalesce(max({name}) FILTER ({name} <> 'incomplete'), 'incomplete') AS {name}"
    if field.name == "missed_bytes":
        return f"sum({name})::BIGINT AS {name}"
    if field.name == "flags":
        kept = "f <> 'one_sided' AND (f <> 'midstream' OR unbegun)"
        return f"nullif(list_distinct(flatten(list([f FOR f IN flags IF {kept}]))), []) AS {name}"
    return _of_whole(field)


def whole(table: str, edges: str) -> str:
    """Return SQL for rows of dicom.log, those of pieces joined, what two captures tell told once.

    Parameters
    ----------
    table
        The rows; beside it there is ``captured`` (`capture_places.tell`).
    edges
        Where captures begin and end inside of them.
    """
    names = ", ".join(f'"{name}"' for name in TABLES["associations"].names)
    columns = ", ".join(map(_of_whole, TABLES["associations"]))
    sides = ", ".join(map(_of_sides, TABLES["associations"]))
    return f"""
        WITH told AS (
            SELECT rows.*, vantage, file_first, file_last, holes,
                   orig_first, orig_next, resp_first, resp_next
            FROM {table} AS rows JOIN captured USING (file) LEFT JOIN (
                SELECT DISTINCT ON (uid, file) uid, file, orig_first, orig_next, resp_first,
                    resp_next FROM {edges}
            ) USING (uid, file)
        ), placed AS (
            SELECT *, epoch(file_first) - epoch(lag(file_last) OVER before) AS pause,
                   holes > lag(holes) OVER before AS skips, {_between("orig")}, {_between("resp")},
                   ctx_offered IS NULL AND lag(file) OVER before <> file
                       AND lag("end") OVER before = 'incomplete' AS may_go_on
            FROM told WINDOW before AS (PARTITION BY vantage, {FLOW} ORDER BY ts, file)
        ), linked AS (
            SELECT * EXCLUDE (may_go_on), may_go_on AS goes_on, coalesce(may_go_on AND CASE
                       WHEN between > 0 THEN TRUE WHEN is_known THEN FALSE
                       ELSE pause >= {UNSEEN} OR skips END, FALSE) AS unseen
            FROM (
                SELECT * EXCLUDE (may_go_on), greatest(coalesce(orig_between, 0), 0)
                       + greatest(coalesce(resp_between, 0), 0) AS between,
                    orig_between IS NOT NULL AND resp_between IS NOT NULL AS is_known,
                    coalesce(may_go_on AND pause < {PAUSE} AND {_is_near("orig")}
                        AND {_is_near("resp")}, FALSE) AS may_go_on
                FROM placed
            )
        ), counted AS (
            SELECT *, sum((NOT goes_on)::INTEGER) OVER (
                PARTITION BY vantage, {FLOW} ORDER BY ts, file ROWS UNBOUNDED PRECEDING) AS number
            FROM linked
        ), joined AS MATERIALIZED (
            SELECT vantage, {columns} FROM counted
            GROUP BY vantage, {FLOW}, number
        ), single AS (
            SELECT vantage, {FLOW}, min(epoch_us(ts)) AS began, min({CARRIED}) AS carried
            FROM joined GROUP BY vantage, {FLOW} HAVING count(*) = 1
        ), clocks AS (
            SELECT vantage, arg_min(ahead, other) AS ahead FROM (
                SELECT two.vantage, one.vantage AS other,
                       median(two.began - one.began)::BIGINT AS ahead
                FROM single AS one JOIN single AS two USING ({FLOW}, carried)
                WHERE one.vantage < two.vantage AND abs(two.began - one.began) < {APART}
                GROUP BY ALL
            ) GROUP BY vantage
        ), timed AS (
            SELECT joined.*, epoch_us(ts) - coalesce(ahead, 0) AS began
            FROM joined LEFT JOIN clocks USING (vantage)
        ), near AS (
            SELECT *, began - lag(began) OVER same < {CLOCKS}
                AND lag(vantage) OVER same <> vantage AS is_same
            FROM timed WINDOW same AS (PARTITION BY {FLOW} ORDER BY began, vantage)
        ), runs AS (
            SELECT *, sum((NOT coalesce(is_same, FALSE))::INTEGER) OVER (
                PARTITION BY {FLOW} ORDER BY began, vantage ROWS UNBOUNDED PRECEDING) AS run
            FROM near
        ), seen AS (
            SELECT *, sum(data_bytes_orig + data_bytes_resp)
                OVER (PARTITION BY {FLOW}, run, vantage) AS most, {_SIDE} AS side
            FROM runs
        ), compared AS (
            SELECT *, count(DISTINCT side) OVER same = 2
                    AND count(side) OVER same = count(*) OVER same AS of_sides,
                bool_and(coalesce(list_contains(flags, 'midstream'), FALSE)) OVER same AS unbegun,
                row_number() OVER (PARTITION BY {FLOW}, run, vantage ORDER BY began) AS nth
            FROM seen WINDOW same AS (PARTITION BY {FLOW}, run)
        ), sides AS (
            FROM compared WHERE of_sides QUALIFY dense_rank() OVER (
                PARTITION BY {FLOW}, run, side ORDER BY most DESC, vantage) = 1
        )
        SELECT {names} FROM {table} AS rows ANTI JOIN captured USING (file)
        UNION ALL
        SELECT {names} FROM (FROM compared WHERE NOT of_sides QUALIFY dense_rank() OVER (
            PARTITION BY {FLOW}, run ORDER BY most DESC, side IS NOT NULL, vantage) = 1)
        UNION ALL
        SELECT {names} FROM (SELECT {sides} FROM sides GROUP BY {FLOW}, run, nth)
    """
