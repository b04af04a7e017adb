"""Bundles the sources in src/ into pacsflow.lua, the one file that Wireshark loads."""  # noqa: INP001

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUNDLE = HERE / "pacsflow.lua"
START = "main"
REQUIRE = re.compile(r'require\("(\w+)"\)')
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE.parent / "bridge" / "pacsflow" / "__init__.py").read_text()
)[1]
HEADER = f"""\
-- PACS flow: tags every DICOM frame, association and PACS endpoint.
-- Built from src/ by build.py; change it there.
if rawget(_G, "pacsflow_is_loaded") then
  return
end
pacsflow_is_loaded = true
local VERSION = "{VERSION}"
if set_plugin_info then
  set_plugin_info({{
    version = VERSION, description = "Tags DICOM frames, associations and PACS endpoints",
    author = "The pacsflow authors",
  }})
end
local modules, loaded = {{}}, {{}}
local function require(name)
  if loaded[name] == nil then
    loaded[name] = modules[name]()
  end
  return loaded[name]
end
"""


def order() -> list[str]:
    """Return the names of the modules that are used, each after those it needs."""
    done: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        for needed in REQUIRE.findall((HERE / "src" / f"{name}.lua").read_text()):
            visit(needed)
        done.append(name)

    visit(START)
    return done


def bundle() -> str:
    """Return the text of the bundle."""
    parts = [HEADER]
    for name in order():
        source = (HERE / "src" / f"{name}.lua").read_text()
        parts.append(f"\nmodules.{name} = function(...)\n{source}end\n")
    parts.append(f"\nloaded.{START} = modules.{START}(...)\n")
    return "".join(parts)


def main() -> int:
    """Write the bundle, or with --check say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    text = bundle()
    if parser.parse_args().check:
        current = BUNDLE.read_text() if BUNDLE.exists() else ""
        if current != text:
            sys.stderr.write(f"{BUNDLE} is out of date: run {Path(__file__).name}\n")
            return 1
        return 0
    BUNDLE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
