"""`sampling`: what sFlow agents lost on the way, and whether counters agree with estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacsflow.cli import app
from pacsflow.cli.console import warn
from pacsflow.cli.options import PERIOD, FormatOption, Request, reading
from pacsflow.cli.tables import Listing, OutputFormat, emit_several
from pacsflow.errors import InputError

if TYPE_CHECKING:
    from pacsflow.agents import Agent, Interface, Source

AGENTS = (
    "agent", "sub_agent", "datagrams", "lost", "restarts", "duplicates", "malformed", "cut",
    "bytes",
)  # fmt: skip
SOURCES = (
    "agent", "sub_agent", "source", "samples", "lost", "dropped_by_agent", "declared_rate",
    "rate_by_pool", "pool", "restarts", "no_rate", "no_header",
)  # fmt: skip
INTERFACES = (
    "agent", "sub_agent", "interface", "way", "seconds", "counted_bytes", "estimated_bytes",
    "lower_bytes", "upper_bytes", "samples", "counter",
)  # fmt: skip
KINDS = {0: "", 1: "VLAN ", 2: "entity "}
"""Types of source (sFlow v5, sflow_data_source); 0 is an interface by its ifIndex."""


@app.command()
@reading(("inputs", "ledger", "capture_start", "date_order", "pseudonymise", *PERIOD, "sensor"))
def sampling(
    request: Request,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """Say how far sFlow estimates can be trusted: losses, true rates, counters of interfaces.

    Of each agent: datagrams lost (gaps in its sequence numbers), damaged or captured twice. Of each
    source: samples lost or dropped, and the rate by its sample pool beside the declared one. Of
    each interface: octets by its counter beside the estimate from its samples of the same time.

    Example: `pacsflow sampling sflow.pcap`
    """
    from pacsflow.agents import read_sampling
    from pacsflow.cli.inputs import opened
    from pacsflow.inventory import Inventory
    from pacsflow.ledger.selection import select

    request.refuse_idle_zone()
    with opened(request) as found, found.ledger.connect() as connection:
        if request.has_period:
            request.tell_clock()
        select(connection, request.selection(found.pseudonyms), Inventory())
        told = read_sampling(connection)
    if not told.agents:
        where = str(request.ledger or (request.inputs or ["inputs"])[0])
        raise InputError(where, "no sFlow datagram in it", hint="a capture of sFlow was expected")
    from pacsflow.words.language import english
    from pacsflow.words.saying import message_said

    lost, sent = told.lost
    notes = [message_said(note, english()) for note in told.notes()]
    emit_several(
        [
            Listing("agents", "Agents", AGENTS, [_agent(a) for a in told.agents]),
            Listing("sources", "Sources", SOURCES, [_source(s) for s in told.sources]),
            Listing(
                "interfaces", "Interfaces", INTERFACES, [_interface(i) for i in told.interfaces]
            ),
        ],
        how,
        {"samples_lost": lost, "samples_sent": sent, "estimates_low_by": told.low, "notes": notes},
    )
    for note in notes if how is not OutputFormat.JSON else ():
        warn(f"sampled: {note}")


def _agent(agent: Agent) -> list[Any]:
    return [
        agent.agent, agent.sub_agent, agent.received, agent.lost, agent.restarts,
        agent.duplicates, agent.malformed, agent.cut, agent.bytes,
    ]  # fmt: skip


def _source(source: Source) -> list[Any]:
    rate = source.true_rate
    return [
        source.agent, source.sub_agent, f"{KINDS.get(source.source_type, '')}{source.source}",
        source.received, source.lost, source.drops, source.rate,
        round(rate, 1) if rate is not None else None, source.pool_state, source.restarts,
        source.no_rate, source.no_header,
    ]  # fmt: skip


def _interface(interface: Interface) -> list[Any]:
    total = interface.estimate
    return [
        interface.agent, interface.sub_agent, interface.interface, interface.way,
        round(interface.seconds, 1), interface.counted, round(total.value), round(total.lower),
        round(total.upper), total.samples, interface.state,
    ]  # fmt: skip
