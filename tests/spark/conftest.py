"""Where PySpark is missing nothing here is collected: `make spark` brings it, and runs these."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("pyspark") else ["test_spark.py"]
