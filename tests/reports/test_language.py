"""Words, numbers and times in each language, and catalogues without holes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import pacsflow.words
import pacsflow_reports
from pacsflow.week.facts import Estimate
from pacsflow.words import language as language_module
from pacsflow.words.language import NBSP, Language, languages

PAGE = Path(pacsflow_reports.__file__).parent
HERE = Path(pacsflow.words.__file__).parent
METHODS = [("templates/**.jinja", "jinja2"), ("**.py", "python")]
OPTIONS = {
    "templates/**.jinja": {
        "newstyle_gettext": "true",
        "trim_blocks": "true",
        "lstrip_blocks": "true",
    }
}
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2), "_count": (1, 2)}
HOLES = re.compile(r"%\((\w+)\)s")


def messages() -> set[str | tuple[str, ...]]:
    return {
        message
        for folder in (PAGE, HERE)
        for _file, _line, message, _comments, _context in extract_from_dir(
            str(folder), METHODS, OPTIONS, keywords=KEYWORDS
        )
    }


@pytest.mark.parametrize("tag", [tag for tag in languages() if tag != "en"])
def test_every_message_of_the_page_is_translated_with_the_same_values(tag: str) -> None:
    path = HERE / "locale" / tag.replace("-", "_") / "LC_MESSAGES" / "pacsflow.po"
    with path.open("rb") as stream:
        catalogue = {m.id: m for m in read_po(stream) if m.id}
    wanted = messages()
    assert len(wanted) > 300
    assert not [m for m in wanted if m not in catalogue], "not in the catalogue"
    assert not [m for m in catalogue if m not in wanted], "no longer said anywhere"
    for key, message in catalogue.items():
        ids = key if isinstance(key, tuple) else (key,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(texts), f"{key!r} has no translation"
        assert not message.fuzzy, f"{key!r} is fuzzy"
        holes = {name for text in ids for name in HOLES.findall(text)}
        for text in texts:
            assert set(HOLES.findall(text)) <= holes, f"{key!r} has other values"
            assert set(HOLES.findall(ids[-1])) == set(HOLES.findall(texts[-1])), key


def test_a_third_language_is_one_folder_and_an_unknown_one_is_refused() -> None:
    assert set(languages()) >= {"en", "pt-BR"}
    assert Language("pt_br").tag == "pt-BR"
    assert Language("en-GB").tag == "en"
    with pytest.raises(ValueError, match="no language 'tlh'"):
        Language("tlh")


@pytest.mark.parametrize(
    ("value", "english", "portuguese"),
    [
        (None, "–", "–"),
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (1000, "1.00 kB", "1,00 kB"),
        (999_499, "999 kB", "999 kB"),
        (999_600, "1.00 MB", "1,00 MB"),
        (4.214e12, "4.21 TB", "4,21 TB"),
        (42.14e12, "42.1 TB", "42,1 TB"),
        (-5e9, "−5.00 GB", "−5,00 GB"),
        (2.5e21, "2,500 EB", "2.500 EB"),
        (float("nan"), "–", "–"),
    ],
)
def test_bytes_have_three_digits_in_decimal_units(
    value: float | None, english: str, portuguese: str
) -> None:
    assert Language("en").bytes(value).replace(NBSP, " ") == english
    assert Language("pt-BR").bytes(value).replace(NBSP, " ") == portuguese


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (112, 100, "+12 %"),
        (92, 100, "−8 %"),
        (100.2, 100, "± 0 %"),
        (1500, 100, "× 15"),
        (5, 0, ""),
        (5, None, ""),
        (None, 5, ""),
    ],
)
def test_changes(now: float | None, before: float | None, said: str) -> None:
    assert Language().change(now, before).replace(NBSP, " ") == said


def test_percent_never_rounds_something_to_nothing() -> None:
    language = Language("pt-BR")
    assert language.percent(0.01) == f"<{NBSP}0,1{NBSP}%"
    assert language.percent(0) == f"0{NBSP}%"
    assert language.percent(7.25) == f"7,2{NBSP}%"


@pytest.mark.parametrize(
    ("value", "said"),
    [(99.4, "99"), (99.5, "99.5"), (99.87, "99.8"), (99.999_999, "99.9"), (100, "100"),
     (100.4, "100"), (99.97, "99.9")],
)  # fmt: skip
def test_what_is_not_all_is_never_all(value: float, said: str) -> None:
    assert Language().percent(value) == f"{said}{NBSP}%"
    assert Language().percent(value, 0) == f"{said}{NBSP}%"
    assert Language().percent(value, 1).startswith("100") is (value >= 100)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0.20 s"),
        (3.21, "3.2 s"),
        (59, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (15_060, "4 h 11 min"),
        (90_000, "1 d 1 h"),
        (None, "–"),
    ],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert Language().duration(seconds).replace(NBSP, " ") == said


def test_times_are_on_the_sites_clock_and_a_day_ends_at_24() -> None:
    start = datetime(2026, 11, 18, 23, tzinfo=UTC)
    english, portuguese = Language("en", "Europe/Berlin"), Language("pt-BR", "America/Sao_Paulo")
    assert english.moment(start) == "Thu 19 Nov, 00:00"
    assert portuguese.moment(start) == "qua 18 nov, 20:00"
    assert english.span(start, start + timedelta(hours=4)) == "Thu 19 Nov, 00:00–04:00"
    assert english.span(start, start + timedelta(hours=24)) == "Thu 19 Nov, 00:00–24:00"
    assert (
        english.span(start, start + timedelta(hours=30)) == "Thu 19 Nov, 00:00 – Fri 20 Nov, 06:00"
    )
    assert Language("en", "Mars/Olympus").moment(start) == "Wed 18 Nov, 23:00"


def test_dates_say_what_they_share_once() -> None:
    english, portuguese = Language(), Language("pt-BR")
    assert english.dates(date(2026, 11, 16), date(2026, 11, 22)) == "16 – 22 November 2026"
    assert english.dates(date(2026, 11, 30), date(2026, 12, 6)) == "30 November – 6 December 2026"
    assert (
        english.dates(date(2026, 12, 28), date(2027, 1, 3)) == "28 December 2026 – 3 January 2027"
    )
    assert portuguese.dates(date(2026, 12, 28), date(2027, 1, 3)) == (
        "28 de dezembro de 2026 – 3 de janeiro de 2027"
    )


def test_a_day_of_23_hours_begins_at_its_own_midnight() -> None:
    language = Language("en", "Europe/Berlin")
    start = datetime(2026, 3, 27, 23, tzinfo=UTC)  # Saturday 28th, 00:00; clocks change on 29th
    assert language.midnights(start, 72) == [0, 24, 47, 71]


def test_listing_counts_what_it_does_not_name() -> None:
    assert Language().listing(["a", "b", "c", "d", "e", "f"], most=2) == "a, b, and 4 more"
    assert Language("pt-BR").listing(["a", "b"]) == "a e b"


def test_estimates_show_their_interval() -> None:
    said = Language("pt-BR").interval(Estimate(9e12, 8.77e12, 9.92e12, 400))
    assert said == f"8,77\u2009–\u20099,92{NBSP}TB"
    assert Language().interval(Estimate(9e12)) == ""


def test_a_language_is_added_by_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = HERE / "locale" / "pt_BR" / "LC_MESSAGES" / "pacsflow.po"
    folder = tmp_path / "locale" / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    text = catalogue.read_text("utf-8").replace("Language: pt_BR", "Language: es")
    (folder / "pacsflow.po").write_text(text.replace("O que mudou", "Lo que cambió"), "utf-8")
    monkeypatch.setattr(language_module, "files", lambda _package: tmp_path)
    assert languages() == ("en", "es")
    spanish = Language("es")
    assert spanish.gettext("What is different") == "Lo que cambió"
    assert spanish.bytes(4.21e12) == f"4,21{NBSP}TB"
