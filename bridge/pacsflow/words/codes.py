"""The words that reports hold as codes (roles, states, results), as a page says them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacsflow.words.language import Language


def words(language: Language) -> Callable[[str], str]:
    """Return a function that says a code in `language`; an unknown code stays as it is."""
    _ = language.gettext
    said = {
        # roles
        "pacs": _("PACS"),
        "modality": _("modality"),
        "workstation": _("workstation"),
        "worklist": _("worklist"),
        "printer": _("printer"),
        "gateway": _("gateway"),
        "other": _("other"),
        "unknown": _("unknown"),
        # status and severity
        "good": _("Good"),
        "look": _("Look"),
        "act": _("Act"),
        "info": _("Note"),
        "low": _("Low"),
        "medium": _("Medium"),
        "high": _("High"),
        "critical": _("Critical"),
        # equipment
        "active": _("active"),
        "new": _("new"),
        "silent": _("silent"),
        "unseen": _("unseen"),
        "unnamed": _("without a name"),
        # associations
        "accepted": _("accepted"),
        "rejected": _("rejected"),
        "no_reply": _("no reply"),
        "released": _("released"),
        "aborted": _("aborted"),
        "closed": _("closed"),
        "incomplete": _("incomplete"),
        "slow": _("slow"),
        "failures": _("failures"),
        "success": _("success"),
        "warning": _("warning"),
        "failure": _("failure"),
        "pending": _("pending"),
        "cancel": _("cancel"),
        # services
        "verification": _("verification"),
        "storage": _("storage"),
        "query": _("query"),
        "retrieve": _("retrieve"),
        "mpps": "MPPS",
        "commitment": _("storage commitment"),
        "print": _("print"),
        # flags
        "midstream": _("seen from the middle on"),
        "malformed": _("malformed"),
        "truncated": _("truncated"),
        "sampled": _("sampled"),
        "reserved_nonzero": _("reserved byte not zero"),
        "part10_in_dataset": _("file preamble on the wire"),
        "one_sided": _("one direction alone was captured"),
        "unfinished": _("ended inside a PDU"),
        "pieces": _("a piece of it may be missing"),
        # where a row comes from
        "zeek": "Zeek",
        "capture": _("capture"),
        "sflow": "sFlow",
        # how a role is known
        "inventory": _("inventory"),
        "association": _("inferred from associations"),
        "traffic": _("inferred from traffic"),
        # what shows it
        "answers-queries": _("it answers queries"),
        "answers-worklists": _("it answers worklist queries"),
        "takes-prints": _("it takes print jobs"),
        "asks": _("it asks for studies"),
        "sends-images": _("it sends images or asks for worklists"),
        "takes-from-modality": _("it takes images from a modality, and asks for none"),
        "others-connect": _("others open connections to it and exchange images"),
        "takes-and-gives": _("it takes images from several hosts and gives images to them"),
        "sends-most": _("it sends far more than it receives"),
        "receives-most": _("it receives far more than it sends"),
        # where the time went
        "where-server": _("the server"),
        "where-network": _("the network"),
        "where-sender": _("the sender"),
        "where-receiver": _("the receiver"),
        "where-": _("unknown"),
        "why-association-each": _("an association is opened for every image"),
        "why-losses": _("segments were lost on the way and sent again"),
        "why-round-trips": _("small steps that wait for a long round trip each"),
        "why-delayed-acknowledgments": _("small writes that wait for delayed acknowledgments"),
        # what a choice was left to
        "latest": _("latest"),
        "most-hours": _("the one that covers most hours"),
        "yes": _("yes"),
        "no": _("no"),
        # how a page was made
        "option-week": _("Week asked for"),
        "option-zone": _("Time zone"),
        "option-zone-said-by": _("Time zone named by"),
        "option-origin": _("Origin counted"),
        "option-forecasts": _("With forecasts"),
        "option-holidays": _("Holidays of"),
        "option": _("the command line"),
        "configuration": _("the configuration"),
        "machine": _("this machine"),
        "nobody": _("nobody"),
        # series of the whole network
        "All traffic": _("All traffic"),
        "Communications": _("Communications"),
        "Samples": _("Samples"),
        # modalities of which nothing tells which they are
        "not known": _("not known"),
        "Imaging traffic": _("Imaging traffic"),
        # kinds of days that are no ordinary ones
        "days-holidays": _("Public holidays"),
        "days-half-holidays": _("Carnival and half or optional holidays"),
        "days-bridges": _("Working days between free ones"),
        "days-year-end": _("Working days from Christmas Eve to the end of the year"),
        "more": _("more"),
        "less": _("less"),
        # what tests for stationarity say
        "no unit root": _("no unit root"),
        "a unit root is not ruled out": _("a unit root is not ruled out"),
        "not stationary": _("not stationary"),
        "stationarity is not ruled out": _("stationarity is not ruled out"),
    }
    return lambda code: said.get(code, code)


def area_names(language: Language) -> dict[str, str]:
    """Return the names of the areas as they stand inside a sentence."""
    _ = language.gettext
    return {
        "traffic": _("traffic"),
        "pacs": _("PACS"),
        "modalities": _("modalities"),
        "associations": _("associations"),
        "security": _("security"),
        "data": _("data quality"),
    }


def source_kinds(language: Language) -> Callable[[str], str]:
    """Return a function that says what kind of source a file is; an unknown one stays as it is."""
    _ = language.gettext
    of_a_log = {
        "Zeek log": _("Zeek log %(log)s"),
        "Zeek JSON log": _("Zeek JSON log %(log)s"),
        "other Zeek log": _("other Zeek log %(log)s"),
        "table of rows of": _("table of rows of %(log)s"),
    }
    whole = {
        "capture": _("capture"),
        "table of frames": _("table of frames"),
        "Wireshark JSON export": _("Wireshark JSON export"),
        "Zeek logs": _("Zeek logs"),
        "Zeek JSON logs": _("Zeek JSON logs"),
        "table of rows of Zeek's logs": _("table of rows of Zeek's logs"),
        "not read": _("not read"),
    }

    def said(kind: str) -> str:
        head, _blank, log = kind.rpartition(" ")
        return whole.get(kind) or (of_a_log[head] % {"log": log} if head in of_a_log else kind)

    return said
