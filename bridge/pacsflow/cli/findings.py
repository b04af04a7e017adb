"""`findings`: what somebody should know of a week, for cron and for eyes."""

from __future__ import annotations

from pacsflow.cli import app
from pacsflow.cli.options import (
    FormatOption,
    HolidaysOption,
    LanguageOption,
    Request,
    reading,
)
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.cli.week_report import (
    REPORTED,
    FailOption,
    ForecastOption,
    build,
    exit_code,
    language_of,
)

SPARE = {"area", "count", "rule", "hosts", "ae_titles", "start_utc", "end_utc", "start_site",
         "end_site", "uids"}  # fmt: skip
"""What a narrow terminal has no room for first."""


@app.command()
@reading(REPORTED)
def findings(
    request: Request,
    fail_on: FailOption = None,
    no_forecast: ForecastOption = False,
    lang: LanguageOption = None,
    holidays: HolidaysOption = "",
    how: FormatOption = OutputFormat.TABLE,
) -> int:
    """List what somebody should know of a week, the most severe first, with what to do.

    Example: `pacsflow findings --ledger /srv/pacsflow --fail-on high || mail -s pacsflow it@...`
    """
    from pacsflow.words.codes import area_names, words
    from pacsflow.words.language import Language as Words
    from pacsflow.words.saying import finding_said
    from pacsflow.words.tables import FINDINGS

    made = build(request, forecasts=not no_forecast, holidays=holidays)
    language = Words(language_of(lang), made.zone)
    word, areas = words(language), area_names(language)
    people, of_json = how is OutputFormat.TABLE, how is OutputFormat.JSON
    columns = [
        "severity", "area", "title", "evidence", "action", "count", "rule", "hosts", "ae_titles",
        "start_utc", "end_utc", "start_site", "end_site", "uids",
    ]  # fmt: skip
    if of_json:
        columns.append("values")
    rows: list[list[object]] = []
    for finding in made.findings:
        said = finding_said(finding, language)
        hosts = [party.address for party in finding.parties]
        titles = sorted({title for party in finding.parties for title in party.ae_titles})
        severity, area = finding.severity.value, finding.area
        row: list[object] = [word(severity).lower(), areas[area]] if people else [severity, area]
        row += [said.title, list(said.evidence) if of_json else "; ".join(said.evidence)]
        row += [said.action, finding.count, finding.rule, hosts, titles, finding.start]
        row += [finding.end, *(m and language.local(m) for m in (finding.start, finding.end))]
        row.append(list(finding.rows))
        if of_json:
            row.append(dict(finding.values))
        rows.append(row)
    title = language.gettext(FINDINGS) % {"week": made.week, "zone": made.zone}
    emit(title, columns, rows, how, spare=SPARE, language=language)
    return exit_code(made, fail_on)
