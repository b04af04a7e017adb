"""Computes a `WeeklyReport` from a ledger: `build.build_report` puts together what others ask."""
