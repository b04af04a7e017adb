"""Turns one finished `pacsflow.weekly.WeeklyReport` into HTML; reads nothing else."""
