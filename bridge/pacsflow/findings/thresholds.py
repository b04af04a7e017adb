"""From when on each rule speaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on a rule speaks. Every one can be set in the configuration file, ``[findings]``.

    docs/findings.md says what each means and which rule it belongs to; `off` lists rules that say
    nothing, and a threshold of 0 switches its rule off. Names end in their units.
    """

    off: tuple[str, ...] = ()
    reject_percent: float = 5.0
    abort_percent: float = 5.0
    failure_percent: float = 5.0
    least_associations: int = 20
    reject_rise_factor: float = 2.0
    reject_rise_count: int = 10
    missed_percent: float = 1.0
    missed_least_bytes: float = 10e6
    retransmit_percent: float = 1.0
    retransmit_packets: int = 100
    slow_factor: float = 2.0
    slow_response_seconds: float = 1.0
    path_round_trip_seconds: float = 0.05
    device_gap_seconds: float = 0.5
    queue_associations: int = 10
    queue_hours: int = 3
    gap_hours: int = 1
    sensor_silent_hours: int = 6
    incident_deviations: float = 4.0
    silent_days: int = 3
    pacs_silent_hours: int = 4
    modality_silent_days: int = 2
    slow_link_mbits: float = 100.0
    uncompressed_bytes: float = 1e9
    prefetch_bytes: float = 1e9
    prefetch_until_hour: int = 7
    ahead_hours: float = 1.0
    skew_seconds: float = 5.0
    learning_days: float = 7.0
    history_factor: float = 4.0
    outside_associations: int = 1
    across_sites_bytes: float = 1.0
    guess_pairs: int = 4
    guess_hours: float = 24.0
    find_results: int = 5000
    find_hours: float = 1.0
    retrieve_requests: int = 200
    retrieve_hours: float = 1.0
    retrieve_bytes: float = 10e9
    move_requests: int = 1
    new_peer_associations: int = 1
    ae_hosts: int = 3
    shared_ae_titles: tuple[str, ...] = (
        "ANY-SCU", "ECHOSCU", "FINDSCU", "GETSCU", "MOVESCU", "STORESCU", "PYNETDICOM",
    )  # fmt: skip
    flood_associations: int = 600
    flood_seconds: float = 60.0
    echo_endpoints: int = 10
    echo_hours: float = 24.0
    scan_hosts: int = 10
    copies_percent: float = 10.0
    spread_connections: int = 10
    mixed_associations: int = 1
    unknown_sender_objects: int = 1
    part10_associations: int = 1
    credentials_associations: int = 1
    malformed_associations: int = 1
    reserved_associations: int = 1
