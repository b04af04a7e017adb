"""`pacsflow` and `python -m pacsflow`: the command line, quiet where it is interrupted."""

import sys


def entry() -> None:
    """Entry point of the installed command."""
    try:
        from pacsflow.cli import entry as command  # noqa: PLC0415 - what may be interrupted
    except KeyboardInterrupt:
        sys.exit(130)
    command()


if __name__ == "__main__":
    entry()
