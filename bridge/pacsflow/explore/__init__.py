"""The study's menu: rank the columns of frames, list the frames of one address, drill down."""

from pacsflow.explore.query import COLUMNS, Condition, Frames, Ranked, rank_stream

__all__ = ["COLUMNS", "Condition", "Frames", "Ranked", "rank_stream"]
