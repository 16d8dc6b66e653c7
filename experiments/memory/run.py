"""AFT in batches of 32 with a memory of recent rows, and over several passes, on handwritten digits.

OMP_NUM_THREADS=1 python experiments/memory/run.py OUT > experiments/memory/results.jsonl

The arms may be named, all of those with as many passes together. Each arm is a `tutelage compare`:
the strength is chosen on a hold-out of the training rows, then 5 seeds are trained on all of them
and scored on the test rows. A line for each arm.
"""

import json
import sys
import tomllib
from pathlib import Path

from tutelage import compare
from tutelage.config import load_config
from tutelage.results.statistics import sample_mean

ONE = {"train.steps": 300}
FOUR = {"train.steps": 150, "train.accumulate": 4}
ARMS = {
    "one pass": ("aft", ONE),
    "one pass, memory 96": ("aft", ONE | {"transfer.memory": 96}),
    "one pass, memory 992": ("aft", ONE | {"transfer.memory": 992}),
    "four passes, each by itself": ("aft", FOUR),
    "four passes, recomputed": ("aft", FOUR | {"transfer.batch": "step"}),
}
"""Method and settings of each arm."""
FOLDER = Path(__file__).parent


def main(out: Path, names: list[str]) -> None:
    """Run the arms and print their lines, with differences from the first arm of as many passes."""
    plain: dict[int, dict[str, list[float]]] = {}
    for name in names or ARMS:
        method, changes = ARMS[name]
        base = load_config([tomllib.loads((FOLDER / "digits.toml").read_text(encoding="utf-8"))])
        folder = out / name.replace(",", "").replace(" ", "-")
        config = base.replace(changes | {"output.dir": folder})
        first = plain.setdefault(config.train.accumulate, {})
        found = compare(config, methods=[method] if first else ["stl", method])
        for row in found.rows:
            scores = [100 * row.values[seed] for seed in sorted(row.values)]
            first.setdefault(row.method, scores)
            line: dict[str, object] = {
                "arm": name,
                "method": row.method,
                "settings": row.settings,
                "accuracy": [round(score, 2) for score in scores],
                "mean": summary(scores),
            }
            for other, theirs in first.items():
                if theirs is not scores:
                    paired = [a - b for a, b in zip(scores, theirs, strict=True)]
                    line[f"minus {other}"] = summary(paired)
            print(json.dumps(line), flush=True)


def summary(values: list[float]) -> str:
    """Write the mean over seeds and its standard error."""
    found = sample_mean(values)
    return f"{found.mean:.2f} ± {found.error or 0:.2f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
