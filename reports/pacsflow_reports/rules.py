"""Says what the findings' rules found in the page's language and with its numbers and times.

A rule gives its facts as `Finding.params`, by name and in a neutral form (bytes and counts as
digits, shares in percent, times in ISO 8601). A rule that is not listed here keeps its own English.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .language import N_
from .phrases import model_said, option_said, said
from .sentences import party_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacsflow.weekly import AreaStatus, Curve, Finding, WeeklyReport

    from .language import Language


@dataclass(frozen=True, slots=True)
class Text:
    """What a rule says: `title`, lines of `evidence`, and `action`; `None` keeps the rule's own."""

    title: str
    evidence: tuple[str, ...] | None
    action: str


_SILENT = Text(
    N_("%(host)s sent and received no images this week"),
    (N_("Last imaging traffic: %(last)s"),),
    N_("Ask whether it is in service; if it is, check its network connection and AE setup."),
)
_RATE = (N_("%(count)s of %(total)s associations; from %(limit)s on this is named"),)

RULES: dict[str, Text] = {
    "pacs-silent": _SILENT,
    "device-silent": _SILENT,
    "device-new": Text(
        N_("%(host)s took part in imaging traffic for the first time"),
        (N_("First seen: %(first)s"), N_("Connections: %(connections)s, peers: %(peers)s")),
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
    "outside": Text(
        N_("DICOM in the clear with %(host)s, outside the site"),
        (N_("%(bytes)s this week"),),
        N_(
            "Stop it at the firewall unless it is a known partner; then use TLS or a VPN and write "
            "the partner into the inventory."
        ),
    ),
}
_UNKNOWN_SENDER = Text(
    N_("%(host)s is in no inventory and stores objects"),
    None,
    N_("Add the device to the inventory, or find out who puts images into the PACS."),
)
NOTICES: dict[str, Text] = {
    "External_Association": Text(
        N_("DICOM with the outside: %(host)s"),
        None,
        N_(
            "If the peer is a partner, put its network into Site::local_nets or the traffic into a "
            "VPN with TLS; if nobody knows it, block it at the border and find out since when."
        ),
    ),
    "Cleartext_Across_Sites": Text(
        N_("DICOM in the clear between sites, from %(host)s"),
        None,
        N_("Use TLS (port 2762) or a tunnel between the sites."),
    ),
    "AE_Title_Guessing": Text(
        N_("%(host)s tried several AE titles"),
        None,
        N_("Several rejected pairs are somebody trying; look at what else the host does."),
    ),
    "Find_Enumeration": Text(
        N_("%(host)s asked for very many studies"),
        None,
        N_(
            "Ask who runs it: migrations and research exports do this and are announced; "
            "otherwise somebody draws up a list of patients."
        ),
    ),
    "Bulk_Retrieval": Text(
        N_("%(host)s fetched very many objects"),
        None,
        N_(
            "Ask who runs it; dicom.log says how much went where (data_bytes_resp, "
            "move_destinations)."
        ),
    ),
    "Move_To_Unknown_Destination": Text(
        N_("%(host)s had images sent to an unknown destination"),
        None,
        N_(
            "Find the AE title in the PACS's configuration; one that nobody can explain is a way "
            "out."
        ),
    ),
    "New_Peer": Text(
        N_("%(host)s had an association with a new peer"),
        None,
        N_(
            "A new device should be in the inventory; if it is not announced, look at what it "
            "asked for."
        ),
    ),
    "AE_Title_On_Several_Hosts": Text(
        N_("One AE title calls from several hosts, among them %(host)s"),
        None,
        N_(
            "Compare orig_impl_uid in dicom.log: the same software suggests a clone, another one a "
            "stranger."
        ),
    ),
    "Association_Flood": Text(
        N_("%(host)s requested very many associations"),
        None,
        N_(
            "A client that opens one association for each image does so, and so does a denial of "
            "service; compare with the PACS's limit."
        ),
    ),
    "Echo_Scan": Text(
        N_("%(host)s sent C-ECHO to many endpoints"),
        None,
        N_("Monitoring systems do; name those in a Notice::policy hook, and look into any other."),
    ),
    "Store_From_Unknown_Sender": _UNKNOWN_SENDER,
    "Unknown_Store_Sender": _UNKNOWN_SENDER,
    "Part10_In_Data_Set": Text(
        N_("%(host)s sent the preamble of a file inside a message"),
        None,
        N_(
            "See which software sends it (orig_impl_uid), and look at the preamble of what arrived."
        ),
    ),
    "Executable_In_DICOM_File": Text(
        N_("A DICOM file that is a program as well, from %(host)s"),
        None,
        N_("Treat it as malware: isolate the file, keep it, do not open it, find its origin."),
    ),
    "Cleartext_Credentials": Text(
        N_("%(host)s sent a user name and a passcode in the clear"),
        None,
        N_("Use TLS for this device, then new credentials."),
    ),
    "Malformed": Text(
        N_("%(host)s sent malformed DICOM"),
        None,
        N_(
            "One sender with one software is a defect to report to its vendor; a host that appears "
            "for the first time with malformed PDUs is not."
        ),
    ),
    "Reserved_Bits_Set": Text(
        N_("%(host)s sets reserved bytes"),
        None,
        N_("Some old devices do not clear them; a device that never did and now does has changed."),
    ),
}
"""What the notices of the Zeek package say, by name; docs/zeek-notices.md says more."""
NOTICE = Text(
    N_("Zeek notice %(note)s from %(host)s"),
    None,
    N_("docs/zeek-notices.md says what %(note)s means and what to do."),
)

PERCENTS = {"percent", "limit"}
COUNTS = {"count", "total", "connections", "peers", "number", "weeks", "days"}
BYTES = {"bytes", "missed", "octets"}
TIMES = {"first", "last", "start", "end", "since", "when"}


def _value(name: str, text: str, language: Language) -> str:
    """Return a parameter as the page writes it; the name's last part says what it is."""
    kind = name.rsplit("_", 1)[-1]
    try:
        if kind in PERCENTS:
            return language.percent(float(text))
        if kind in COUNTS:
            return language.number(float(text))
        if kind in BYTES:
            return language.bytes(float(text))
        if kind == "seconds":
            return language.duration(float(text))
        if kind == "hours":
            return language.duration(3600 * float(text))
        if kind in TIMES:
            moment = datetime.fromisoformat(text)
            return language.moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return text
    return text


def known(finding: Finding) -> bool:
    """Return whether this page says the finding itself, in its own language."""
    return finding.id in RULES or finding.id.startswith("notice-")


def finding_said(finding: Finding, language: Language) -> Finding:
    """Return `finding` in `language`; where its rule is not known, or a value lacks, as it is."""
    text = RULES.get(finding.id)
    if finding.id.startswith("notice-"):
        text = NOTICES.get(finding.id.removeprefix("notice-"), NOTICE)
    if text is None:
        return finding
    values = {name: _value(name, value, language) for name, value in finding.params}
    if not values.get("host", "-"):
        values["host"] = language.gettext("an unknown host")
    elif finding.parties and values.get("host") == finding.parties[0].address:
        values["host"] = party_name(finding.parties[0])
    for name, moment in (("start", finding.start), ("end", finding.end)):
        if moment is not None:
            values.setdefault(name, language.moment(moment))
    say: Callable[[str], str] = language.gettext
    try:
        return replace(
            finding,
            title=say(text.title) % values,
            evidence=finding.evidence
            if text.evidence is None
            else tuple(say(line) % values for line in text.evidence),
            action=say(text.action) % values,
        )
    except (KeyError, TypeError, ValueError):
        return finding


def translated(report: WeeklyReport, language: Language) -> WeeklyReport:
    """Return `report` with every sentence that its makers wrote in English said in `language`."""
    _ = language.gettext
    findings = tuple(finding_said(finding, language) for finding in report.findings)
    titles = {a.title: b.title for a, b in zip(report.findings, findings, strict=True)}
    reasons = {
        "no-data": _("No data this week"),
        "no-dicom-log": _("No DICOM log was given"),
        "no-imaging": _("No imaging equipment was seen"),
        "nothing-unusual": _("Nothing unusual"),
    }

    def light(status: AreaStatus) -> AreaStatus:
        reason = titles.get(status.reason) or reasons.get(status.reason)
        return replace(status, reason=reason or said(status.reason, language))

    def curve(made: Curve, title: str = "") -> Curve:
        return replace(
            made,
            title=title or made.title,
            reason=said(made.reason, language),
            verdict=said(made.verdict, language),
            model=model_said(made.model, language),
        )

    keys = {
        report.traffic.title: "traffic",
        report.imaging.title: "imaging",
        report.communications.title: "communications",
    }
    cover, made_by = report.coverage, report.provenance
    return replace(
        report,
        provenance=replace(
            made_by,
            options=tuple((name, option_said(value, language)) for name, value in made_by.options),
        ),
        title=said(report.title, language),
        findings=findings,
        status=tuple(map(light, report.status)),
        traffic=curve(report.traffic, _("All traffic")),
        communications=curve(report.communications, _("Communications")),
        imaging=curve(report.imaging, _("Imaging traffic")),
        incidents=tuple(
            replace(item, series=keys.get(item.series, item.series)) for item in report.incidents
        ),
        pacs=tuple(
            replace(flow, curve_in=curve(flow.curve_in), curve_out=curve(flow.curve_out))
            for flow in report.pacs
        ),
        modalities=tuple(
            replace(item, curve=curve(item.curve)) if item.curve else item
            for item in report.modalities
        ),
        coverage=replace(
            cover,
            sampling_note=said(cover.sampling_note, language),
            byte_basis=said(cover.byte_basis, language),
            notes=tuple(said(note, language) for note in cover.notes),
        ),
    )
