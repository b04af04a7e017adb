"""`inventory`: writes a first one from the traffic, and checks the one that people keep."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pacsflow.cli import USABLE, app
from pacsflow.cli.console import tell
from pacsflow.cli.options import Request, reading, speaking
from pacsflow.printable import counted

commands = typer.Typer(help="The hospital's own list of its equipment.", no_args_is_help=True)
app.add_typer(commands, name="inventory")


@commands.command()
@reading()
def infer(
    request: Request,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Instead of the screen.")] = None,
) -> None:
    """Write a first inventory from the traffic, for a person to correct.

    Equipment of which too little was seen to tell its role stands in it as a comment.

    Example: `pacsflow inventory infer logs/ -o inventory.tsv`
    """
    from pacsflow.cli.inputs import asked
    from pacsflow.inventory import Item, format_inventory
    from pacsflow.outputs import write_text

    with asked(request) as question:
        parties = question.hosts.imaging()
    items = [
        Item(
            match=p.address,
            name=p.name or (p.ae_titles[0] if p.ae_titles else ""),
            role=p.role if p.role != "unknown" else "",
            modality=p.modality,
            site=p.site,
        )
        for p in parties
    ]
    text = format_inventory(items)
    if out:
        write_text(out, text)
        tell(f"{out.resolve()}")
    else:
        sys.stdout.write(text)


@commands.command()
@speaking
def check(path: Annotated[Path, typer.Argument(help="The inventory file.")]) -> int:
    """Read an inventory and name the lines that cannot be used; ends with 2 where there are any.

    Example: `pacsflow inventory check inventory.tsv`
    """
    from pacsflow.inventory import read_inventory

    found = read_inventory(path)
    for problem in found.problems:
        tell(problem)
    tell(f"{counted(len(found.items), 'line', 'lines')} used, {len(found.problems)} not")
    return 2 if found.problems else USABLE
