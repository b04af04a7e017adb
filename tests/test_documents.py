"""The documents: their commands are ones that there are, and the references are the code's."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest

from pacsflow.cli.commands import COMMANDS, imported
from pacsflow.cli.reference import reference

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "README.pt-BR.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^(```|~~~)[^\n]*\n(.*?)^\1", re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"(?:\d+\.|[-*]) ")
COMMAND = re.compile(r"(?:\$ |\.venv/bin/|\| )?(pacsflow [a-z].*)")


def commands(text: str) -> list[str]:
    """Return the lines of code that are commands of ours."""
    blocks = [block for _, block in FENCED.findall(text)]
    blocks += [line for line in text.splitlines() if line.startswith("    ")]
    spans = re.findall(r"(?<!`)`(pacsflow [a-z][^`]*)`(?!`)", text)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    found = [match[1] for line in lines if (match := COMMAND.match(line))]
    return [re.split(r"\s+(?:[|>#]|\|\||&&)\s*", one)[0] for one in [*found, *spans]]


def options(words: list[str]) -> tuple[set[str], set[str]]:
    """Return a command's options as they are written, and those that there are."""
    command = imported(words[0])
    below = getattr(command, "commands", {})
    if words[1:] and words[1] in below:
        command = below[words[1]]
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
    return given, known | {"--help", "-h"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_of_the_documents_are_ones_that_there_are(document: Path) -> None:
    for line in commands(document.read_text("utf-8")):
        words = shlex.split(line.replace("...", ""))[1:]
        named = [name for name in words[0].rstrip(",").split("|") if name]
        assert named[0] in COMMANDS, line
        if "," in line:  # several in one: `pacsflow ledger info, verify`
            continue
        given, known = options([named[0], *words[1:]])
        assert given <= known, line


def test_the_reference_of_commands_is_the_codes() -> None:
    written = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert written == "".join(reference()), "python -m pacsflow.cli.reference > docs/commands.md"


def test_every_document_is_in_the_site() -> None:
    site = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert not [p.name for p in (ROOT / "docs").glob("*.md") if p.name not in site]


def test_the_site_needs_no_network() -> None:
    fetched = re.compile(r"^```mermaid|!\[[^]]*\]\(https?:|<(?:img|script|iframe)\b", re.MULTILINE)
    for document in DOCUMENTS:  # the theme fetches Mermaid from elsewhere
        assert not fetched.search(document.read_text("utf-8")), document.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_site_shows_each_item_of_a_list(document: Path) -> None:
    """To its reader of Markdown an item right behind other text goes on with that text."""
    text = FENCED.sub("", document.read_text("utf-8"))
    hidden, tight = [], True
    for before, line in itertools.pairwise(["", *text.splitlines()]):
        if ITEM.match(line):
            hidden += [] if tight or not before else [line]
            tight = True
        else:
            tight = line == "" or line.startswith("#") or (tight and line.startswith(" "))
            tight &= bool(line) or not before.startswith(" ")
    assert hidden == []


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_files_that_contributors_are_sent_to_are_there() -> None:
    texts = [
        (ROOT / name).read_text("utf-8") for name in ("CONTRIBUTING.md", "docs/architecture.md")
    ]
    named = {path for text in texts for path in re.findall(r"`([\w.-]+/[\w./-]*)`", text)}
    homes = (ROOT, ROOT / "bridge" / "pacsflow")
    assert len(named) > 10
    assert not [
        path
        for path in sorted(named)
        if "xx_YY" not in path and not any((home / path).exists() for home in homes)
    ]


def test_the_portuguese_readme_says_what_the_english_one_says() -> None:
    english, portuguese = (
        (ROOT / name).read_text("utf-8") for name in ("README.md", "README.pt-BR.md")
    )
    assert shape(portuguese) == shape(english)


def shape(text: str) -> dict[str, object]:
    """Return what does not change with the language: links, rows of tables, names of commands."""
    links = re.findall(r"\]\((?!README|docs/img)([^)]*)\)", text)
    rows = re.findall(r"^\|(?: `([^`]*)`)?", text, re.MULTILINE)
    named = [name.replace("semana.", "week.") for name in rows]
    heads = len(re.findall(r"^#+ ", text, re.MULTILINE))
    return {"links": links, "rows": named, "heads": heads, "blocks": text.count("```")}


def test_a_crontabs_lines_name_the_program_with_its_path() -> None:
    """Debian's cron looks in /usr/bin and /bin alone, wherever pacsflow was installed."""
    timed = re.compile(r"^ *(?:[*/\d]+ +){4}[*/\d]+ +(\S+)", re.MULTILINE)
    programs = [one for path in DOCUMENTS for one in timed.findall(path.read_text("utf-8"))]
    assert programs == ["/usr/local/bin/pacsflow"]


def test_every_picture_is_shown_somewhere() -> None:
    shown = " ".join(path.read_text("utf-8") for path in DOCUMENTS)
    pictures = [path.name for path in (ROOT / "docs" / "img").glob("*.[ps][nv]g")]
    assert not [name for name in pictures if f"img/{name}" not in shown]
