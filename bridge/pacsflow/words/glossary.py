"""What the words of a page mean, for whoever meets one for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow.words.marks import N_

if TYPE_CHECKING:
    from pacsflow.words.language import Language

GLOSSARY = {
    "communication": (
        N_("communication"),
        N_(
            "One connection between two hosts as a sensor saw it, counted at the host that opened "
            "it."
        ),
    ),
    "ae-title": (
        N_("AE title"),
        N_(
            "The name, of 16 letters at most, that DICOM software calls itself and its peer by; "
            "one host may have several."
        ),
    ),
    "association": (
        N_("association"),
        N_("A DICOM conversation inside one connection: agreed on, used for operations, ended."),
    ),
    "mpps": (
        "MPPS",
        N_("Modality Performed Procedure Step: a modality says which examination it does or did."),
    ),
    "dimse": (
        "DIMSE",
        N_(
            "DICOM's messages: C-ECHO (are you there), C-STORE (take this), C-FIND (what have "
            "you), C-GET and C-MOVE (send it), and DIMSE-N for work lists, prints and the like."
        ),
    ),
    "released": (N_("released"), N_("Ended as agreed: one side asked to end, the other agreed.")),
    "aborted": (N_("aborted"), N_("Broken off by one side, or by the network, before its end.")),
    "coverage": (
        N_("coverage"),
        N_(
            "The hours of the week in which a sensor saw anything at all, of all its hours; of "
            "several sensors each has its own, and the lowest counts."
        ),
    ),
    "mase": (
        "MASE",
        N_(
            "How far a forecast was off on hours held back, as a multiple of how far the same hour "
            "of the day before is off: below 1 is better."
        ),
    ),
}  # fmt: skip
"""By key: the term, and its meaning."""
OF_LABELS = {
    "MPPS": "mpps", "mpps": "mpps", "DIMSE-N": "dimse", "C-ECHO": "dimse", "C-STORE": "dimse",
    "C-FIND": "dimse", "C-GET": "dimse", "C-MOVE": "dimse", "released": "released",
    "aborted": "aborted",
}  # fmt: skip
"""Labels of tables that stand in the glossary."""


def glossary(language: Language) -> list[tuple[str, str, str]]:
    """Return the key, the term and the meaning of each entry, in the language's order."""
    _ = language.gettext
    made = [(key, _(term), _(meaning)) for key, (term, meaning) in GLOSSARY.items()]
    return sorted(made, key=lambda entry: entry[1].casefold())
