"""Start-up: the core and the command's help over ``import torch``.

    python benchmarks/startup.py [--repeats 7]

Each program runs in a new process, in turns; a ratio is the median over turns. ``core`` loads
``AFTLoss``, ``FeatureTap`` and ``Objective``. The first turn, which may read from the disk, is not
counted.
Expected: the core at most 1.1, ``tutelage --help`` and ``tutelage train --help`` below 0.5.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

TORCH = "torch"
PROGRAMS = {
    TORCH: ["-c", "import torch"],
    "core": ["-c", "import tutelage; tutelage.AFTLoss, tutelage.FeatureTap, tutelage.Objective"],
    "help": ["-m", "tutelage", "--help"],
    "train_help": ["-m", "tutelage", "train", "--help"],
    "version": ["-m", "tutelage", "--version"],
}


def main() -> None:
    """Run the programs in turns and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    turns = [
        {name: seconds(words) for name, words in PROGRAMS.items()}
        for _ in range(1 + options.repeats)
    ][1:]
    measured: dict[str, object] = {
        "torch_seconds": round(statistics.median(turn[TORCH] for turn in turns), 3)
    }
    for name in PROGRAMS:
        if name != TORCH:
            ratios = sorted(turn[name] / turn[TORCH] for turn in turns)
            measured[name] = round(statistics.median(ratios), 3)
            measured[f"{name}_range"] = [round(ratios[0], 3), round(ratios[-1], 3)]
    print(json.dumps(measured))


def seconds(words: list[str]) -> float:
    """Return the time of a new Python process from start to end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
