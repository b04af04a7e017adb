"""Imported before NumPy is: linear algebra has one thread, as in the command."""

from pacsflow import threads

threads.one()
