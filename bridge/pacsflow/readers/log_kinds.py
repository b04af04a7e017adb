"""What a log is by what it says of itself: its declared path, its file's name, then its fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pacsflow.terms.log_fields import ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Collection

SIGNS = (
    ("dicom", {"calling_ae"}),
    ("dicom", {"called_ae"}),
    ("dicom_times", {"response_times", "requestor"}),
    ("known_dicom", {"evidence_uid"}),
    ("known_dicom", {"host", "ae_title"}),
    ("notice", {"note"}),
    ("conn", {"conn_state"}),
    ("conn", {"history", "proto"}),
    ("ssl", {"cipher"}),
    ("ssl", {"ssl_history"}),
    ("ssl", {"established", "resumed"}),
    ("frames", {"hw_source"}),
    ("sflow", {"sub_agent", "received"}),
)
"""Fields by which a log is known that says nothing else."""

TWINS = {
    "conn_long": "conn",
    "conn_red": "conn",
    "notice_alarm": "notice",
}
"""Logs whose rows stand in another one as well, and are read only where that one is not there."""
STREAMED = "json_streaming_"
"""What the names of a second, JSON copy of all logs begin with."""

ZEEK_NAMES = frozenset(
    {
        "analyzer", "analyzer_debug", "analyzer_failed", "analyzer_violation", "barnyard2",
        "broker", "capture_loss", "cluster", "config", "conn", "conn_long", "conn_red",
        "conn_summary", "dce_rpc", "dhcp", "dnp3", "dns", "dpd", "enip", "files", "ftp",
        "ftp_data", "http", "intel", "irc", "kerberos", "known_certs", "known_devices",
        "known_domains", "known_hosts", "known_modbus", "known_names", "known_services",
        "known_users", "ldap", "ldap_search", "loaded_scripts", "local_subnets", "login",
        "management", "modbus", "modbus_register_change", "mqtt_connect", "mqtt_publish",
        "mqtt_subscribe", "mysql", "netcontrol", "notice", "notice_alarm", "ntlm", "ntp",
        "ocsp", "opcua_binary", "openflow", "packet_filter", "pe", "postgresql", "print",
        "prof", "profinet", "quic", "radius", "rdp", "redis", "reporter", "rfb", "s7comm",
        "signatures", "sip", "smb_files", "smb_mapping", "smtp", "snmp", "socks", "software",
        "ssh", "ssl", "stats", "suricata_corelight", "suricata_stats", "syslog", "telemetry",
        "telemetry_histogram", "traceroute", "tunnel", "vpn", "websocket", "weird",
        "weird_stats", "wireguard", "x509",
    }
) | frozenset(ZEEK_LOGS)  # fmt: skip
"""Names of logs that Zeek and common packages write."""

_AROUND = re.compile(r"^(?:json_streaming_|zeek[_-]|bro[_-])|(?:_json)$")
_DATED = re.compile(r"[-_]?\d[-_\d:T]*Z?$")


def log_of_name(name: str) -> str:
    """Return the log that a file name says, empty where it says none.

    >>> [log_of_name(n) for n in ("conn.08:00:00-09:00:00.log.gz", "conn_long.log", "day.log")]
    ['conn', 'conn_long', '']
    """
    first = name.split(".", 1)[0].lower()
    for text in (first, _DATED.sub("", first), re.split(r"[-_]", first)[-1]):
        plain = _AROUND.sub("", _AROUND.sub("", text)).replace("-", "_")
        if plain in ZEEK_NAMES:
            return plain
    return ""


def log_of_fields(names: Collection[str]) -> str:
    """Return the log that has such fields, empty where it is none of ours."""
    there = set(names)
    return next((log for log, signs in SIGNS if signs <= there), "")


def judged(declared: str, name: str, fields: Collection[str]) -> tuple[str, bool]:
    """Return which log this is, and whether its rows stand in another log as well.

    What the log declares counts before the file's name, and that before its fields. A log of a
    path that no script of Zeek's has, but with the fields of one of ours, is one that the site
    made: it counts where that log itself is not there.
    """
    plain = declared.rsplit("/", 1)[-1].removesuffix(".log").lower().replace("-", "_")
    named = log_of_name(name)
    streamed = name.lower().startswith(STREAMED)
    twin = next((told for told in (plain, named) if told in TWINS), "")
    if twin:
        return TWINS[twin], True
    if plain in ZEEK_NAMES:
        return plain, streamed
    if not plain and named:
        return named, streamed
    by_fields = log_of_fields(fields)
    return (by_fields, bool(plain) or streamed) if by_fields else (plain or named, streamed)
