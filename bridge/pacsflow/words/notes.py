"""The catalogue of notes: verdicts, what totals rest on, and the reasons of states."""

from __future__ import annotations

from pacsflow.words.marks import N_

NOTES: dict[str, str | tuple[str, str, str]] = {
    # forecasts: where two forms are given, the first name decides between one and several
    "too-few-hours": (
        "there",
        N_("%(there)s hour with data is too few: a forecast needs %(needed)s (one week)."),
        N_("%(there)s hours with data are too few: a forecast needs %(needed)s (one week)."),
    ),
    "began-lately": N_(
        "The series began %(began)s hours ago (%(there)s with data): a forecast needs %(needed)s "
        "(one week)."
    ),
    "verdict-untested": N_(
        "%(model)s: %(hours)s hours are too few to hold some back, so nothing tells yet how good "
        "it is."
    ),
    "verdict-level": N_("Every hour has one value: there is nothing for a model to explain."),
    "verdict-suits": N_("%(model)s suits: %(percent)s better than last week's values."),
    "verdict-as-good": N_(
        "%(model)s is not proven to suit: it does as well as last week's values, no better."
    ),
    "verdict-not-proven": N_(
        "%(model)s is not proven to suit: %(percent)s worse than last week's values, no more than "
        "chance does, so it is kept for what it does on most series."
    ),
    "verdict-no-better": N_(
        "%(model)s does not suit: it is no better than last week's values, which the report shows "
        "instead."
    ),
    "verdict-worse": N_(
        "%(model)s does not suit: it is %(percent)s worse than last week's values, which the "
        "report shows instead."
    ),
    "verdict-yesterday": N_(
        "%(model)s does not suit: the report shows yesterday's values instead, which are "
        "%(percent)s better than last week's."
    ),
    "left-out-more": N_(
        "From %(start)s on, %(hours)s hours of imaging traffic were far more than the same hours "
        "of other weeks, and did not come again: the forecast leaves them out."
    ),
    "left-out-less": N_(
        "From %(start)s on, %(hours)s hours of imaging traffic were far less than the same hours "
        "of other weeks, and did not come again: the forecast leaves them out."
    ),
    # what totals rest on
    "other-origins": N_(
        "Totals are those of origin %(origin)s; %(others)s is in the ledger too and not added to "
        "them, so that nothing is counted twice."
    ),
    "more-files": N_("%(more)s more files were read than are listed."),
    "by-port-alone": N_(
        "Some imaging traffic was recognised by its port alone (service dicom?): it is counted as "
        "imaging, and nobody has looked into it."
    ),
    "no-connections": N_(
        "This week was added to the ledger by a pacsflow that did not keep connections: nothing is "
        "said of retransmissions, and findings from conn.log name no rows. Adding its logs to a "
        "new ledger brings both."
    ),
    "inventory": N_("Inventory: %(problem)s"),
    # samples
    "few-samples": N_(
        "In %(few)s of %(hours)s hours with data there are too few samples: the 95 %% "
        "interval of their bytes reaches further than 50 %%."
    ),
    "samples-lost": N_(
        "%(lost)s of %(sent)s samples (%(percent)s) were lost on the way from the agents: "
        "their sequence numbers have gaps."
    ),
    "estimates-low": N_(
        "By the agents' sample pools and sequence numbers, estimates are about %(percent)s too low."
    ),
    "estimates-high": N_(
        "By the agents' sample pools and sequence numbers, estimates are about %(percent)s too "
        "high."
    ),
    "samples-dropped": N_("The agents dropped %(samples)s samples for want of resources."),
    "pool-unfit": N_(
        "The sample pool of %(source)s does not fit the declared rate: 1 in %(declared)s "
        "declared, 1 in %(pool)s by the pool."
    ),
    "agents-restarted": N_(
        "%(restarts)s restarts of agents: what passed between the last datagram before and "
        "the first after is not known."
    ),
    "counters-outside": N_(
        "%(outside)s of %(all)s interface counters are outside the 95 %% interval of their "
        "estimate (1 in 20 is by chance): pacsflow sampling lists them."
    ),
    "counters-still": N_("%(still)s of %(all)s interface counters never moved."),
    "several-agents": N_(
        "%(agents)s agents sampled: a packet that passes several of them counts at each."
    ),
    "sflow-malformed": N_("%(number)s sFlow datagrams that are not well-formed."),
    "sflow-cut": N_("%(number)s sFlow datagrams that the capture cut short."),
    "sflow-duplicates": N_(
        "%(number)s sFlow datagrams that were captured twice, and counted once."
    ),
    "sflow-no-rate": N_("%(number)s samples with a rate of zero, which say nothing of a total."),
    "sflow-no-header": N_("%(number)s samples without a sampled header, which name no address."),
    # why an area has the state that it has, where no finding says it
    "no-data": N_("No data this week"),
    "no-dicom-log": N_("No DICOM log was given"),
    "no-imaging": N_("No imaging equipment was seen"),
    "no-pacs": N_("No PACS was recognised"),
    "nothing-unusual": N_("Nothing unusual"),
}
"""What can be told besides findings, by the key of a `pacsflow.terms.message.Message`."""
