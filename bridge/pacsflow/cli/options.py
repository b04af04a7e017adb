"""The options that commands share: each is defined here, once, and asked for by its name."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from pacsflow.cli.console import QUIET, TALKATIVE, LogFormat, hide, say, set_form, set_level, warn
from pacsflow.cli.settings import settings, use
from pacsflow.cli.tables import OutputFormat, set_decimal_comma
from pacsflow.errors import UsageError
from pacsflow.terms.languages import LanguageCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from zoneinfo import ZoneInfo

    from pacsflow.ledger.selection import Selection
    from pacsflow.pseudonyms import Pseudonyms
    from pacsflow.readers import CaptureOptions
    from pacsflow.site import Clock

Result = TypeVar("Result")


class Origin(StrEnum):
    """Where the rows of a ledger come from."""

    ZEEK = "zeek"
    CAPTURE = "capture"
    SFLOW = "sflow"


class DateOrder(StrEnum):
    """Whether dates like 02/03/2026 begin with the day or the month."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


def _zones(incomplete: str) -> list[str]:
    from zoneinfo import available_timezones

    return sorted(z for z in available_timezones() if z.lower().startswith(incomplete.lower()))


FormatOption = Annotated[
    OutputFormat, typer.Option("--format", "-f", help="table for people; json or csv for programs.")
]
NumberOption = Annotated[int, typer.Option("-n", "--number", min=1, help="How many rows.")]
DecimalCommaOption = Annotated[
    bool,
    typer.Option(
        "--decimal-comma",
        help="CSV for spreadsheets in languages with a decimal comma: 0,5;text.",
    ),
]
LanguageOption = Annotated[
    LanguageCode | None, typer.Option("--lang", help="Of what is said; en by default.")
]
HolidaysOption = Annotated[
    str, typer.Option("--holidays", help="Country, or country and state: BR, BR-SP.")
]
_SOURCES, _WHICH = "What is read", "What of it"
CLOCK_SAID = {
    "option": "as --site-tz says",
    "configuration": "as {} says",
    "machine": "as this machine is set (--site-tz says another)",
    "nobody": "for nobody said the site's zone (--site-tz): nothing is told of times of day",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to read, and which of it counts: the options that every reading command takes."""

    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUTS...",
            help="Zeek logs (TSV or JSON, plain or .gz), captures, exports, spreadsheets; files, "
            "folders, globs, or - for standard input. Each is recognised by its content.",
            show_default=False,
        ),
    ] = None
    ledger: Annotated[
        Path | None,
        typer.Option(
            "--ledger", "-l", help="Ask this ledger (see `pacsflow ingest`) instead of files.",
            rich_help_panel=_SOURCES,
        ),
    ] = None  # fmt: skip
    inventory: Annotated[
        Path | None,
        typer.Option(
            "--inventory", "-i", help="Which host is which: Zeek TSV with match, name, role, ...",
            rich_help_panel=_SOURCES,
        ),
    ] = None  # fmt: skip
    keylog: Annotated[
        Path | None,
        typer.Option(
            "--keylog", help="TLS key log, to see associations inside TLS.",
            rich_help_panel=_SOURCES,
        ),
    ] = None  # fmt: skip
    sampling_rate: Annotated[
        int | None,
        typer.Option(
            "--sampling-rate", min=1, help="Captures hold one frame in so many (sflowtool -t).",
            rich_help_panel=_SOURCES,
        ),
    ] = None  # fmt: skip
    capture_start: Annotated[
        list[str] | None,
        typer.Option(
            "--capture-start", metavar="TIME|FILE=TIME",
            help="When a table of frames begins (UTC), where its times are seconds since then; of "
            "several, once for each file.",
            rich_help_panel=_SOURCES,
        ),
    ] = None  # fmt: skip
    date_order: Annotated[
        DateOrder | None,
        typer.Option(
            "--date-order", help="Of tables whose dates could be either: day or month first.",
            rich_help_panel=_SOURCES,
        ),
    ] = None  # fmt: skip
    with_info: Annotated[
        bool | None,
        typer.Option(
            "--with-info",
            help="Tell Wireshark's Info of frames as it is: it may name patients, and carries what "
            "senders wrote.",
            rich_help_panel=_SOURCES, show_default=False,
        ),
    ] = None  # fmt: skip
    about: Annotated[
        Path | None,
        typer.Option(
            "--about", metavar="FILE",
            help="Also write to this file, as JSON, what the rows are of: period, time zone, "
            "origin, sensors, version.",
            rich_help_panel=_WHICH, show_default=False,
        ),
    ] = None  # fmt: skip
    pseudonymise: Annotated[
        Path | None,
        typer.Option(
            "--pseudonymise",
            metavar="KEYFILE",
            help="Write pseudonyms for addresses, AE titles and names; the same key gives the same "
            "ones. (umask 077; openssl rand -out KEYFILE 32) makes a key.",
            rich_help_panel=_SOURCES,
        ),
    ] = None
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar="TIME", help="From this hour on: 2026-03-02 or 2026-03-02T08:00.",
            rich_help_panel=_WHICH,
        ),
    ] = ""  # fmt: skip
    end: Annotated[
        str,
        typer.Option(
            "--to", metavar="TIME", help="Up to this hour, itself not; a day is up to its end.",
            rich_help_panel=_WHICH,
        ),
    ] = ""  # fmt: skip
    week: Annotated[
        str,
        typer.Option(
            "--week", help="2026-W10, or one of its days.", rich_help_panel=_WHICH,
        ),
    ] = ""  # fmt: skip
    site_tz: Annotated[
        str,
        typer.Option(
            "--site-tz", "--zone", metavar="ZONE", autocompletion=_zones,
            help="The site's time zone, such as America/Sao_Paulo; by default as configured, "
            "else this machine's.",
            rich_help_panel=_WHICH,
        ),
    ] = ""  # fmt: skip
    origin: Annotated[
        Origin | None,
        typer.Option(
            "--origin", help="By default the one that covers most hours.", rich_help_panel=_WHICH
        ),
    ] = None
    sensor: Annotated[
        str, typer.Option("--sensor", help="Only what it saw.", rich_help_panel=_WHICH)
    ] = ""
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Only with this host on either side: address, network or name.",
            rich_help_panel=_WHICH,
        ),
    ] = ""  # fmt: skip
    ae: Annotated[
        str,
        typer.Option(
            "--ae", help="Only with this AE title on either side.", rich_help_panel=_WHICH
        ),
    ] = ""
    service: Annotated[
        str,
        typer.Option(
            "--service", help="Only this one: dicom, http, ...; of associations storage, ...",
            rich_help_panel=_WHICH,
        ),
    ] = ""  # fmt: skip

    def clock(self) -> Clock:
        """Return the site's clock: as the option, the configuration or this machine says it."""
        from pacsflow.site import Clock, SaidBy, machine_clock

        if self.site_tz:
            return Clock(self.site_tz, SaidBy.OPTION)
        if settings().site.time_zone:
            return Clock(settings().site.time_zone, SaidBy.CONFIGURATION)
        return machine_clock()

    def tell_clock(self) -> None:
        """Say on whose clock hours are told."""
        from pacsflow.week.period import zone_of

        clock = self.clock()
        zone_of(clock.zone)
        origin = settings().origins.get(("site", "time_zone"), "")
        text = f"hours are those of {clock.zone}, {CLOCK_SAID[clock.said_by].format(origin)}"
        say(text) if clock.known else warn(text, of_result=False)

    @property
    def keyfile(self) -> Path | None:
        """Return the file of the key under which everything is written, where there is one."""
        return self.pseudonymise or settings().site.pseudonymise

    def key(self) -> Pseudonyms | None:
        """Return the pseudonyms of the key file, where one was named."""
        if self.keyfile is None:
            return None
        from pacsflow.pseudonyms import Pseudonyms

        return Pseudonyms.read(self.keyfile)

    def settled(self, names: Iterable[str]) -> Request:
        """Return it with the configured ledger, or inputs, where none of either was given."""
        if self.inputs or self.ledger or "inputs" not in names:
            return self
        if "ledger" in names and settings().ledger.folder:
            return replace(self, ledger=settings().ledger.folder)
        return replace(self, inputs=[str(path) for path in settings().inputs.paths] or None)

    def capture(self) -> CaptureOptions:
        """Return what the user said of captures and tables that these do not say themselves."""
        from pacsflow.inventory import for_taggers
        from pacsflow.readers import CaptureOptions

        bare = [text for text in self.capture_start or () if "=" not in text]
        if len(bare) > 1:
            raise UsageError("--capture-start: several starts need their files: FILE=TIME")
        named = [text.rpartition("=") for text in self.capture_start or () if "=" in text]
        names = [name for name, _, _ in named]
        known = settings().inputs
        if self.inputs != [str(path) for path in known.paths]:
            known = type(known)()  # what is configured is said of what is configured
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise UsageError(f"--capture-start: {twice!r} has two starts")
        return CaptureOptions(
            self.sampling_rate or (known.sampling_rate if known.sampling_rate > 1 else None),
            self.keylog or known.keylog,
            for_taggers(self.inventory or settings().site.inventory),
            _start(bare[0]) if bare else None,
            tuple((name, _start(time)) for name, _, time in named),
            self.date_order.value if self.date_order else known.date_order,
            with_info=bool(self.with_info),
        )

    def of_captures(self) -> list[str]:
        """Return the options given that only a capture or a table of frames gives effect."""
        given = {
            "--keylog": self.keylog, "--sampling-rate": self.sampling_rate,
            "--capture-start": self.capture_start or None, "--date-order": self.date_order,
            "--with-info": self.with_info,
        }  # fmt: skip
        return [name for name, value in given.items() if value is not None]

    def refuse(self, names: Iterable[str], why: str) -> None:
        """Raise `UsageError` where one of these options was given: `why` it has no effect."""
        for name in names:
            if getattr(self, name) not in (None, ""):
                option = {"start": "from", "end": "to"}.get(name, name).replace("_", "-")
                raise UsageError(f"--{option} has no effect {why}")

    def refuse_idle_zone(self) -> None:
        """Raise `UsageError` where a zone was given, and no period that it would be the zone of."""
        if self.site_tz and not self.has_period:
            raise UsageError("--site-tz has no effect without --from, --to or --week")

    @property
    def has_period(self) -> bool:
        """Say whether a period was asked for."""
        return bool(self.start or self.end or self.week)

    def selection(self, key: Pseudonyms | None = None) -> Selection:
        """Return which rows count; under a key, by the pseudonyms of what was asked for."""
        from pacsflow.ledger.selection import Selection

        start, end = self.period()
        host = key.address(self.host) if key and self.host else self.host
        title = key.title(self.ae) if key else self.ae
        sensor = key.name(self.sensor) if key else self.sensor
        return Selection(start, end, host, title, self.service, sensor)

    def period(self) -> tuple[datetime | None, datetime | None]:
        """Return the first hour and the one after the last, UTC; None where nothing was said."""
        from pacsflow.week.period import parse_week, zone_of

        zone = zone_of(self.clock().zone if self.has_period else "UTC")
        if self.week:
            if self.start or self.end:
                raise UsageError("give either --week or --from and --to")
            week = parse_week(self.week, zone)
            return week.start, week.end
        start = _moment("--from", self.start, zone, late=False) if self.start else None
        end = _moment("--to", self.end, zone, late=True) if self.end else None
        if start and end and start >= end:
            raise UsageError(f"--from {self.start} is not before --to {self.end}")
        return start, end


def _start(text: str) -> datetime:
    """Return when a capture began; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"--capture-start {text}: no time; expected such as 2026-03-02T08:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(option: str, text: str, zone: ZoneInfo, *, late: bool) -> datetime:
    """Return the hour that an option names, UTC; of a day its first, or the one after its last."""
    from pacsflow.series import whole_hour

    is_day = len(text.strip()) <= len("2026-03-02")
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        if late and is_day:
            moment += timedelta(days=1)  # in the zone: a day may have 23 or 25 hours
        moment = whole_hour(moment) if is_day else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text}: no time; expected such as 2026-03-02 or 2026-03-02T08:00"
        ) from None
    if moment.minute or moment.second or moment.microsecond:
        told = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        raise UsageError(f"{option} {text}: traffic is counted by the hour (UTC), and it is {told}")
    return moment


SOURCES = ("inputs", "ledger", "inventory", "keylog", "sampling_rate", "capture_start",
           "date_order", "pseudonymise")  # fmt: skip
PERIOD = ("start", "end", "week", "site_tz")
FILTERS = ("origin", "sensor", "host", "ae", "service")
EVERYTHING = (*SOURCES, *PERIOD, *FILTERS)


def _quiet(*, value: bool) -> None:
    if value:
        set_level(QUIET)


def _talkative(*, value: bool) -> None:
    if value:
        set_level(TALKATIVE)


def _as_form(value: LogFormat) -> None:
    set_form(value)


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Say nothing but results and problems.",
        callback=lambda value: _quiet(value=value),
    ),
]  # fmt: skip
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Also say how long each stage took.",
        callback=lambda value: _talkative(value=value),
    ),
]  # fmt: skip
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="This configuration file alone counts (see `pacsflow config`).",
        callback=lambda value: use(value) if value else None, show_default=False,
    ),
]  # fmt: skip
LogForm = Annotated[
    LogFormat,
    typer.Option(
        "--log-format", help="Of remarks and problems: for people, or JSON lines for a collector.",
        callback=_as_form,
    ),
]  # fmt: skip
_SPOKEN = {
    "config": (Config, None), "quiet": (Quiet, False), "verbose": (Verbose, False),
    "log_format": (LogForm, LogFormat.TEXT),
}  # fmt: skip
"""Options of every command that act at once; no command gets them as arguments."""


def _spoken(*, config: bool = True) -> dict[str, inspect.Parameter]:
    """Return the parameters of options that act at once."""
    return {
        name: inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )
        for name, (annotation, default) in _SPOKEN.items()
        if config or name != "config"
    }


def _presented(
    called: Callable[..., Result], command: Callable[..., Result], of: list[inspect.Parameter]
) -> Callable[..., Result]:
    """Return `called` as typer has to see it: as `command`, with other parameters."""
    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__module__ = command.__module__
    called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in of]
    )
    called.__annotations__ = {p.name: p.annotation for p in of}
    return called


def speaking(command: Callable[..., Result]) -> Callable[..., Result]:
    """Give a command that reads no traffic the options about what is said."""
    spoken = _spoken(config=False)
    own = inspect.signature(command, eval_str=True).parameters.values()

    def called(*given: Any, **values: Any) -> Result:  # noqa: ANN401 - options are of any type
        named = {name: value for name, value in values.items() if name not in spoken}
        return command(*given, **named)

    return _presented(called, command, [*own, *spoken.values()])


COMMA = inspect.Parameter(
    "decimal_comma", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=DecimalCommaOption
)
"""Of every command whose result may be CSV; `emit` heeds it."""


def _may_be_csv(annotation: Any) -> bool:  # noqa: ANN401 - an annotation is of any type
    """Say whether a parameter chooses a format, CSV among others."""
    kind = next(iter(get_args(annotation)), None)
    return isinstance(kind, type) and issubclass(kind, StrEnum) and "csv" in {*kind}


def _write_commas(asked: bool, how: str) -> None:
    """Have CSV written with decimal commas; `UsageError` where no CSV is written."""
    if asked and how != OutputFormat.CSV:
        raise UsageError(f"--decimal-comma has no effect on --format {how}, only on csv")
    set_decimal_comma(asked)


def reading(
    names: Iterable[str] = EVERYTHING,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Give a command the shared options of these names; it gets them as its first argument.

    An option that would have no effect on a command is none of its options.
    """
    names = tuple(names)
    hints = get_type_hints(Request, include_extras=True)
    shared = {
        field.name: inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(Request)
        if field.name in names
    }  # fmt: skip
    spoken = _spoken()

    def given(command: Callable[..., Result]) -> Callable[..., Result]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        # Arguments come in their order; `show WHAT INPUTS...` has its own before the shared ones.
        first = [p for p in own if p.default is inspect.Parameter.empty]
        rest = [p for p in own if p.default is not inspect.Parameter.empty]
        comma = [COMMA] if any(_may_be_csv(p.annotation) for p in own) else []
        ordered = [*first, *shared.values(), *rest, *comma, *spoken.values()]

        def called(**values: Any) -> Result:  # noqa: ANN401 - options are of any type
            asked = Request(**{name: values.pop(name) for name in shared if name in values})
            for name in spoken:
                values.pop(name, None)
            if comma:
                _write_commas(values.pop(COMMA.name), str(values.get("how")))
            asked = asked.settled(names)
            hide(asked.key() if "pseudonymise" in names else None)
            return command(asked, **values)

        return _presented(called, command, ordered)

    return given
