"""`associations`, `endpoints`: what dicom.log and known_dicom.log say, and traffic suggests."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pacsflow.cli import app
from pacsflow.cli.options import (
    FILTERS,
    PERIOD,
    SOURCES,
    FormatOption,
    NumberOption,
    Request,
    reading,
)
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.errors import UsageError

INSTEAD = {
    "zeek": "pacsflow install zeek, pacsflow install wireshark",
    "capture": "pacsflow endpoints tells who has imaging traffic all the same",
    "sflow": "pacsflow endpoints tells who has imaging traffic all the same",
}
"""By origin of the rows, what to do where there is none to list."""


class Outcome(StrEnum):
    """What became of a request for an association."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NO_REPLY = "no_reply"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """What a host does with images."""

    PACS = "pacs"
    MODALITY = "modality"
    WORKSTATION = "workstation"
    WORKLIST = "worklist"
    PRINTER = "printer"
    GATEWAY = "gateway"
    OTHER = "other"
    UNKNOWN = "unknown"


@app.command()
@reading((*SOURCES, *PERIOD, "sensor", "host", "ae", "service", "about"))
def associations(
    request: Request,
    result: Annotated[Outcome | None, typer.Option(help="How the request was answered.")] = None,
    number: NumberOption = 50,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """List DICOM associations, the latest first: who called whom, what was done, how it ended.

    Example: `pacsflow associations logs/ --result rejected`
    """
    from pacsflow.cli.inputs import asked
    from pacsflow.library import dicom

    with asked(request, logs=("associations",)) as question:
        if not dicom.has_associations(question):
            raise UsageError(_why_none(question.origin))
        found = dicom.associations(question, result.value if result else "", number)
    emit(
        "Associations",
        found.columns,
        found.rows,
        how,
        spare={"uid", "get", "echo", "modalities", "flags"},
    )


def _why_none(origin: str) -> str:
    from pacsflow.report.states import no_associations
    from pacsflow.words.language import english
    from pacsflow.words.saying import at_length

    return f"{at_length(no_associations(origin), english())} ({INSTEAD[origin]})"


@app.command()
@reading((*SOURCES, *PERIOD, *FILTERS, "about"))
def endpoints(
    request: Request,
    role: Annotated[Role | None, typer.Option(help="Only of this role.")] = None,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """List PACS, modalities, workstations and the rest, with where each role is known from.

    The basis is `inventory` (somebody wrote it down), `association` (it was seen to do it) or
    `traffic` (it looks like it); the evidence says what it was. A host of which too little was seen
    has no role. `first_utc` and `last_utc` are the hours within which it was seen.

    Example: `pacsflow endpoints logs/ --role pacs`
    """
    from pacsflow.cli.inputs import asked
    from pacsflow.library import dicom

    with asked(request, logs=("endpoints",)) as question:
        found = dicom.endpoints(question, role.value if role else "")
    emit("Endpoints", found.columns, found.rows, how)
