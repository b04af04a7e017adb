"""Starts processes that work side by side, and ends them with whoever started them.

They import pacsflow alone, never the caller's ``__main__``: a script or a notebook that calls the
library needs no ``if __name__ == "__main__"``.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import types
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import context as contexts
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacsflow.lean import without_pandas
from pacsflow.outputs import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.process import BaseProcess

GRACE = 0.5
"""Seconds that a process has to clean up when it is told to end."""


def cores() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _nameless_main() -> Iterator[None]:
    """Hide the caller's ``__main__`` while a child is told what to import."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _SpawnProcess(contexts.SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: ANN401, N802 - multiprocessing's own
        with _nameless_main():
            return contexts.SpawnProcess._Popen(process_obj)  # noqa: SLF001


class _SpawnContext(contexts.SpawnContext):
    Process = _SpawnProcess


if sys.platform != "win32":

    class _ServedProcess(contexts.ForkServerProcess):
        @staticmethod
        def _Popen(process_obj: BaseProcess) -> Any:  # noqa: ANN401, N802 - likewise
            with _nameless_main():
                return contexts.ForkServerProcess._Popen(process_obj)  # noqa: SLF001

    class _ServedContext(contexts.ForkServerContext):
        Process = _ServedProcess


@contextmanager
def pool(workers: int, preload: Sequence[str] = ()) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of processes; an error or a signal ends them at once.

    What they write for a while lies in a folder that is removed here: one that is inside a library
    hears of no signal, and has to be killed.

    Parameters
    ----------
    workers
        How many processes at most.
    preload
        Modules that a server imports once, whose copies the processes are; where a system has no
        such server, each process imports for itself.
    """
    with scratch_folder("pacsflow-workers-") as place:
        if sys.platform != "win32" and os.geteuid() == 0:
            Path(place).chmod(0o711)  # what they run as another account passes through
        executor = ProcessPoolExecutor(
            workers, mp_context=_context(preload), initializer=_begin, initargs=(place,)
        )
        try:
            yield executor
        except BaseException:
            _end(executor)
            raise
        executor.shutdown()


def _context(preload: Sequence[str]) -> multiprocessing.context.BaseContext:
    if sys.platform != "win32" and preload:
        context = _ServedContext()
        context.set_forkserver_preload(list(preload))
        return context
    return _SpawnContext()


def _begin(place: str) -> None:
    """Let a signal clean up in a worker; programs that it runs end with it.

    As an exit, not as Ctrl-C: a process that waits for work would tell of that with a traceback.
    Its temporary files, and those of what it runs, lie in `place`.
    """
    tempfile.tempdir = os.environ["TMPDIR"] = place
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, _exit)
    without_pandas()


def _exit(number: int, _frame: types.FrameType | None) -> None:
    """Unwind what is at work; whatever caught that (the pool does) does not go on for long."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, lambda *_: os._exit(128 + number))
        signal.setitimer(signal.ITIMER_REAL, GRACE)
    raise SystemExit(128 + number)


def _end(executor: ProcessPoolExecutor) -> None:
    processes = list((executor._processes or {}).values())  # noqa: SLF001 - there is no other way
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(GRACE)
        if process.is_alive():
            process.kill()
