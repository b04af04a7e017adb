"""The library's face: a ledger, or logs and captures, asked in a notebook or by the commands."""
