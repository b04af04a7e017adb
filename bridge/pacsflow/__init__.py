"""Eyes for medical-image traffic: Zeek logs and captures in, ledger, forecast and report out."""

__version__ = "0.1.0"
