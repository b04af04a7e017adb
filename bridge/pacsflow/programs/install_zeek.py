"""Puts the Zeek package where Zeek looks, compiled with the Zeek that is there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from pacsflow.errors import ToolError
from pacsflow.outputs import scratch_folder
from pacsflow.programs.placing import Placed, place, take_back
from pacsflow.programs.tools import ZEEK_FOLDERS, ZEEK_MINIMUM, locate, version_of

MODULE = "pacsflow.hlto"
GRAMMARS = (
    "dicom.spicy", "zeek_dicom.spicy", "dicom.evt", "data_sets.cc", "times.cc",
    "hl7.spicy", "zeek_hl7.spicy", "hl7.evt",
)  # fmt: skip
"""What is compiled; headers lie beside it."""


def package_source() -> Path:
    """Return the folder with the package: in the wheel its data, in a checkout `zeek_scripts`."""
    packaged = Path(str(files("pacsflow"))) / "_data" / "zeek"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "zeek_scripts"


def install_zeek(destination: Path | None, *, build: bool = True) -> list[Path]:
    """Copy the package, compile its analyzers, and return what was written.

    Parameters
    ----------
    destination
        A folder that gets a folder ``pacsflow`` with the scripts, and one ``pacsflow-modules``
        with the compiled analyzers; None asks ``zeek-config`` for Zeek's own folders, from which
        ``@load pacsflow`` in local.zeek is all it takes.
    build
        Compile the analyzers with ``spicyz``. Without that the scripts and grammars are copied.

    Raises
    ------
    ToolError
        Where Zeek's folders are asked for and there is no Zeek, where it is older than 8.0, and
        where ``spicyz`` fails or is missing.
    """
    source = package_source()
    scripts, modules = _folders(destination)
    analyzer = source / "analyzer"
    written = [*_copy(source / "scripts", scripts), *_copy(analyzer, scripts / "analyzer")]
    if build:
        written.append(compile_module(analyzer, modules / MODULE))
    return written


def placed(destination: Path | None, *, dry: bool = False, remove: bool = False) -> list[Placed]:
    """Say what `install_zeek` would do, or remove what it wrote.

    Raises
    ------
    ToolError
        As `install_zeek`, or a file cannot be removed.
    """
    source = package_source()
    scripts, modules = _folders(destination)
    files = {
        folder / path.name: path.read_bytes()
        for folder, where in ((scripts, "scripts"), (scripts / "analyzer", "analyzer"))
        for path in sorted((source / where).iterdir())
        if path.is_file()
    }
    if not remove:
        return place(files, dry=True)
    return take_back([*files, modules / MODULE], dry=dry)


def is_changed() -> bool:
    """Return whether what `install_zeek` once put into Zeek's own folders is not this package's."""
    try:
        files = placed(None, dry=True)
    except ToolError:
        return False
    return any(file.what == "would be replaced" for file in files)


def next_steps(destination: Path | None) -> str:
    """Return what is left to do after `install_zeek`, for a person to read."""
    if destination is None:
        return "Add the line `@load pacsflow` to local.zeek and restart Zeek."
    scripts, modules = _folders(destination)
    return (
        f"Add the line `@load {scripts}` to local.zeek, set ZEEK_PLUGIN_PATH={modules} in Zeek's "
        "environment (it is a list of folders, separated by colons) and restart Zeek."
    )


def _folders(destination: Path | None) -> tuple[Path, Path]:
    """Return the folders for the scripts and for the compiled analyzers."""
    if destination is not None:
        folder = destination.expanduser().resolve()
        return folder / "pacsflow", folder / "pacsflow-modules"
    config = locate("zeek-config", ZEEK_FOLDERS)
    if config is None:
        raise ToolError(
            "Zeek is not installed here (no zeek-config on PATH or in "
            f"{' or '.join(ZEEK_FOLDERS)}); name a folder with --to to prepare the package for "
            "another machine"
        )
    version = version_of(config)
    if version < ZEEK_MINIMUM:
        raise ToolError(f"{config} belongs to Zeek {'.'.join(map(str, version))}; 8.0 is needed")
    site, plugins = (
        Path(_run([config, option]).strip()) for option in ("--site_dir", "--plugin_dir")
    )
    return site / "pacsflow", plugins / "pacsflow"


def _copy(source: Path, target: Path) -> list[Path]:
    """Copy the files of one folder and return the copies."""
    target.mkdir(parents=True, exist_ok=True)
    return [
        Path(shutil.copyfile(path, target / path.name))
        for path in sorted(source.iterdir())
        if path.is_file()
    ]


def compile_module(analyzer: Path, module: Path) -> Path:
    """Compile the grammars into one module and return it; raises `ToolError`."""
    spicyz = locate("spicyz", ZEEK_FOLDERS)
    if spicyz is None:
        raise ToolError(
            "spicyz, which comes with Zeek, is not there to compile the analyzers; --no-build "
            "copies the package without compiling it"
        )
    module.parent.mkdir(parents=True, exist_ok=True)
    _run([spicyz, "-o", module, *(analyzer / name for name in GRAMMARS)])
    return module


def _run(command: list[Path | str]) -> str:
    """Run a program and return its output; raises `ToolError` with its last words.

    The compilers that it starts end with it, and what they leave is in a folder that goes.
    """
    with scratch_folder() as folder:
        try:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                start_new_session=True, env=os.environ | {"TMPDIR": folder},
            )  # fmt: skip
        except OSError as error:
            raise ToolError(f"{command[0]} does not run: {error.strerror}") from error
        try:
            output, errors = process.communicate()
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        said = (errors or output).strip().splitlines()
        raise ToolError(
            f"{command[0]} failed: {said[-1] if said else f'exit {process.returncode}'}"
        )
    return output


def _end(process: subprocess.Popen[str]) -> None:
    """End a program and those that it started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
