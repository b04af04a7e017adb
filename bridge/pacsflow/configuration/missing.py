"""What a configuration names that is not there, or needs and does not name."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pacsflow.configuration.schema import Settings

_FILES = (
    ("inputs", "keylog"), ("site", "logo"), ("site", "inventory"), ("site", "pseudonymise"),
    ("mail", "password_file"), ("mail", "program"),
)  # fmt: skip
_WRITTEN = (("metrics", "textfile"), ("events", "file"))


def missing(settings: Settings) -> Iterator[str]:
    """Yield a line for each file or folder that is not there, and each setting that lacks one."""
    for path in settings.inputs.paths:
        if not path.exists() and not glob.glob(str(path)):  # noqa: PTH207 - may begin at the root
            yield f"{_where(settings, 'inputs', 'paths')}: {path} is not there"
    for section, name in _FILES:
        path = getattr(getattr(settings, section), name)
        if path and not path.is_file():
            yield f"{_where(settings, section, name)}: there is no file {path}"
    for section, name in _WRITTEN:
        path = getattr(getattr(settings, section), name)
        if path and not path.parent.is_dir():
            yield f"{_where(settings, section, name)}: there is no folder {path.parent}"
    yield from _of_mail(settings)


def _where(settings: Settings, section: str, name: str) -> str:
    return f"{settings.origins.get((section, name), 'default')}: [{section}] {name}"


def _of_mail(settings: Settings) -> Iterator[str]:
    mail = settings.mail
    if mail.to and not mail.sender:
        yield f"{_where(settings, 'mail', 'to')}: needs a sender"
    if mail.to and not (mail.server or mail.program):
        yield f"{_where(settings, 'mail', 'to')}: needs a server or a program"
    if mail.server and mail.program:
        yield f"{_where(settings, 'mail', 'program')}: give either a server or a program"
    if mail.user and mail.security == "none":
        yield f"{_where(settings, 'mail', 'user')}: a password is not sent without TLS"
    if settings.archive.folder and not settings.ledger.folder:
        yield f"{_where(settings, 'archive', 'folder')}: needs a ledger's folder"


def written(settings: Settings) -> list[Path]:
    """Return the folders into which `pacsflow run` writes."""
    folders = [settings.ledger.folder, settings.archive.folder]
    folders += [file.parent for file in (settings.metrics.textfile, settings.events.file) if file]
    return [folder for folder in dict.fromkeys(folders) if folder]
