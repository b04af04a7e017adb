"""The interactive session: a full-screen table in the terminal, driven by single keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition as When
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.styles import Style

from pacsflow.errors import PacsflowError
from pacsflow.explore.query import COLUMNS
from pacsflow.explore.view import Screen, View, answer
from pacsflow.printable import counted, escape_controls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.output import Output

    from pacsflow.explore.query import Frames

    Exporter = Callable[[Path, tuple[str, ...], tuple[tuple[Any, ...], ...]], None]

HELP = (
    "1-9 column  n number  a address  i info  d DICOM only  enter drill down  "
    "f frames  < > pages  b back  x export  q quit"
)
STYLE = Style.from_dict(
    {"title": "bold", "header": "bold underline", "row.now": "reverse", "said": "italic"}
)
WIDEST = 60


class Session:
    """Keys to views, views to text.

    Parameters
    ----------
    frames
        What is explored.
    export
        Writes what is on the screen to a file: path, header, rows.
    """

    def __init__(self, frames: Frames, export: Exporter) -> None:
        self.frames, self.export = frames, export
        self.past: list[View] = []
        self.view = View()
        self.screen = Screen((), (), 0)
        self.row = 0
        self.said = ""
        self._question = ""
        self._answered: Callable[[str], None] = lambda _: None
        self._line = Buffer(multiline=False, accept_handler=self._accept)
        self._ask()

    # --- what happens

    def go(self, view: View) -> None:
        """Look at another view, and remember this one."""
        if view != self.view:
            self.past.append(self.view)
            self.view = view
            self._ask()

    def back(self) -> None:
        """Look at the view before this one again."""
        if self.past:
            self.view = self.past.pop()
            self._ask()

    def drill(self) -> None:
        """Go into the value under the cursor."""
        if not self.view.listing and self.screen.rows:
            self.go(self.view.into(self.screen.rows[self.row][0]))

    def move(self, step: int) -> None:
        """Move the cursor."""
        self.row = max(0, min(self.row + step, len(self.screen.rows) - 1))

    def write(self, name: str) -> None:
        """Write what is on the screen to a file."""
        from pathlib import Path  # noqa: PLC0415 - needed only here

        if not name:
            return
        try:
            self.export(Path(name).expanduser(), self.screen.header, self.screen.rows)
        except (PacsflowError, OSError) as error:
            self.said = escape_controls(str(error))
        else:
            written = counted(len(self.screen.rows), "row", "rows")
            self.said = f"{written} written to {escape_controls(name)}"

    def _ask(self) -> None:
        self.screen, self.row, self.said = answer(self.frames, self.view), 0, ""

    def _column(self, name: str, _: KeyPressEvent) -> None:
        self.go(self.view.column(name))

    def _number(self, text: str) -> None:
        if text.strip().isdecimal() and int(text) > 0:
            self.go(self.view.rows(int(text)))
        else:
            self.said = f"a number from 1 was expected, not {escape_controls(text)!r}"

    # --- what is seen

    def title(self) -> StyleAndTextTuples:
        """Return the first line."""
        count = f"{self.screen.frames:,} of {self.frames.total:,} frames"
        return [("class:title", f" {escape_controls(self.view.title)} "), ("", f"  {count}")]

    def table(self) -> StyleAndTextTuples:
        """Return the table, the row under the cursor reversed."""
        cells = [[shown(value) for value in row] for row in self.screen.rows]
        header = [name.replace("_", " ") for name in self.screen.header]
        widths = [
            min(WIDEST, max([len(header[i]), *(len(row[i]) for row in cells)]))
            for i in range(len(header))
        ]
        right = [
            any(isinstance(row[i], (int, float)) for row in self.screen.rows)
            for i in range(len(header))
        ]

        def line(row: list[str]) -> str:
            padded = (
                cell[:width].rjust(width) if to_right else cell[:width].ljust(width)
                for cell, width, to_right in zip(row, widths, right, strict=True)
            )
            return " " + "  ".join(padded) + "\n"

        text: StyleAndTextTuples = [("class:header", line(header))]
        for place, row in enumerate(cells):
            if place == self.row:
                text.append(("[SetCursorPosition]", ""))
            text.append(("class:row.now" if place == self.row else "", line(row)))
        if not cells:
            text.append(("class:said", " no frame fulfils all this; b goes back\n"))
        return text

    def foot(self) -> StyleAndTextTuples:
        """Return the last lines: columns, keys, and what was said."""
        columns = "  ".join(f"{i} {name}" for i, name in enumerate(COLUMNS, 1))
        return [("", f" {columns}\n {HELP}\n"), ("class:said", f" {self.said}")]

    # --- the terminal

    def application(
        self, given: Input | None = None, output: Output | None = None
    ) -> Application[None]:
        """Return the application; `given` and `output` stand in for the terminal in tests."""
        asking = When(lambda: bool(self._question))
        table = Window(FormattedTextControl(self.table, focusable=True, show_cursor=False))
        prompt = Window(
            FormattedTextControl(lambda: self._question), height=1, dont_extend_width=True
        )
        line = Window(BufferControl(self._line), height=1)
        layout = Layout(
            HSplit([
                Window(FormattedTextControl(self.title), height=1),
                table,
                ConditionalContainer(VSplit([prompt, line]), asking),
                Window(FormattedTextControl(self.foot), height=3, wrap_lines=False),
            ]),
            focused_element=table,
        )  # fmt: skip
        keys = KeyBindings()

        def ask(event: KeyPressEvent, question: str, answered: Callable[[str], None]) -> None:
            def done(text: str) -> None:
                self._question = ""
                event.app.layout.focus(table)
                answered(text)

            self._question, self._answered = question, done
            self._line.reset()
            event.app.layout.focus(line)

        @keys.add("escape", filter=asking)
        @keys.add("c-g", filter=asking)
        def _(event: KeyPressEvent) -> None:
            self._question = ""
            event.app.layout.focus(table)

        def on(*names: str) -> Callable[[Callable[[KeyPressEvent], None]], object]:
            def register(action: Callable[[KeyPressEvent], None]) -> object:
                for name in names:
                    keys.add(name, filter=~asking)(action)
                return action

            return register

        on("q", "c-c")(lambda event: event.app.exit())
        on("up", "k")(lambda _: self.move(-1))
        on("down", "j")(lambda _: self.move(1))
        on("enter")(lambda _: self.drill())
        on("b", "backspace")(lambda _: self.back())
        on("d")(lambda _: self.go(self.view.toggled()))
        on("f")(lambda _: self.go(self.view.frames()))
        on(">", "pagedown")(lambda _: self.go(self.view.page(1)))
        on("<", "pageup")(lambda _: self.go(self.view.page(-1)))
        for digit, column in enumerate(COLUMNS, 1):
            on(str(digit))(partial(self._column, column))
        on("n")(lambda event: ask(event, " how many rows: ", self._number))
        on("a")(
            lambda event: ask(event, " address: ", lambda text: self.go(self.view.address(text)))
        )
        on("i")(
            lambda event: ask(
                event, " Info contains: ", lambda text: self.go(self.view.containing(text))
            )
        )
        on("x")(lambda event: ask(event, " write to (.csv, .json, .xlsx): ", self.write))
        return Application(
            layout=layout, key_bindings=keys, style=STYLE, full_screen=True,
            input=given, output=output,
        )  # fmt: skip

    def _accept(self, line: Buffer) -> bool:
        self._answered(line.text)
        return False


def shown(value: Any) -> str:  # noqa: ANN401 - a cell is of any type
    """Return a cell as people read it, without control characters."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, int):
        return f"{value:,}"
    if hasattr(value, "isoformat"):
        return str(value.isoformat(sep=" ", timespec="microseconds")).replace("+00:00", "")
    return escape_controls(str(value))
