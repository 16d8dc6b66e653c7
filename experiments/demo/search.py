"""Look for a setting of the demo on a hold-out; the test rows are read only if asked for.

    python experiments/demo/search.py OUT --rows 2000 --lr 1e-3 3e-3 --steps 300 --beta 0 3 10 --seeds 2

Each line of OUT/search.jsonl is one run: its setting, hold-out accuracy, and seconds. A run that is
there already is not repeated.
"""

import argparse
import itertools
import json
import shutil
import time
from pathlib import Path

import torch

from tutelage import ExperimentConfig, run
from tutelage.demo.data import minilm

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("out", type=Path)
parser.add_argument("--data", default="snippets")
parser.add_argument("--rows", type=int, nargs="*", default=[2000])
parser.add_argument("--lr", type=float, nargs="*", default=[1e-3])
parser.add_argument("--steps", type=int, nargs="*", default=[300])
parser.add_argument("--beta", type=float, nargs="*", default=[0.0, 3.0, 10.0])
parser.add_argument("--batch", type=int, nargs="*", default=[64])
parser.add_argument("--layers", type=int, nargs="*", default=[1])
parser.add_argument("--dropout", type=float, nargs="*", default=[0.1])
parser.add_argument("--tokens", type=int, nargs="*", default=[32])
parser.add_argument("--standardize", type=int, nargs="*", default=[0])
parser.add_argument("--weights", nargs="*", default=["diagonal"])
parser.add_argument("--seeds", type=int, default=1)
parser.add_argument("--holdout", type=float, default=0.2)
parser.add_argument("--evaluate", default="holdout", choices=["holdout", "test"])
options = parser.parse_args()
torch.set_num_threads(1)
options.out.mkdir(parents=True, exist_ok=True)
log = options.out / "search.jsonl"
done = (
    {line.rpartition(', "accuracy"')[0] for line in log.read_text().splitlines()}
    if log.exists()
    else set()
)

axes = (
    "rows",
    "layers",
    "tokens",
    "dropout",
    "batch",
    "lr",
    "steps",
    "standardize",
    "weights",
    "beta",
)
for seed in range(options.seeds):
    for values in itertools.product(*(getattr(options, axis) for axis in axes)):
        setting = {"data": options.data, "evaluate": options.evaluate, "seed": seed}
        setting |= dict(zip(axes, values, strict=True))
        if setting["beta"] == 0 and (setting["standardize"] or setting["weights"] != "diagonal"):
            continue
        if json.dumps(setting)[:-1] in done:
            continue
        student = {
            "source": "python:tutelage.demo.student:reader",
            "params": {axis: setting[axis] for axis in ("layers", "dropout")},
            "input": {"tokenizer": str(minilm()), "max_length": setting["tokens"]},
        }
        transfer: dict[str, object] = {"method": "stl"}
        if setting["beta"]:
            transfer = {
                "method": "aft",
                "beta": setting["beta"],
                "standardize": bool(setting["standardize"]),
            }
            transfer["params"] = {"weights": setting["weights"]}
        config = ExperimentConfig.model_validate(
            {
                "seed": seed,
                "data": {
                    "source": f"python:tutelage.demo.data:{options.data}",
                    **({"params": {"train": 4000}} if options.data == "newsgroups" else {}),
                    "holdout": options.holdout,
                    "evaluate": options.evaluate,
                    "limit": setting["rows"],
                },
                "teachers": [{"source": f"hf:{minilm()}", "params": {"max_length": 64}}],
                "student": student,
                "transfer": transfer,
                "train": {
                    "steps": setting["steps"],
                    "batch_size": setting["batch"],
                    "lr": setting["lr"],
                    "checkpoint_every": 0,
                    "log_every": 50,
                    "device": "cpu",
                },
                "output": {"dir": str(options.out / "run"), "overwrite": True},
            }
        )
        began = time.time()
        result = run(config)
        found = {
            "accuracy": round(100 * result.metrics[options.evaluate]["accuracy"], 2),
            "train": round(100 * result.metrics["train"]["accuracy"], 2),
            "seconds": round(time.time() - began, 1),
            "train_seconds": result.seconds["train"],
        }
        line = json.dumps(setting | found)
        with log.open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)
        shutil.rmtree(options.out / "run")
