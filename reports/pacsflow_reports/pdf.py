"""Prints a page to PDF with the headless Chromium of the system, where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pacsflow.errors import ToolError
from pacsflow.outputs import replacing

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge",
    "msedge",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-default-apps",
    "--no-default-browser-check",
    "--no-pdf-header-footer",
)
PATIENCE = 120
"""Seconds until a print is given up."""


def find_chromium() -> Path | None:
    """Return the browser that prints: `PACSFLOW_CHROMIUM` or the first on the path, or `None`."""
    chosen = os.environ.get("PACSFLOW_CHROMIUM")
    if chosen:
        return Path(chosen) if Path(chosen).is_file() else None
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    return next((Path(place) for place in PLACES if Path(place).is_file()), None)


def html_to_pdf(html_path: Path, pdf_path: Path) -> None:
    """Print the page at `html_path` to `pdf_path`, which appears whole or not at all.

    The page's own policy keeps the browser from fetching anything; it runs with an empty profile.

    Raises
    ------
    ToolError
        There is no browser, or it did not print.
    """
    browser = find_chromium()
    if browser is None:
        raise ToolError(
            "no Chromium to print with: install the package chromium, or name one in "
            "PACSFLOW_CHROMIUM"
        )
    with tempfile.TemporaryDirectory(prefix="pacsflow-pdf-") as profile:
        made = Path(profile) / "page.pdf"
        command = [
            str(browser),
            *FLAGS,
            f"--user-data-dir={profile}/profile",
            f"--print-to-pdf={made}",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses to run as root with it
        try:
            done = subprocess.run(
                [*command, html_path.resolve().as_uri()],
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolError(f"{browser}: {error}") from error
        if not made.is_file() or made.read_bytes()[:5] != b"%PDF-":
            words = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ToolError(
                f"{browser} printed nothing (exit {done.returncode})"
                + (f": {words[-1]}" if words else "")
            )
        with replacing(pdf_path) as part:
            shutil.copyfile(made, part)
