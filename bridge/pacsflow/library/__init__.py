"""The library's face: a ledger, or logs and captures, asked in a notebook or by the commands."""

from pacsflow.library.pages import Page
from pacsflow.library.records import Records, open_ledger, read

__all__ = ["Page", "Records", "open_ledger", "read"]
