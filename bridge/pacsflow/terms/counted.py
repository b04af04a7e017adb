"""What is counted of sampled packets and of all; and how the series of hosts are named."""

from __future__ import annotations

from typing import Final

SFLOW: Final = "sflow"
"""The origin of rows that an sFlow agent sampled."""
WAYS: Final = ("in", "out")


def is_sampled(origin: str) -> bool:
    """Return whether the rows of an origin are samples."""
    return origin == SFLOW


def counted(origin: str) -> str:
    """Return what the rows of an origin count: a sample says nothing of communications."""
    return "samples" if is_sampled(origin) else "communications"


def directed(host: str, way: str) -> str:
    """Return the name of the series of what a host took ``in``, or gave ``out``."""
    return f"{host}, {way}"


def host_and_way(series: str) -> tuple[str, str]:
    """Return the host and way that `directed` has put together; no way where it has not."""
    host, _, way = series.rpartition(", ")
    return (host, way) if host and way in WAYS else (series, "")
