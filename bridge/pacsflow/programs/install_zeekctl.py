"""Puts a script where ZeekControl runs it for each rotated log, so that a ledger follows."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.errors import ToolError
from pacsflow.programs.placing import Placed, place, take_back
from pacsflow.programs.tools import ZEEK_FOLDERS, locate
from pacsflow.terms.log_fields import ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACE = Path("share/zeekctl/scripts/postprocessors")
"""Below Zeek's prefix; ZeekControl's archive-log runs whatever lies there."""
NAME = "pacsflow"
LOGS = tuple(log for log in ZEEK_LOGS if log not in {"frames", "sflow"})
MARK = "# Written by `pacsflow install zeekctl`, which also removes it; changes are lost."
HOOK = r"""#!/bin/sh
@MARK@
# archive-log runs it in the log's folder, and moves the log when it has ended:
#   FILE LOG OPENED CLOSED TERMINATING WRITER
# It gives the log a second name, and adds it in the background; it never fails.
trap 'exit 0' 0
program=@PROGRAM@
ledger=@LEDGER@

tell() { logger -t pacsflow -p "daemon.$1"; }

file=$1
while [ $# -gt 6 ]; do # archive-log hands a name with blanks on in pieces
    shift
    file="$file $1"
done
case $2 in @LOGS@) ;; *) exit ;; esac
[ "$6" = ascii ] && [ -f "$file" ] || exit
if [ -e "$ledger" ] && [ ! -O "$ledger" ]; then
    echo "$ledger: is another user's; $2 is left to what adds the archive to it" | tell warning
    exit
fi
queue=$(. "${0%/*}/../zeekctl-config.sh" && echo "${spooldir:?}/pacsflow") 2> /dev/null || exit
umask 077
name=$2.$3-$4.$$.log
case $file in *.gz) name=$name.gz ;; esac
if ! { mkdir -p "$queue" && ln -- "$file" "$queue/$name"; }; then
    echo "$queue: no place for $2; the archive has it" | tell warning
    exit
fi

add() {
    exec < /dev/null > /dev/null 2>&1 9> "$queue/.lock"
    command -v flock && ! flock -w @PATIENCE@ 9 && exit
    set -- "$queue"/*.log*
    [ -e "$1" ] || exit
    if said=$(timeout -k 60 @PATIENCE@ "$program" ingest @OPTIONS@"$@" 2>&1 9>&-); then
        rm -f "$@"
        printf '%s\n' "$said" | tell info
        exit
    fi
    printf '%s\n' "${said:-$program: given up after @PATIENCE@ s}" \
        "tried again with the next log" | tell warning
    find "$queue" -name '*.log*' -mtime +@DAYS@ -exec rm -f {} + # the archive has them
}

add &
"""
PATIENCE = 3600
"""Seconds for one run, and for its turn; then its logs wait for the next log."""
DAYS = 2
"""So long a log that cannot be added keeps its second name, and its room on the disk."""


def folder_below(prefix: Path | None) -> Path:
    """Return where ZeekControl's postprocessors lie.

    Raises
    ------
    ToolError
        There is no ZeekControl below the prefix, or none is found.
    """
    if prefix is None:
        zeekctl = locate("zeekctl", ZEEK_FOLDERS)
        if zeekctl is None:
            raise ToolError(
                "ZeekControl is not installed here (no zeekctl on PATH or in "
                f"{' or '.join(ZEEK_FOLDERS)}); --zeek names Zeek's prefix"
            )
        prefix = zeekctl.parent.parent
    folder = prefix.resolve() / PLACE
    if not folder.is_dir():
        raise ToolError(f"{folder}: there is no such folder; --zeek names Zeek's prefix")
    return folder


def hook(program: Path, ledger: Path, options: Sequence[str] = ()) -> str:
    """Return the script: adds to `ledger` by `program ingest`, with more options."""
    given = ["--ledger", str(ledger), *options]
    values = {
        "MARK": MARK, "PROGRAM": shlex.quote(str(program)), "LEDGER": shlex.quote(str(ledger)),
        "LOGS": " | ".join(LOGS), "OPTIONS": f"{shlex.join(given)} ", "DAYS": str(DAYS - 1),
        "PATIENCE": str(PATIENCE),
    }  # fmt: skip
    text = HOOK
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def is_of_another(prefix: Path | None, ledger: Path) -> bool:
    """Return whether a ledger is not owned by whom ZeekControl's spool says that it runs as."""
    spool = folder_below(prefix).parents[3] / "spool"
    there = ledger.exists() and spool.exists()
    return there and ledger.stat().st_uid != spool.stat().st_uid


def install_zeekctl(prefix: Path | None, text: str, *, dry: bool = False) -> list[Placed]:
    """Write the hook, and say what was there; raises `ToolError` as `folder_below`."""
    path = folder_below(prefix) / NAME
    placed = place({path: text.encode()}, MARK.encode(), dry=dry)
    if not dry:
        path.chmod(0o755)
    return placed


def uninstall_zeekctl(prefix: Path | None, *, dry: bool = False) -> list[Placed]:
    """Remove the hook, no other file; raises `ToolError` as `folder_below`."""
    return take_back([folder_below(prefix) / NAME], MARK.encode(), dry=dry)
