"""Forecast with fracast, in an environment of its own (torch is no part of pacsflow).

Reads a history a line (JSON, null where there is no value) on standard input, writes the median
of the next week a line.
"""

import json
import sys

import numpy as np
import torch
from fracast import FracastModel

HORIZON = 168


def main() -> None:
    """Answer every line, with the weights that lie in the package."""
    torch.set_num_threads(1)
    model = FracastModel.from_pretrained()
    middle = len(model.quantiles) // 2
    for line in sys.stdin:
        past = np.array(json.loads(line), dtype=np.float32)
        path = model.forecast(past, horizon=HORIZON)[:, middle]
        print(json.dumps([max(0.0, float(value)) for value in path]), flush=True)


if __name__ == "__main__":
    main()
