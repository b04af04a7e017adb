"""`python -m pacsflow`."""

from pacsflow.cli import entry

if __name__ == "__main__":
    entry()
