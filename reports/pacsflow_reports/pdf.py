"""Prints a page to PDF with the headless Chromium of the system, where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pacsflow.errors import ToolError
from pacsflow.outputs import replacing
from pacsflow.programs import places
from pacsflow.programs.unprivileged import Account, account_for, lend, scratch, start, take

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
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--dns-over-https-mode=off",
)
"""Without what a browser asks of its maker by itself; of no name an address is to be had."""
PRINTED = "page.pdf"
SANDBOX_HINT = (
    "{browser} finds no sandbox here: install the package chromium-sandbox, or, in a container "
    "that is a sandbox itself, set PACSFLOW_NO_SANDBOX=1"
)
NO_FONT = "Could not find any font"
"""What a browser says that finds no font: it prints all the same, and no letter."""
NOT_THROUGH_A_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Windows has neither: there a link takes a privilege."""
PATIENCE = 120
"""Seconds until a print is given up."""


def find_chromium() -> Path | None:
    """Return the browser that prints: `PACSFLOW_CHROMIUM` or the first on the path, or `None`."""
    chosen = os.environ.get("PACSFLOW_CHROMIUM")
    if chosen:
        return Path(chosen) if Path(chosen).is_file() else None
    for name in places.CHROMIUM_NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    usual = map(Path, places.browsers(places.here()))
    return next((place for place in usual if place.is_file()), None)


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
            f"no Chromium to print with: {places.how_to_get('chromium', places.here())}, or name "
            "one in PACSFLOW_CHROMIUM"
        )
    account = account_for(browser)
    with scratch(account, "pacsflow-pdf-") as folder:
        lend(html_path, folder / "page.html", account)
        made, said = _printed(browser, folder, account)
        if not made and _wants_sandbox(said) and (account is not None or _unguarded()):
            # What prints is an account without rights; more there is not to be had here.
            made, said = _printed(browser, folder, account, "--no-sandbox")
        if not made and _wants_sandbox(said):
            raise ToolError(SANDBOX_HINT.format(browser=browser))
        if not made:
            lines = said.strip().splitlines()
            raise ToolError(f"{browser} printed nothing" + (f": {lines[-1]}" if lines else ""))
        if NO_FONT in said:
            raise ToolError(f"{browser} finds no font to print with: install fonts-dejavu-core")
        with replacing(pdf_path) as part:
            take(folder / PRINTED, part, account)


def _wants_sandbox(said: str) -> bool:
    """Say whether the browser ended for want of a sandbox: none, or a helper without its rights."""
    return "No usable sandbox" in said or "SUID sandbox helper" in said


def _unguarded() -> bool:
    """Say whether the user prints without a sandbox, knowingly."""
    return bool(os.environ.get("PACSFLOW_NO_SANDBOX"))


def _printed(browser: Path, folder: Path, account: Account | None, *more: str) -> tuple[bool, str]:
    """Print once; return whether there is a PDF, and what the browser said."""
    command = [str(browser), *FLAGS, *more, f"--user-data-dir={folder}/profile"]
    command += [f"--print-to-pdf={folder / PRINTED}", (folder / "page.html").as_uri()]
    home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR"), str(folder))
    if account is None and _is_root():
        command.insert(1, "--no-sandbox")  # Chromium refuses to run as root with it
    with tempfile.TemporaryFile() as errors:
        process = start(
            command, account, folder=folder, environment={**os.environ, **home}, stderr=errors
        )
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"{browser} did not print in {PATIENCE} seconds") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        errors.seek(0)
        said = errors.read(1 << 20).decode("utf-8", "replace")
    try:
        descriptor = os.open(folder / PRINTED, os.O_RDONLY | NOT_THROUGH_A_LINK)
    except OSError:
        return False, said
    with os.fdopen(descriptor, "rb") as made:
        return made.read(5) == b"%PDF-", said


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
