"""The catalogue of findings: what each rule, and each notice of the Zeek package, says.

A rule's values (`Finding.values`) stand in its texts by name. Every text is marked for translation;
`pacsflow.words.saying` fills in what the values are in a language.
"""

from __future__ import annotations

from dataclasses import dataclass

from pacsflow.words.marks import N_


@dataclass(frozen=True, slots=True)
class Text:
    """What a rule says: `title`, lines of `evidence`, and `action`; values stand by name."""

    title: str
    evidence: tuple[str, ...]
    action: str


_SILENT = Text(
    N_("%(host)s sent and received no images this week"),
    (N_("Last imaging traffic: in the hour from %(last)s"),),
    N_("Ask whether it is in service; if it is, check its network connection and AE setup."),
)
_RATE = (N_("%(count)s of %(total)s associations; from %(limit)s on this is named"),)

RULES: dict[str, Text] = {
    "pacs-silent": _SILENT,
    "device-silent": _SILENT,
    "device-new": Text(
        N_("%(host)s took part in imaging traffic for the first time"),
        (
            N_("First seen in the hour from %(first)s"),
            N_("Connections: %(connections)s, peers: %(peers)s"),
            N_("Samples: %(samples)s, peers: %(peers)s"),
        ),
        N_(
            "Confirm that it was expected and write it into the inventory; if nobody knows it, "
            "find the switch port and take it off the network."
        ),
    ),
    "rejects-high": Text(
        N_("%(percent)s of associations were rejected"),
        _RATE,
        N_(
            "Compare calling and called AE titles with the PACS's configuration; look for a device "
            "that was renamed or moved."
        ),
    ),
    "aborts-high": Text(
        N_("%(percent)s of associations were aborted"),
        _RATE,
        N_(
            "See which pairs abort and at what time; time-outs and full archives are the usual "
            "causes."
        ),
    ),
    "failures-high": Text(
        N_("%(percent)s of associations carried failed responses"),
        _RATE,
        N_(
            "Look the status codes up in PS3.4 of the service; A7xx means out of resources, A9xx "
            "and Cxxx that the PACS could not understand the object."
        ),
    ),
    "loss-high": Text(
        N_("The sensor missed %(percent)s of the bytes"),
        (N_("%(missed)s are gaps in TCP streams (missed_bytes)"),),
        N_("Check the sensor's packet drops and the mirror port's load."),
    ),
    "sensor-gap": Text(
        N_("No data for %(hours)s"),
        (N_("From %(start)s to %(end)s"),),
        N_("Find out whether the sensor, the mirror port or the log rotation stood still."),
    ),
    "sensor-silent": Text(
        N_("Sensor %(sensor)s saw nothing for %(hours)s"),
        (
            N_("From %(start)s to %(end)s, while other sensors went on"),
            N_("Seen by no other sensor, %(number)s: %(hosts)s"),
        ),
        N_(
            "Find out whether the sensor, its mirror port or its log rotation stood still; what it "
            "alone sees is not known for that time."
        ),
    ),
    "outside": Text(
        N_("DICOM in the clear with %(host)s, outside the site"),
        (N_("%(bytes)s this week"),),
        N_(
            "Stop it at the firewall unless it is a known partner; then use TLS or a VPN and write "
            "the partner into the inventory."
        ),
    ),
}
_NOTICED = (N_("Notices: %(count)s, the first %(first)s"), N_("With: %(peers)s"))
_FETCHED = (
    *_NOTICED,
    N_(
        "In the whole week: C-FIND %(finds_number__requests)s, C-GET and C-MOVE "
        "%(fetches_number__requests)s; %(objects_number__objects)s by C-GET and "
        "%(bytes)s received in %(associations_number__associations)s"
    ),
)
_UNKNOWN_SENDER = Text(
    N_("%(host)s is in no inventory and stores objects"),
    _NOTICED,
    N_("Add the device to the inventory, or find out who puts images into the PACS."),
)
NOTICES: dict[str, Text] = {
    "External_Association": Text(
        N_("DICOM with the outside: %(host)s"),
        _NOTICED,
        N_(
            "If the peer is a partner, put its network into Site::local_nets or the traffic into a "
            "VPN with TLS; if nobody knows it, block it at the border and find out since when."
        ),
    ),
    "Cleartext_Across_Sites": Text(
        N_("DICOM in the clear between sites, from %(host)s"),
        _NOTICED,
        N_("Use TLS (port 2762) or a tunnel between the sites."),
    ),
    "AE_Title_Guessing": Text(
        N_("%(host)s tried several AE titles"),
        _NOTICED,
        N_("Several rejected pairs are somebody trying; look at what else the host does."),
    ),
    "Find_Enumeration": Text(
        N_("%(host)s asked for very many studies"),
        _FETCHED,
        N_(
            "Ask who runs it: migrations and research exports do this and are announced; "
            "otherwise somebody draws up a list of patients."
        ),
    ),
    "Bulk_Retrieval": Text(
        N_("%(host)s fetched very many objects"),
        _FETCHED,
        N_(
            "Ask who runs it and what for; migrations and research exports do this and are "
            "announced. The log rows say how much went where."
        ),
    ),
    "Move_To_Unknown_Destination": Text(
        N_("%(host)s had images sent to an unknown destination"),
        _NOTICED,
        N_(
            "Find the AE title in the PACS's configuration; one that nobody can explain is a way "
            "out."
        ),
    ),
    "New_Peer": Text(
        N_("%(host)s had an association with a new peer"),
        _NOTICED,
        N_(
            "A new device should be in the inventory; if it is not announced, look at what it "
            "asked for."
        ),
    ),
    "AE_Title_On_Several_Hosts": Text(
        N_("One AE title calls from several hosts, among them %(host)s"),
        _NOTICED,
        N_(
            "Compare orig_impl_uid in dicom.log: the same software suggests a clone, another one a "
            "stranger."
        ),
    ),
    "Association_Flood": Text(
        N_("%(host)s requested very many associations"),
        _NOTICED,
        N_(
            "A client that opens one association for each image does so, and so does a denial of "
            "service; compare with the PACS's limit."
        ),
    ),
    "Echo_Scan": Text(
        N_("%(host)s sent C-ECHO to many endpoints"),
        _NOTICED,
        N_("Monitoring systems do; name those in a Notice::policy hook, and look into any other."),
    ),
    "Store_From_Unknown_Sender": _UNKNOWN_SENDER,
    "Unknown_Store_Sender": _UNKNOWN_SENDER,
    "Part10_In_Data_Set": Text(
        N_("%(host)s sent the preamble of a file inside a message"),
        _NOTICED,
        N_(
            "See which software sends it (orig_impl_uid), and look at the preamble of what arrived."
        ),
    ),
    "Executable_In_DICOM_File": Text(
        N_("A DICOM file that is a program as well, from %(host)s"),
        _NOTICED,
        N_("Treat it as malware: isolate the file, keep it, do not open it, find its origin."),
    ),
    "Cleartext_Credentials": Text(
        N_("%(host)s sent a user name and a passcode in the clear"),
        _NOTICED,
        N_("Use TLS for this device, then new credentials."),
    ),
    "Malformed": Text(
        N_("%(host)s sent malformed DICOM"),
        _NOTICED,
        N_(
            "One sender with one software is a defect to report to its vendor; a host that appears "
            "for the first time with malformed PDUs is not."
        ),
    ),
    "Reserved_Bits_Set": Text(
        N_("%(host)s sets reserved bytes"),
        _NOTICED,
        N_("Some old devices do not clear them; a device that never did and now does has changed."),
    ),
    "Slow_Responses": Text(
        N_("%(host)s takes much longer for its answers than it did"),
        _NOTICED,
        N_(
            "Response times of the hour say whether server, network, sender or receiver takes the "
            "time: pacsflow times."
        ),
    ),
}
"""What the notices of the Zeek package say, by name; docs/zeek-notices.md says more."""
NOTICE = Text(
    N_("Zeek notice %(note)s from %(host)s"),
    _NOTICED,
    N_("docs/zeek-notices.md says what %(note)s means and what to do."),
)

_FLAGGED = (N_("%(count__associations)s, the first %(first)s"), N_("Software: %(software)s"))
_UNUSUAL = (N_("%(seen_bytes)s seen, %(expected_bytes)s expected"), N_("Moved most: %(who)s"))
_CLEAR_BYTES = (N_("%(bytes)s this week"),)


def _like(notice: str, *evidence: str, title: str = "", action: str = "") -> Text:
    """Return the text of a rule that finds what a notice tells, with evidence of its own."""
    told = NOTICES[notice]
    return Text(title or told.title, evidence, action or told.action)


RULES |= {
    "pacs-interrupted": Text(
        N_("%(host)s sent and received no images for %(hours)s in which it always does"),
        (N_("From %(start)s to %(end)s"),),
        N_(
            "If nobody planned it, ask what happened then; studies may be waiting on the "
            "modalities."
        ),
    ),
    "modality-stopped": Text(
        N_("%(host)s has stopped sending images"),
        (
            N_("Nothing on %(days__days)s on which it always sends"),
            N_("Last imaging traffic: in the hour from %(last)s"),
        ),
        _SILENT.action,
    ),
    "rejects-rising": Text(
        N_("Rejected associations rose from %(before_percent)s to %(percent)s"),
        (
            N_(
                "%(count)s of %(total)s associations, %(before_count)s of %(before_total)s the "
                "week before"
            ),
        ),
        RULES["rejects-high"].action,
    ),
    "loss-on-path": Text(
        N_("%(percent)s of the bytes between %(host)s and %(peer)s are missing"),
        (N_("%(missed)s are gaps in TCP streams (missed_bytes)"),),
        N_(
            "The rest of the traffic is complete: look at this path's switch ports for errors, "
            "and whether its return way passes the sensor."
        ),
    ),
    "pacs-slow": Text(
        N_("%(host)s answers %(operation)s more slowly than it did"),
        (
            N_(
                "95 of 100 took up to %(high)s, in the weeks before up to %(before)s; half of them "
                "up to %(middle)s"
            ),
            N_("Answers that were timed: %(count)s; most of the time went to: %(where)s"),
        ),
        N_(
            "Look at its load, its disks and its database in those hours; docs/speed.md says how "
            "the network, the sender and the receiver are told from it."
        ),
    ),
    "path-slow": Text(
        N_("The path between %(host)s and %(peer)s became longer"),
        (
            N_(
                "A round trip takes %(trip)s, in the weeks before %(before)s (mean of "
                "%(count__connections)s)"
            ),
            N_("Segments that came again, or behind later ones: %(resent_number)s"),
        ),
        N_(
            "Ask whether the route changed (a VPN, another site, a wireless link), and look for "
            "full queues on the way."
        ),
    ),
    "device-slow": Text(
        N_("%(host)s lets more time pass between its objects"),
        (
            N_("%(gap)s an object by itself, in the weeks before %(before)s; %(count__objects)s"),
            N_("While bytes flowed they came with %(rate)s Mbit/s"),
        ),
        N_(
            "It is neither the network nor the PACS: look at the device's disk, its software and "
            "what else it does while it sends."
        ),
    ),
    "queueing": Text(
        N_("%(host)s has as many associations open as ever, again and again"),
        (
            N_(
                "Up to %(most)s at once; the most that was ever seen is %(ever)s. In "
                "%(hours__hours)s nearly as many, the first %(first)s; before, in "
                "%(usual_number__hours)s a week"
            ),
            N_("Requests that it rejected for want of room: %(refused_number)s"),
        ),
        N_(
            "Whoever comes next waits or is rejected: raise the limit of associations, or find "
            "out who keeps them open."
        ),
    ),
    "retransmissions-high": Text(
        N_("%(host)s sent at least %(percent)s of its packets to %(peer)s again"),
        (
            N_(
                "%(low_number)s to %(high_number)s of %(packets_number)s packets, in %(count)s of "
                "%(total)s connections"
            ),
            N_("Windows of zero, the receiver not keeping up: in %(closed_number__connections)s"),
        ),
        N_(
            "Without windows of zero look at the switch ports between them for errors, half duplex "
            "and full queues; with them at the receiver's disks and load. Where nearly every "
            "packet counts, the mirror port copies each one twice."
        ),
    ),
    "uncompressed-slow-link": Text(
        N_("Images travel uncompressed over the slow link of %(host)s"),
        (
            N_("%(bytes)s this week, %(syntaxes)s"),
            N_("At %(capacity)s Mbit/s that is %(link_seconds)s of the whole link"),
        ),
        N_(
            "Let both sides negotiate a lossless compression (JPEG-LS or JPEG 2000 lossless), or "
            "send at night."
        ),
    ),
    "prefetch-into-morning": Text(
        N_("The night's copy from %(host)s to %(peer)s ran into the morning"),
        (N_("On %(days__days)s, the first %(first)s; %(bytes)s by then"),),
        N_(
            "Begin it earlier, limit it to what is needed, or compress it: it shares the link "
            "with the first examinations."
        ),
    ),
    "future-rows": Text(
        N_("Log rows that lie in the future: %(number)s"),
        (N_("The latest is of %(last)s"),),
        N_(
            "Compare the clocks and time zones of the sensors and of this machine with a time "
            "server (NTP)."
        ),
    ),
    "clock-skew": Text(
        N_("Two sensors' clocks differ by %(skew_seconds)s"),
        (
            N_("%(count__connections)s that both saw"),
            N_("What both saw may count twice in part"),
        ),
        N_("Compare the clocks and time zones of the sensors with a time server (NTP)."),
    ),
    "hours-disagree": Text(
        N_("The hours of %(name)s are those of %(other)s, shifted by %(shift)s h"),
        (N_("Hourly associations fit far better with that shift than without"),),
        N_("Look for a log or a capture whose times were written in local time."),
    ),
    "cleartext-across-sites": Text(
        N_("DICOM in the clear between the sites %(here)s and %(there)s"),
        _CLEAR_BYTES,
        N_(
            "Use TLS (port 2762) or a tunnel between the sites; sites that share one wire have "
            "one name in the inventory."
        ),
    ),
    "unknown-sender": _like(
        "Store_From_Unknown_Sender",
        N_("%(objects_number__objects)s in %(count__associations)s, the first %(first)s"),
        N_("AE titles: %(titles)s"),
    ),
    "cleartext-credentials": _like("Cleartext_Credentials", *_FLAGGED),
    "part10-in-data-set": _like("Part10_In_Data_Set", *_FLAGGED),
    "malformed": _like("Malformed", *_FLAGGED),
    "reserved-bits": _like("Reserved_Bits_Set", *_FLAGGED),
    "ae-guessing": _like(
        "AE_Title_Guessing",
        N_("%(number__pairs)s of AE titles rejected within %(span_hours)s: %(titles)s"),
    ),
    "find-enumeration": _like(
        "Find_Enumeration",
        N_(
            "C-FIND requests and results within %(span_hours)s: %(number)s; its most before: "
            "%(before_number)s"
        ),
    ),
    "bulk-requests": _like(
        "Bulk_Retrieval",
        N_(
            "C-GET and C-MOVE requests within %(span_hours)s: %(number)s; its most before: "
            "%(before_number)s"
        ),
    ),
    "bulk-retrieval": _like(
        "Bulk_Retrieval",
        N_("%(bytes)s from PACS within a day; its most before: %(before_bytes)s"),
    ),
    "move-to-unknown": _like(
        "Move_To_Unknown_Destination",
        N_("C-MOVE to %(title)s: %(number__requests)s, the first %(first)s"),
    ),
    "new-peer": _like(
        "New_Peer",
        N_("%(count__associations)s, the first %(first)s"),
        title=N_("%(host)s had an association with %(peer)s for the first time"),
    ),
    "ae-on-several-hosts": _like(
        "AE_Title_On_Several_Hosts",
        N_("Hosts: %(hosts)s"),
        title=N_("The AE title %(title)s calls from %(count__hosts)s"),
    ),
    "association-flood": _like(
        "Association_Flood", N_("%(number)s within %(span_seconds)s, up to %(when)s")
    ),
    "echo-scan": _like(
        "Echo_Scan",
        N_("%(number__endpoints)s not tried before, up to %(when)s"),
        action=N_(
            "Monitoring systems do; the week after, the same endpoints are no news. Look into any "
            "other."
        ),
    ),
    "port-scan": Text(
        N_("%(host)s tried DICOM ports of %(number__hosts)s, where nothing answers as DICOM"),
        (N_("Ports that refused, only accepted, or spoke another protocol; first: %(first)s"),),
        N_(
            "A vulnerability scanner or monitoring does that; the week after, the same hosts are "
            "no news. Anything else that looks for PACS is an attacker until it is found."
        ),
    ),
    "copies-seen": Text(
        N_("%(percent)s of the frames of %(name)s are copies of others"),
        (N_("%(number)s of %(total)s frames; each is counted once"),),
        N_(
            "The mirror port gives frames of both directions twice, or of several ports on their "
            "way: mirror one direction, or one port of each path. A sensor that does not know "
            "copies counts them all."
        ),
    ),
    "spread-by-cluster": Text(
        N_("The cluster of %(name)s spreads single connections over its workers"),
        (N_("Connections with several rows: %(number)s of %(total)s; the fullest row counts"),),
        N_(
            "Balance by both addresses and both ports, the same in both directions (a symmetric "
            "hash): until then bytes are too low, and associations are seen in part."
        ),
    ),
    "two-networks": Text(
        N_("%(host)s and %(peer)s are in VLAN %(one)s and in VLAN %(other)s at one time"),
        (N_("%(number__associations)s with the same addresses and ports"),),
        N_(
            "Two networks use the same addresses, or the mirror gives both sides of a router. "
            "Totals of these hosts are those of both; Zeek needs its VLAN-aware connection key "
            "(policy/frameworks/conn_key/vlan_fivetuple) to tell them apart."
        ),
    ),
    "traffic-above": Text(
        N_("Imaging traffic was far above what was forecast"),
        _UNUSUAL,
        N_(
            "Ask those who moved most what they did in these hours; a migration, a backup or a "
            "full worklist explain most of it."
        ),
    ),
    "traffic-below": Text(
        N_("Imaging traffic was far below what was forecast"),
        _UNUSUAL,
        N_(
            "Ask whether equipment stood still in these hours, and look at the PACS's own log and "
            "at the switches between."
        ),
    ),
    "traffic-silent": Text(
        N_("Next to no imaging traffic passed where much was forecast"),
        _UNUSUAL,
        N_(
            "The sensor saw other traffic in these hours, so it is no gap in the data. Ask whether "
            "PACS or network stood still, and look at their own logs."
        ),
    ),
    "rule-failed": Text(
        N_("The rule %(name)s could not be applied"),
        ("%(error)s",),
        N_("The other rules are not touched; report it to the project."),
    ),
}
