"""A comparison of eight runs on a Ray cluster of two cores over the same with ``--jobs 2``.

    OMP_NUM_THREADS=1 python benchmarks/sweep.py [--turns 2] [--steps 60]

Both train the same eight runs (a small ViT on scikit-learn's digits, without a teacher) in new
folders, in turns. ``ratio`` is the time with Ray over that with ``--jobs 2``, the median over turns;
the cluster is started once before, in ``start_seconds``. A pool starts its processes in each turn;
Ray keeps its workers, so the first turn is printed too. The tables must be equal.
Expected: a ratio of at most 1.1. Needs the extra ``ray``.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from tutelage.config import ExperimentConfig
from tutelage.sweeps.compare import compare

RUNS, CORES = 8, 2


def main() -> None:
    """Compare in turns and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # as tutelage starts a cluster
    import ray

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures(folder / "digits")
        begin = time.perf_counter()
        ray.init(num_cpus=CORES, log_to_driver=False, include_dashboard=False)
        start = time.perf_counter() - begin
        turns = [turn(folder, number, options.steps) for number in range(options.turns)]
    ratios = [of_ray / of_jobs for of_jobs, of_ray in turns]
    print(
        json.dumps(
            {
                "runs": RUNS,
                "start_seconds": round(start, 1),
                "jobs_seconds": [round(one, 1) for one, _ in turns],
                "ray_seconds": [round(one, 1) for _, one in turns],
                "ratio": round(statistics.median(ratios), 3),
                "first_ratio": round(ratios[0], 3),
            }
        )
    )


def turn(folder: Path, number: int, steps: int) -> tuple[float, float]:
    """Return the seconds of a comparison with ``--jobs 2`` and with Ray; every other turn swaps them."""

    def run(engine: str) -> float:
        out = folder / f"{engine}-{number}"
        begin = time.perf_counter()
        if engine == "ray":
            made = compare(config(folder, out, steps), engine="ray")
        else:
            made = compare(config(folder, out, steps), jobs=CORES)
        spent = time.perf_counter() - begin
        tables[engine] = [row.values for row in made.rows]
        return spent

    tables: dict[str, list[dict[int, float]]] = {}
    order = ("local", "ray") if number % 2 == 0 else ("ray", "local")
    seconds = {engine: run(engine) for engine in order}
    if tables["ray"] != tables["local"]:
        raise SystemExit(f"the tables differ: {tables}")
    return seconds["local"], seconds["ray"]


def config(folder: Path, out: Path, steps: int) -> ExperimentConfig:
    """Eight seeds of standard fine-tuning."""
    return ExperimentConfig.model_validate(
        {
            "data": {"source": f"folder:{folder / 'digits'}"},
            "student": {"source": "timm:test_vit", "params": {"weights": "random"}},
            "transfer": {"method": "stl"},
            "train": {"steps": steps, "batch_size": 16, "workers": 0, "device": "cpu"},
            "compare": {"methods": ["stl"], "seeds": RUNS},
            "output": {"dir": out},
        }
    )


def pictures(folder: Path) -> None:
    """Write 400 digits to train on and 100 to test."""
    digits = load_digits()
    for number, (image, target) in enumerate(
        zip(digits.images[:500], digits.target[:500], strict=True)
    ):
        place = folder / ("train" if number < 400 else "test") / f"digit {target}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = Image.fromarray((image * 15.9).astype(np.uint8)).resize((64, 64))
        pixels.save(place / f"{number}.png")


if __name__ == "__main__":
    main()
