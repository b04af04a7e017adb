"""Runs tshark with the plugin, as the plugin's own tests do."""

from __future__ import annotations

from tests.wireshark.conftest import run

__all__ = ["run"]
