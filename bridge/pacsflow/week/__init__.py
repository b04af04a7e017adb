"""Computes a `WeeklyReport` from a ledger: queries here, text and pixels elsewhere."""

from pacsflow.week.build import Options, build_report

__all__ = ["Options", "build_report"]
