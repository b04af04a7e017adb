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
    "began-lately": (
        "began",
        N_(
            "The series began %(began)s hour ago (%(there)s with data): a forecast needs "
            "%(needed)s (one week)."
        ),
        N_(
            "The series began %(began)s hours ago (%(there)s with data): a forecast needs "
            "%(needed)s (one week)."
        ),
    ),
    "impossible-hours": (
        "impossible",
        N_(
            "%(impossible)s hour is below zero or beyond what traffic can be and counts as "
            "missing; of the others with data there are %(there)s: a forecast needs "
            "%(needed)s (one week)."
        ),
        N_(
            "%(impossible)s hours are below zero or beyond what traffic can be and count "
            "as missing; of the others with data there are %(there)s: a forecast needs "
            "%(needed)s (one week)."
        ),
    ),
    "unit-lately": (
        "there",
        N_(
            "From %(start)s on, %(there)s hour with data, the values are hundreds of times "
            "those before, or a hundredth, as where a unit changed: a forecast needs "
            "%(needed)s of one kind (one week)."
        ),
        N_(
            "From %(start)s on, %(there)s hours with data, the values are hundreds of "
            "times those before, or a hundredth, as where a unit changed: a forecast needs "
            "%(needed)s of one kind (one week)."
        ),
    ),
    "unit-up": N_(
        "From %(start)s on the values are about %(times)s times those before, as where a unit "
        "changed: the forecast rests on what came since."
    ),
    "unit-down": N_(
        "Until %(start)s the values were about %(times)s times those since, as where a unit "
        "changed: the forecast rests on what came since."
    ),
    "level-up": N_(
        "From %(start)s on the level is about %(times)s times that before: the forecast takes the "
        "hours before as if they had been at the level since."
    ),
    "level-down": N_(
        "Until %(start)s the level was about %(times)s times that since: the forecast takes the "
        "hours before as if they had been at the level since."
    ),
    "clock-drifts": (
        "hours",
        N_(
            "From the first week to the last the same shape has moved by about %(hours)s "
            "hour: the clock of the source seems to drift, and so does what is forecast of "
            "an hour."
        ),
        N_(
            "From the first week to the last the same shape has moved by about %(hours)s "
            "hours: the clock of the source seems to drift, and so does what is forecast "
            "of an hour."
        ),
    ),
    "rare-days": N_(
        "Of the coming seven days %(low)s to %(high)s should have traffic (nine weeks in ten), "
        "about %(each)s on such a day (median); which hours is not known."
    ),
    "forecast-hours": (
        "hours",
        N_("The %(hours)s hour from %(start)s to %(end)s is forecast."),
        N_("The %(hours)s hours from %(start)s to %(end)s are forecast."),
    ),
    "by-design": N_(
        "About %(outside)s of %(hours)s hours of each series are outside their 95 %% interval by "
        'design; what held-back hours were inside stands under "held". The 95 %% column is of the '
        "whole sum."
    ),
    "verdict-rare": N_(
        "Rare traffic, on %(hours)s of %(needed)s days and at no fixed hour: a mean of its hours "
        "stands here, and its days can be told, its hours cannot."
    ),
    "verdict-untested": (
        "hours",
        N_(
            "%(model)s: %(hours)s hour is too few to hold some back, so nothing tells yet "
            "how good it is; with %(needed)s it can be told."
        ),
        N_(
            "%(model)s: %(hours)s hours are too few to hold some back, so nothing tells "
            "yet how good it is; with %(needed)s it can be told."
        ),
    ),
    "verdict-level": N_(
        "One value stands for every hour: there is nothing for a model to explain."
    ),
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
    "left-out-more": (
        "hours",
        N_(
            "From %(start)s on, %(hours)s hour was far more than the same hour of other weeks, and "
            "did not come again: the forecast leaves it out."
        ),
        N_(
            "From %(start)s on, %(hours)s hours were far more than the same hours of other weeks, "
            "and did not come again: the forecast leaves them out."
        ),
    ),
    "left-out-less": (
        "hours",
        N_(
            "From %(start)s on, %(hours)s hour was far less than the same hour of other weeks, and "
            "did not come again: the forecast leaves it out."
        ),
        N_(
            "From %(start)s on, %(hours)s hours were far less than the same hours of other weeks, "
            "and did not come again: the forecast leaves them out."
        ),
    ),
    "left-out-many": N_(
        "%(times)s times, %(hours)s hours in all, the last from %(last)s on, were far from the "
        "same hours of other weeks, and did not come again: the forecast leaves them out."
    ),
    "history-gaps": (
        "gaps",
        N_("%(gaps)s of %(hours)s hours is without data; it counts as missing, not zero."),
        N_("%(gaps)s of %(hours)s hours are without data; they count as missing, not zero."),
    ),
    "history-ended": (
        "hours",
        N_("The last %(hours)s hour is without data: the forecast rests on what came before them."),
        N_(
            "The last %(hours)s hours are without data: the forecast rests on what came "
            "before them."
        ),
    ),
    "hours-unseen": N_(
        "Of %(hours)s of the 168 hours of the week the history holds no data: they are forecast "
        "from others."
    ),
    "history-impossible": N_(
        "Hours below zero or beyond what traffic can be: %(hours)s; they count as missing."
    ),
    "history-zero": N_("Every hour with data is zero."),
    "history-level": N_("All hours have one value."),
    "history-stopped": (
        "hours",
        N_("The series has been zero for its last %(hours)s hour: it is taken to have stopped."),
        N_("The series has been zero for its last %(hours)s hours: it is taken to have stopped."),
    ),
    "history-one-hour": N_("One hour alone is not zero; it is not expected again."),
    "history-began": (
        "hours",
        N_("The series began %(hours)s hour ago; the zeros before are left out."),
        N_("The series began %(hours)s hours ago; the zeros before are left out."),
    ),
    "holidays-none": N_(
        "%(kind)s are ahead and the history holds none: they are forecast as ordinary days."
    ),
    "holidays-hidden": N_(
        "%(kind)s: %(days)s in the history do not show (t %(t)s), and the coming ones are forecast "
        "as ordinary days."
    ),
    "holidays": N_(
        "%(kind)s: %(days)s in the history lie %(share)s of the way from ordinary days to Sundays "
        "(t %(t)s), and so do the coming ones."
    ),
    "capacity-reached": N_(
        "The upper 95 %% bound reaches the capacity at %(reached)s, and in %(over)s of %(hours)s "
        "hours."
    ),
    "capacity-kept": N_(
        "The upper 95 %% bound stays below the capacity: %(share)s of it in the busiest hour."
    ),
    "capacity-months": N_("At this growth the capacity is reached %(months)s."),
    "growth-later": N_("Growth is told from %(weeks)s whole weeks of history on."),
    "growth": N_("Weekly totals change by %(rate)s a month (95 %% interval %(low)s to %(high)s)."),
    "backtest-short": (
        "there",
        N_("%(there)s hour is too few to test on: %(needed)s are needed."),
        N_("%(there)s hours are too few to test on: %(needed)s are needed."),
    ),
    "backtest-none": N_("No hour could be compared."),
    "backtest-better": (
        "forecasts",
        N_(
            "%(forecasts)s forecast of the past: %(percent)s better than last week's "
            "values, %(inside)s of the hours inside the 95 %% interval."
        ),
        N_(
            "%(forecasts)s forecasts of the past: %(percent)s better than last week's "
            "values, %(inside)s of the hours inside the 95 %% interval."
        ),
    ),
    "backtest-worse": (
        "forecasts",
        N_(
            "%(forecasts)s forecast of the past: %(percent)s worse than last week's "
            "values, %(inside)s of the hours inside the 95 %% interval."
        ),
        N_(
            "%(forecasts)s forecasts of the past: %(percent)s worse than last week's "
            "values, %(inside)s of the hours inside the 95 %% interval."
        ),
    ),
    # how a model was identified
    "unit-roots": N_(
        "The series: ADF %(adf)s (p %(adf_p)s): %(adf_says)s; KPSS %(kpss)s (p %(kpss_p)s): "
        "%(kpss_says)s."
    ),
    "unit-roots-difference": N_(
        "Its weekly difference: ADF %(adf)s (p %(adf_p)s): %(adf_says)s; KPSS %(kpss)s "
        "(p %(kpss_p)s): %(kpss_says)s."
    ),
    "weeks-repeat": N_(
        "Every week repeats the one before: the weekly difference is zero throughout."
    ),
    "order-given": N_("%(model)s: too few hours to compare orders."),
    "order-alone": N_(
        "%(model)s has the smallest AICc of %(orders)s orders on the weekly difference."
    ),
    "order-chosen": N_(
        "%(model)s has the smallest AICc of %(orders)s orders on the weekly difference, %(below)s "
        "below %(next)s."
    ),
    "residuals-of": N_("%(model)s is the model that the residuals are of."),
    "residuals": N_(
        "Residuals: Ljung-Box p %(day)s at lag 24 and %(week)s at lag 168; Jarque-Bera p "
        "%(normality)s."
    ),
    "diebold-mariano": N_("Diebold-Mariano against last week's values: p %(p)s."),
    # what totals rest on
    "imaging-left-out-more": (
        "hours",
        N_(
            "From %(start)s on, %(hours)s hour of imaging traffic was far more than the same hour "
            "of other weeks, and did not come again: the forecast leaves it out."
        ),
        N_(
            "From %(start)s on, %(hours)s hours of imaging traffic were far more than the same "
            "hours of other weeks, and did not come again: the forecast leaves them out."
        ),
    ),
    "imaging-left-out-less": (
        "hours",
        N_(
            "From %(start)s on, %(hours)s hour of imaging traffic was far less than the same hour "
            "of other weeks, and did not come again: the forecast leaves it out."
        ),
        N_(
            "From %(start)s on, %(hours)s hours of imaging traffic were far less than the same "
            "hours of other weeks, and did not come again: the forecast leaves them out."
        ),
    ),
    "other-origins": N_(
        "Totals are those of origin %(origin)s; %(others)s is in the ledger too and not added to "
        "them, so that nothing is counted twice."
    ),
    "by-port-alone": N_(
        "Some imaging traffic was recognised by its port alone (service dicom?): it is counted as "
        "imaging, and nobody has looked into it."
    ),
    "no-connections": N_(
        "This week was added to the ledger by a pacsflow that did not keep connections: nothing is "
        "said of retransmissions, and findings from conn.log name no rows. Adding its logs to a "
        "new ledger brings both."
    ),
    "chosen-alone": N_("Only what was asked for counts here: %(what)s."),
    "zone-machine": N_(
        "Nobody named the site's time zone: hours are those of this machine, %(zone)s."
    ),
    "zone-nobody": N_(
        "Nobody said the site's time zone, and this machine runs in %(zone)s: nothing is told of "
        "times of day (--site-tz, or time_zone under [site] of the configuration)."
    ),
    "inventory": N_("Inventory: %(problem)s"),
    # samples
    "few-samples": N_(
        "In %(few)s of %(hours)s hours with data there are too few samples: the 95 %% "
        "interval of their bytes reaches further than 50 %%."
    ),
    "samples-lost": (
        "lost",
        N_(
            "%(lost)s of %(sent)s samples (%(percent)s) was lost on the way from the "
            "agents: their sequence numbers have gaps."
        ),
        N_(
            "%(lost)s of %(sent)s samples (%(percent)s) were lost on the way from the "
            "agents: their sequence numbers have gaps."
        ),
    ),
    "estimates-low": N_(
        "By the agents' sample pools and sequence numbers, estimates are about %(percent)s too low."
    ),
    "estimates-high": N_(
        "By the agents' sample pools and sequence numbers, estimates are about %(percent)s too "
        "high."
    ),
    "samples-dropped": (
        "samples",
        N_("The agents dropped %(samples)s sample for want of resources."),
        N_("The agents dropped %(samples)s samples for want of resources."),
    ),
    "pool-unfit": N_(
        "The sample pool of %(source)s does not fit the declared rate: 1 in %(declared)s "
        "declared, 1 in %(pool)s by the pool."
    ),
    "agents-restarted": (
        "restarts",
        N_(
            "%(restarts)s restart of an agent: what passed between the last datagram "
            "before and the first after is not known."
        ),
        N_(
            "%(restarts)s restarts of agents: what passed between the last datagram before "
            "and the first after is not known."
        ),
    ),
    "counters-outside": (
        "outside",
        N_(
            "%(outside)s of %(all)s interface counters is outside the 95 %% interval of "
            "its estimate (1 in 20 is by chance): pacsflow sampling lists them."
        ),
        N_(
            "%(outside)s of %(all)s interface counters are outside the 95 %% interval of "
            "their estimate (1 in 20 is by chance): pacsflow sampling lists them."
        ),
    ),
    "counters-still": N_("%(still)s of %(all)s interface counters never moved."),
    "several-agents": N_(
        "%(agents)s agents sampled: what several of them see of one pair of hosts counts once."
    ),
    "sflow-malformed": (
        "number",
        N_("%(number)s sFlow datagram that is not well-formed."),
        N_("%(number)s sFlow datagrams that are not well-formed."),
    ),
    "sflow-cut": (
        "number",
        N_("%(number)s sFlow datagram that the capture cut short."),
        N_("%(number)s sFlow datagrams that the capture cut short."),
    ),
    "sflow-duplicates": (
        "number",
        N_("%(number)s sFlow datagram that was captured twice, and counted once."),
        N_("%(number)s sFlow datagrams that were captured twice, and counted once."),
    ),
    "sflow-no-rate": (
        "number",
        N_("%(number)s sample with a rate of zero, which says nothing of a total."),
        N_("%(number)s samples with a rate of zero, which say nothing of a total."),
    ),
    "sflow-no-header": (
        "number",
        N_("%(number)s sample without a sampled header, which names no address."),
        N_("%(number)s samples without a sampled header, which name no address."),
    ),
    # why an area has the state that it has, where no finding says it
    "no-data": N_("No data this week"),
    "no-dicom-log": N_("No DICOM log was given"),
    "none-captured": N_("No association could be read in captures or tables of frames"),
    "none-sampled": N_("No sample showed an association"),
    "no-imaging": N_("No imaging equipment was seen"),
    "no-pacs": N_("No PACS was recognised"),
    "files-not-read": N_("There are files that could not be read"),
    "rows-unreadable": N_("There are rows that could not be read"),
    "hours-missing": N_("There are hours that no sensor saw"),
    "sensor-stood-still": N_("There are hours in which one of the sensors saw nothing"),
    "unseen-for-hours": N_("Some were not seen for hours: the sensor that sees them stood still"),
    "nothing-unusual": N_("Nothing unusual"),
    "nothing-unusual-seen": N_("Nothing unusual in the hours that were seen"),
}
"""What can be told besides findings, by the key of a `pacsflow.terms.message.Message`."""

MORE: dict[str, str] = {
    "no-dicom-log": N_(
        "Nothing is known about associations: the pacsflow plugin for Wireshark and the pacsflow "
        "package for Zeek write one."
    ),
    "none-captured": N_(
        "Tables hold none; in captures none passed, or what passed was encrypted or cut short."
    ),
    "none-sampled": N_(
        "One is seen only where a sample holds its request, its answer or a command."
    ),
}
"""What is told behind some of them where there is room for it."""
