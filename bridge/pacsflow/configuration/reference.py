"""The settings as a file to begin with, and as a table for the documents."""

from __future__ import annotations

import json
from datetime import time
from itertools import groupby

from pacsflow.configuration.schema import Setting, every_setting, sections
from pacsflow.findings.thresholds import Thresholds

HEAD = """\
# What pacsflow does when nothing else is said: the command line beats environment variables
# (PACSFLOW_SECTION_NAME), those beat this file. `pacsflow config check` reads it, and
# `pacsflow config show` says where each value comes from. Relative paths begin here.
"""


def as_toml(value: object) -> str:
    """Return a value as a file has it."""
    if value is None:
        return '""'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(as_toml(item) for item in value)}]"
    if isinstance(value, time):
        return f'"{value:%H:%M}"'
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else repr(value)
    if isinstance(value, (bool, int)):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)


def as_file() -> str:
    """Return a file with every setting and its default, commented out."""
    parts = [HEAD]
    for section, settings in groupby(every_setting().values(), lambda one: one.section):
        told = (sections()[section].__doc__ or "").splitlines()[0]
        parts.append(f"\n# {told}\n[{section}]\n")
        parts += [_lines(one) for one in settings]
    return "".join(parts)


def _lines(one: Setting) -> str:
    written = f"# {one.name} = {as_toml(one.default)}"
    told = "" if one.section == "findings" else f"  # {one.told} Expects {one.kind.expected}."
    return f"{written}{told}\n"


def as_markdown() -> str:
    """Return the table of the document; thresholds have one of their own."""
    lines = ["| setting | default | expects | for |", "|---|---|---|---|"]
    for one in every_setting().values():
        if sections()[one.section] is not Thresholds:
            default = as_toml(one.default)
            shown = "" if default in {'""', "[]"} else f"`{default}`"
            lines.append(
                f"| `{one.section}.{one.name}` | {shown} | {one.kind.expected} | {one.told} |"
            )
    return "\n".join(lines) + "\n"
