"""What a scenario works with: associations and SCPs of pynetdicom that are recorded."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import images
import servers as lab
from pynetdicom import AE
from recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Play:
    """What a scenario works with: the record, and a scratch folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.recorder = folder, Recorder()
        self.told: list[dict[str, Any]] = []
        self.notes: dict[str, Any] = {}

    def associate(
        self,
        to: tuple[str, int],
        called: str,
        contexts: list[Any],
        *,
        calling: str = "CT1",
        address: str = "127.0.10.11",
        handlers: list[Any] | None = None,
        **options: Any,
    ) -> Any:
        """Request an association from a host's address."""
        ae = AE(ae_title=calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
        for context in contexts:
            ae.add_requested_context(*context) if isinstance(
                context, tuple
            ) else ae.add_requested_context(context)
        return ae.associate(
            *to,
            ae_title=called,
            bind_address=(address, 0),
            evt_handlers=[*self.recorder.handlers, *(handlers or [])],
            **options,
        )

    @contextmanager
    def scp(
        self,
        at: tuple[str, int],
        title: str,
        classes: list[Any],
        handlers: list[Any],
        ssl_context: Any = None,
        **settings: Any,
    ) -> Iterator[Any]:
        """Run an SCP of pynetdicom that is recorded."""
        ae = AE(ae_title=title)
        for name, value in settings.items():
            setattr(ae, name, value)
        for each in classes:
            ae.add_supported_context(*each[0], **each[1]) if isinstance(
                each, tuple
            ) else ae.add_supported_context(each)
        server = ae.start_server(
            at,
            block=False,
            evt_handlers=[*self.recorder.handlers, *handlers],
            ssl_context=ssl_context,
        )
        try:
            yield server
        finally:
            time.sleep(0.3)
            server.shutdown()


def orthanc() -> tuple[str, int]:
    return lab.ORTHANC, lab.ORTHANC_PORT


def offers(modalities: list[str]) -> list[tuple[Any, Any]]:
    return [(images.KINDS[m][0], images.KINDS[m][1]) for m in modalities]
