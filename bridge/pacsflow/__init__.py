"""Eyes for medical-image traffic: Zeek logs and captures in, ledger, forecast and report out.

>>> import pacsflow as pf
>>> records = pf.open("/srv/pacsflow", zone="America/Sao_Paulo")
>>> records.endpoints(role="pacs")
>>> pf.Page(records.report("2026-W10"))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacsflow.errors import InputError, LedgerError, PacsflowError, ToolError, UsageError
    from pacsflow.inventory import read_inventory
    from pacsflow.library.pages import Page
    from pacsflow.library.records import Records, read
    from pacsflow.library.records import open_ledger as open  # noqa: A004 - as `gzip.open`

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "LedgerError",
    "PacsflowError",
    "Page",
    "Records",
    "ToolError",
    "UsageError",
    "__version__",
    "open",
    "read",
    "read_inventory",
]
_LATE = {
    "Page": ("library.pages", "Page"),
    "Records": ("library.records", "Records"),
    "open": ("library.records", "open_ledger"),
    "read": ("library.records", "read"),
    "read_inventory": ("inventory", "read_inventory"),
} | {
    name: ("errors", name)
    for name in ("InputError", "LedgerError", "PacsflowError", "ToolError", "UsageError")
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: a command that is listed needs none of it."""
    if name in _LATE:
        module, there = _LATE[name]
        found: object = getattr(import_module(f"{__name__}.{module}"), there)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
