"""The catalogue of what tables of a terminal have around their values."""

from __future__ import annotations

from pacsflow.words.marks import N_

NONE = N_("nothing")
LEFT_OUT = N_("left out, for the terminal is too narrow: %(columns)s (--format csv has all)")
FINDINGS = N_("Findings of %(week)s, on the clock of %(zone)s")
HEADINGS = (
    N_("severity"), N_("area"), N_("title"), N_("evidence"), N_("action"), N_("count"),
    N_("rule"), N_("hosts"), N_("ae titles"), N_("start utc"), N_("end utc"),
    N_("start site"), N_("end site"), N_("uids"),
)  # fmt: skip
