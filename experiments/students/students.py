"""One task: settings chosen on hold-outs, then every method with several seeds on all training rows.

    python students.py TASK --out OUT --data DATA --models MODELS [--stage core] [--minutes 4]

DATA has the folders clothing10, fashion_imgtext and mrpc; MODELS has mobilenet_v1_025.py with its
weights. Each run is a line of OUT/TASK.jsonl; one that is there is not repeated, so the program
continues where it was ended. With --minutes it starts no run after so long, and exits with 3 where
runs are left. The test rows are read by the last runs of each method, and choose nothing.
"""

import argparse
import sys
from pathlib import Path

import torch
from task import HERE, STAGES, OutOfTimeError, open_task


def main() -> int:
    """Run what is left of a task's stage, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("task", choices=sorted(path.stem for path in HERE.glob("*.toml")))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--stage", choices=STAGES, default="core")
    parser.add_argument("--minutes", type=float)
    told = parser.parse_args()
    torch.set_num_threads(1)
    task = open_task(
        told.task, out=told.out, data=told.data, models=told.models, minutes=told.minutes
    )
    try:
        task.finish(told.stage)
    except OutOfTimeError:
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
