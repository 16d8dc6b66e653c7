"""The fixed cost of ``tutelage train``: a run of 50 steps over its 50 steps alone.

    OMP_NUM_THREADS=1 python benchmarks/fixed_cost.py [--repeats 5] [--steps 50] [--profile]

Trains a small CNN on pictures of digits that scikit-learn brings, in new processes that take turns:
without a teacher (``stl``), with features from a file (``aft``), and the imports alone
(``imports``). ``phases`` are the seconds that the result states, and what is left of the whole
process: the interpreter, imports, reading the config and writing the folder. Times are the process's
processor time (``cpu``) and by the clock (``wall``). ``--profile`` prints where one run spends
its time.
Expected: outside of training at most 3.5 times ``import torch``.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

CONFIG = """
[data]
source = "folder:{folder}/digits"
{teachers}
[student]
source = "timm:test_resnet"
params = {{weights = "random", image_size = 32}}
[transfer]
method = "{method}"
[train]
steps = {steps}
batch_size = 32
workers = 0
device = "cpu"
"""
TEACHER = """
[[teachers]]
source = "features:{folder}/features_{{split}}.npy"
name = "file"
"""
IMPORTS = "import tutelage.cli.app, tutelage.experiment.run"


class Times(NamedTuple):
    """Seconds of a process, by the clock and of the processor."""

    wall: float
    cpu: float


def main() -> None:
    """Run the programs in turns and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder)
        os.environ["TUTELAGE_CACHE"] = str(folder / "cache")
        programs = {"torch": ["-c", "import torch"], "imports": ["-c", IMPORTS]}
        for method in ("stl", "aft"):
            path = folder / f"{method}.toml"
            teachers = "" if method == "stl" else TEACHER.format(folder=folder)
            text = CONFIG.format(
                folder=folder, teachers=teachers, method=method, steps=options.steps
            )
            path.write_text(text)
            words = ["-m", "tutelage", "train", str(path), "--out", str(folder / method)]
            programs[method] = [*words, "--set", "output.overwrite=true"]
        if options.profile:
            print(profiled(programs["aft"]))
            return
        turns = [
            {name: measured(words, folder / name) for name, words in programs.items()}
            for _ in range(1 + options.repeats)
        ][1:]
    print(json.dumps(report(turns, options.steps)))


def write_data(folder: Path) -> None:
    """Write digits as PNG files of 32 pixels, and features: their pixels through random weights."""
    digits, draws = load_digits(), np.random.default_rng(0)
    features = (digits.data @ draws.normal(size=(64, 384))).astype(np.float32)
    names: dict[str, list[str]] = {"train": [], "test": []}
    rows: dict[str, list[int]] = {"train": [], "test": []}
    for number, (pixels, target) in enumerate(zip(digits.images, digits.target, strict=True)):
        split = "test" if number % 4 == 0 else "train"
        place = folder / "digits" / split / f"digit {target}"
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray((pixels * 15.9).astype(np.uint8)).resize((32, 32))
        picture.save(place / f"{number:04d}.png")
        names[split].append(f"digit {target}/{number:04d}.png")
        rows[split].append(number)
    for split, of_split in names.items():  # rows of a folder are sorted by name
        order = [rows[split][n] for n in np.argsort(of_split, kind="stable")]
        np.save(folder / f"features_{split}.npy", features[order])


def measured(words: list[str], folder: Path) -> tuple[Times, dict[str, float]]:
    """Times of a new process, and the seconds of its result's phases."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result = folder / "result.json"
    phases = json.loads(result.read_text())["seconds"] if result.is_file() else {}
    return Times(wall, cpu), phases


def report(turns: list[dict[str, tuple[Times, dict[str, float]]]], steps: int) -> dict[str, object]:
    """Return medians over turns: seconds, phases, and ratios of one turn's times."""

    def median(name: str, clock: int) -> float:
        return round(statistics.median(turn[name][0][clock] for turn in turns), 2)

    measured: dict[str, object] = {"steps": steps}
    for name in turns[0]:
        entry: dict[str, object] = {"wall": median(name, 0), "cpu": median(name, 1)}
        if turns[0][name][1]:
            entry["phases"] = {
                phase: round(statistics.median(turn[name][1][phase] for turn in turns), 2)
                for phase in turns[0][name][1]
            }
            outside = [turn[name][0].wall - turn[name][1]["train"] for turn in turns]
            entry["outside_of_training_over_torch"] = round(
                statistics.median(
                    one / turn["torch"][0].wall for one, turn in zip(outside, turns, strict=True)
                ),
                2,
            )
        measured[name] = entry
    return measured


def profiled(words: list[str]) -> str:
    """What one run spends its time on: the functions with the most time, callees included."""
    program = [sys.executable, "-m", "cProfile", "-s", "cumulative", *words]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    return "\n".join(done.stdout.splitlines()[:120])


if __name__ == "__main__":
    main()
