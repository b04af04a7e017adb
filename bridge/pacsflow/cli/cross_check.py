"""`cross-check`: whether the Wireshark plugin and the Zeek package tell one story."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pacsflow.cli import FOUND, USABLE, app
from pacsflow.cli.console import progress, say
from pacsflow.cli.options import FormatOption, speaking
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.errors import InputError

COLUMNS = ("capture", "log", "where", "field", "plugin", "zeek", "reason")


@app.command("cross-check")
@speaking
def cross_check(
    captures: Annotated[
        list[Path], typer.Argument(metavar="CAPTURES...", help="Captures, pcap or pcapng.")
    ],
    inventory: Annotated[
        Path | None, typer.Option("--inventory", "-i", help="Which host is which: Zeek TSV.")
    ] = None,
    how: FormatOption = OutputFormat.TABLE,
) -> int:
    """Read captures with the Wireshark plugin and with Zeek, and list where the two differ.

    Compares all fields of dicom.log, known_dicom.log and dicom_times.log except the connection
    identifiers; moments may differ by a millisecond, what dicom_times.log measured by two
    microseconds. Ends with 1 where there is a difference without a known reason;
    docs/cross-check.md lists the reasons. The first run compiles the Zeek package, which takes a
    minute or two.

    Example: `pacsflow cross-check monday.pcapng`
    """
    from pacsflow.inventory import for_taggers
    from pacsflow.programs import cross_check as checking
    from pacsflow.programs.reasons import REASONS
    from pacsflow.programs.zeek import compiled_package, find_zeek
    from pacsflow.readers import Format, recognise

    for capture in captures:
        if not capture.is_file():
            raise InputError(capture, "there is no such file", hint="a capture was expected")
        if (kind := recognise(capture)).format is not Format.CAPTURE:
            raise InputError(capture, f"{kind.kind}: a capture was expected")
    done = []
    with progress("reading with both") as update:
        known = for_taggers(inventory)
        modules = compiled_package(find_zeek())
        for number, capture in enumerate(captures):
            update(number, len(captures))
            done.append(checking.cross_check(capture, inventory=known, modules=modules))
    found = [d for comparison in done for d in comparison.differences]
    rows = [[getattr(d, column) for column in COLUMNS] for d in found]
    emit("Differences", COLUMNS, rows, how)
    unexplained = sum(len(comparison.unexplained) for comparison in done)
    for reason in REASONS:
        if any(d.reason == reason.name for d in found):
            say(f"{reason.name}: {reason.text}")
    say(
        f"captures: {len(done)}; associations: {sum(c.associations for c in done)}; "
        f"endpoints: {sum(c.endpoints for c in done)}; fields compared: "
        f"{sum(c.fields for c in done)}; differences without a reason: {unexplained}, "
        f"with one: {len(found) - unexplained}"
    )
    return FOUND if unexplained else USABLE
