"""Plays the steps of a Containerfile in a folder that holds a new Debian, where no engine is.

``container.py ROOT [COMMAND...]`` (root): copies and runs each step by chroot, as its user, and
then the entry point with COMMAND. ROOT is changed; make it with ``debootstrap --variant=minbase``.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parents[2]
STEP = re.compile(r"([A-Z]+)\s+(.*)", re.DOTALL)


@dataclass
class Image:
    """What the steps have set so far."""

    root: Path
    user: str = "0"
    folder: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    entry: list[str] = field(default_factory=list)

    def run(self, command: list[str]) -> int:
        """Run a command inside, with a /proc and /dev of its own."""
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        kept = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *settings]
        inner = [
            "chroot", f"--userspec={self.user}:{self.user}", str(self.root), "env", *kept,
            "sh", "-c", f"cd {shlex.quote(self.folder)} && exec {shlex.join(command)}",
        ]  # fmt: skip
        mounts = f"mount -t proc proc {self.root}/proc; mount --rbind /dev {self.root}/dev"
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
             f"{mounts}; exec {shlex.join(inner)}"],
            check=False, stdin=subprocess.DEVNULL,
        ).returncode  # fmt: skip


def steps(text: str) -> list[tuple[str, str]]:
    """Return the instructions with their arguments; comments and line ends are gone."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [m.groups() for line in joined.splitlines() if (m := STEP.match(line))]  # type: ignore[misc]


def copy(patterns: list[str], target: Path) -> None:
    """Copy what the patterns name, from the checkout."""
    target.mkdir(parents=True, exist_ok=True)
    for pattern in patterns:
        found = sorted(HERE.glob(pattern))
        if not found:
            sys.exit(f"COPY {pattern}: nothing is there; `make package` first")
        for path in found:
            shutil.copy(path, target)


def play(image: Image, step: str, rest: str) -> None:
    """Do one step."""
    words = [word.strip('[],"') for word in rest.split()]
    if step == "COPY":
        copy(words[:-1], image.root / words[-1].lstrip("/"))
    elif step == "RUN":
        if image.run(["sh", "-e", "-c", rest]):
            sys.exit(f"failed: RUN {rest}")
    elif step == "ENV":
        image.environment |= dict(word.split("=", 1) for word in words)
    elif step == "USER":
        image.user = rest.strip()
    elif step == "WORKDIR":
        image.folder = rest.strip()
    elif step == "ENTRYPOINT":
        image.entry = words


def main(root: str, *command: str) -> int:
    """Play all steps, then the entry point."""
    image = Image(Path(root))
    for step, rest in steps((HERE / "Containerfile").read_text("utf-8")):
        print(f"{step} {' '.join(rest.split())}", flush=True)
        play(image, step, rest)
    return image.run([*image.entry, *command])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
