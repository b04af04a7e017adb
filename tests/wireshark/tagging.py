"""Runs tshark with the plugin as pacsflow does, but for the way in: two passes want a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from pacsflow.programs.unprivileged import Account, account_for, lend, scratch

PLUGIN = Path(__file__).resolve().parents[2] / "wireshark_plugin" / "pacsflow.lua"


def run(
    tshark: str,
    capture: Path,
    *arguments: str,
    plugin: bool = True,
    keys: Path | None = None,
    inventory: Path | None = None,
    export: Path | None = None,
    home: Path | None = None,
    **settings: str,
) -> subprocess.CompletedProcess[str]:
    """Return what tshark prints of a capture.

    Parameters
    ----------
    tshark, capture, arguments
        The program, what it reads, and the rest of its command line.
    plugin
        Load the plugin; not where it is installed in `home`.
    keys, inventory
        TLS key log, inventory.
    export
        Folder that gets the tag logs.
    home
        A home with settings of its own; by default an empty one.
    settings
        The plugin's.
    """
    account = account_for(Path(tshark)) if plugin else None
    with scratch(account, "pacsflow-test-") as folder:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PACSFLOW_")}
        environment |= {"HOME": str(folder), "WIRESHARK_CONFIG_DIR": str(folder)}
        environment |= {f"PACSFLOW_{name.upper()}": value for name, value in settings.items()}
        if home is not None:
            shutil.copytree(home, folder, dirs_exist_ok=True)
            environment.pop("WIRESHARK_CONFIG_DIR")
        command = [tshark, "-n", "-r", str(readable(capture, folder, account)), *arguments]
        if plugin and home is None:
            command += ["-X", f"lua_script:{readable(PLUGIN, folder, account)}"]
        if keys is not None:
            command += ["-o", f"tls.keylog_file:{readable(keys, folder, account)}"]
        if inventory is not None:
            environment["PACSFLOW_INVENTORY"] = str(readable(inventory, folder, account))
        logs = folder / "logs"
        logs.mkdir()
        if export is not None:
            environment["PACSFLOW_EXPORT"] = str(logs)
        give(folder, account)
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=120,
            env=environment,
            **({"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}),
        )
        for log in logs.iterdir() if export else ():
            shutil.copyfile(log, export / log.name)
    output, errors = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    return subprocess.CompletedProcess(command, done.returncode, output, errors)


def readable(path: Path, folder: Path, account: Account | None) -> Path:
    """Return a file that the account can read: the file itself, or a copy of it."""
    return path if account is None else lend(path, folder / path.name, account)


def give(folder: Path, account: Account | None) -> None:
    """Make a folder, and all that is in it, the account's own."""
    if account is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.uid, account.gid)
