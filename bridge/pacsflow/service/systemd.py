"""Units of systemd for `pacsflow run`: hardened to what the settings need, and no more."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.configuration.missing import written
from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacsflow.configuration.schema import Settings

NAMES = ("pacsflow.service", "pacsflow.timer")
MANUAL = Path(sys.prefix) / "share" / "man" / "man1" / "pacsflow.1"
"""Where the wheel puts the manual."""
MARK = "# Written by `pacsflow install systemd`; changes go into a drop-in (systemctl edit)."
STATE = Path("/var/lib/pacsflow")
"""Where a dynamic user may keep something."""
HARDENED = """\
CapabilityBoundingSet=
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077
"""
OF_USERS = (
    "LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "RestrictRealtime",
    "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber",
    "UMask",
)  # fmt: skip
"""What a user's own manager can do without rights of root."""
FOR_A_BROWSER = ("MemoryDenyWriteExecute", "PrivateUsers", "RestrictNamespaces", "SystemCallFilter")
"""What Chromium, which compiles scripts and makes its own sandbox, cannot have."""


@dataclass(frozen=True, slots=True)
class Plan:
    """For whom the units are.

    Parameters
    ----------
    settings, config
        What the service is to do, and the file that says it.
    program
        The command line's file; by default the one that runs now.
    user
        Run as this user; empty for a dynamic one (of the system), or the caller (of a user).
    group
        That may read the logs.
    own
        For the caller's own service manager.
    """

    settings: Settings
    config: Path
    program: Path
    user: str = ""
    group: str = ""
    own: bool = False

    def units(self) -> dict[str, str]:
        """Return the units' texts by their names.

        Raises
        ------
        UsageError
            A dynamic user could not write where the settings say, or nothing says where.
        """
        return {NAMES[0]: "".join(self._service()), NAMES[1]: self._timer()}

    def _service(self) -> Iterator[str]:
        settings = self.settings
        if settings.ledger.folder is None:
            raise UsageError("[ledger] folder: the service needs one (pacsflow config init)")
        yield f"{MARK}\n[Unit]\nDescription=pacsflow: medical-image traffic, kept and reported\n"
        if MANUAL.is_file():  # named by its path: man looks into no environment of Python's
            yield f"Documentation={MANUAL.as_uri().replace('%', '%%')}\n"
        if settings.mail.server:
            yield "Wants=network-online.target\nAfter=network-online.target\n"
        command = shlex.join([str(self.program), "run", "--once", "--config", str(self.config)])
        yield f"\n[Service]\nType=oneshot\nExecStart={command.replace('%', '%%')}\n"
        yield "TimeoutStartSec=6h\nNice=10\nIOSchedulingClass=idle\n"
        if not self.own:
            yield from self._who()
        yield from self._network()
        yield from self._hardened()

    def _who(self) -> Iterator[str]:
        folders = written(self.settings)
        if self.user:
            yield f"User={self.user}\n"
        else:
            outside = [f for f in folders if not f.is_relative_to(STATE)]
            if outside:
                raise UsageError(
                    f"{outside[0]}: a dynamic user can write below {STATE} alone; keep it there, "
                    "or name a user that may write to it with --run-as"
                )
            yield "DynamicUser=yes\n"
        yield "StateDirectory=pacsflow\nStateDirectoryMode=0750\n"
        if self.group:
            yield f"SupplementaryGroups={self.group}\n"
        for folder in folders if self.user else ():
            yield f"ReadWritePaths={_quoted(folder)}\n"
        at_home = any(_is_at_home(path) for path in self._read())
        yield f"ProtectHome={'read-only' if at_home else 'yes'}\n"

    @property
    def at_home(self) -> bool:
        """Whether the program lies in somebody's home, where others cannot read it."""
        return _is_at_home(self.program)

    def _read(self) -> Iterator[Path]:
        site, inputs = self.settings.site, self.settings.inputs
        named = (site.logo, site.inventory, site.pseudonymise, inputs.keylog, *inputs.paths)
        yield from (path for path in (*named, self.config, self.program) if path)

    def _network(self) -> Iterator[str]:
        if self.settings.mail.server:
            yield "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"
        else:
            yield "RestrictAddressFamilies=AF_UNIX\n"
            yield "" if self.own else "PrivateNetwork=yes\nIPAddressDeny=any\n"

    def _hardened(self) -> Iterator[str]:
        for line in HARDENED.splitlines():
            name = line.partition("=")[0]
            if self.own and name not in OF_USERS:
                continue
            if self.settings.archive.pdf and name in FOR_A_BROWSER:
                continue
            if self.settings.mail.program and name == "NoNewPrivileges":
                continue  # a mailer hands over by its own group
            # the pages' folder may belong to a web server's group
            yield "UMask=0027\n" if name == "UMask" and self.user else f"{line}\n"

    def _timer(self) -> str:
        return (
            f"{MARK}\n[Unit]\nDescription=Rounds of pacsflow\n\n[Timer]\nOnBootSec=2min\n"
            f"OnUnitInactiveSec={self.settings.service.every:g}s\nAccuracySec=30s\n\n"
            "[Install]\nWantedBy=timers.target\n"
        )


def _is_at_home(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in ("/home", "/root"))


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if " " in text or '"' in text else text


def folder_of(*, own: bool) -> Path:
    """Return where units lie."""
    return Path.home() / ".config/systemd/user" if own else Path("/etc/systemd/system")


def program_now() -> Path:
    """Return the file of the command that runs now, which a unit needs with its folder."""
    beside = Path(sys.executable).with_name("pacsflow")
    return beside if beside.is_file() else Path(sys.argv[0]).resolve()


def next_steps(*, own: bool) -> str:
    """Return what is left to do, for a person to read."""
    systemctl = "systemctl --user" if own else "systemctl"
    return (
        f"{systemctl} daemon-reload && {systemctl} enable --now pacsflow.timer; "
        f"{systemctl} start pacsflow.service runs a round at once, journalctl "
        f"{'--user ' if own else ''}-u pacsflow says what it did"
    )
