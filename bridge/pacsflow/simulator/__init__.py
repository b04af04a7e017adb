"""A simulated hospital: its Zeek logs, and the truth about them, from one seed."""

from pacsflow.simulator.bulk import write_conn_log
from pacsflow.simulator.equipment import Device, Hospital, hospital
from pacsflow.simulator.logs import MARKER, Written, write_logs
from pacsflow.simulator.story import Story
from pacsflow.simulator.truth import hourly_series

__all__ = [
    "MARKER",
    "Device",
    "Hospital",
    "Story",
    "Written",
    "hospital",
    "hourly_series",
    "write_conn_log",
    "write_logs",
]
