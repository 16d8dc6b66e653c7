"""Train the cells of a grid; a line of results/cells.jsonl each. Cells that are there are not repeated.

    PYTHONPATH=.:MODELS python cells.py clothes --seeds 3 --method stl --head probe
    PYTHONPATH=.:MODELS python cells.py news --seeds 3 --method turned:Turned+probe --beta 3 \\
                                        --params '{"axes": "probe", "start": "probe"}'
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch

from tutelage import ExperimentConfig, run
from tutelage.demo.data import minilm

STUDENTS: dict[str, dict[str, Any]] = {
    "clothes": {
        "source": "python:mobilenet_v1_025:mobilenet_v1_025",
        "input": {"image_size": 64, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    },
    "news": {
        "source": "python:tutelage.demo.student:reader",
        "params": {"layers": 1, "width": 128},
        "input": {"tokenizer": str(minilm()), "max_length": 24},
    },
}
STEPS = {"clothes": 400, "news": 600}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("task", choices=list(STUDENTS))
    parser.add_argument("--method", default="stl")
    parser.add_argument("--beta", type=float)
    parser.add_argument("--params", type=json.loads, default={})
    parser.add_argument("--head", choices=["probe", "random"])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/cells.jsonl"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for seed in range(options.seeds):
        cell = {
            "task": options.task,
            "method": options.method,
            "beta": options.beta,
            "params": options.params,
            "head": options.head or ("probe" if options.task == "clothes" else "random"),
            "steps": options.steps or STEPS[options.task],
            "lr": options.lr,
            "seed": seed,
        }
        lines = options.out.read_text().splitlines() if options.out.exists() else []
        if any(cell.items() <= json.loads(line).items() for line in lines):
            continue
        line = json.dumps(cell | trained(cell))
        with options.out.open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)


def trained(cell: dict[str, Any]) -> dict[str, Any]:
    """Train one cell; return the scores on the held-out rows, which are read as the test rows."""
    transfer = {"method": cell["method"], "params": cell["params"]}
    if cell["beta"] is not None:
        transfer["beta"] = cell["beta"]
    with tempfile.TemporaryDirectory() as folder:
        config = ExperimentConfig.model_validate(
            {
                "seed": cell["seed"],
                "data": {
                    "source": f"python:rows:{cell['task']}",
                    "params": {"split": cell["seed"]},
                },
                "teachers": [{"source": "python:rows:Cached", "params": {"task": cell["task"]}}],
                "student": {**STUDENTS[cell["task"]], "head": cell["head"]},
                "transfer": transfer,
                "train": {
                    "steps": cell["steps"],
                    "lr": cell["lr"],
                    "batch_size": 64,
                    "checkpoint_every": 0,
                    "workers": 0,
                    "scored_rows": 1,
                },
                "output": {"dir": folder, "overwrite": True},
            }
        )
        result = run(config)
    scores = result.metrics["test"]
    rho = [teacher.rho_mean for teacher in result.teachers if teacher.rho_mean is not None]
    return {"accuracy": scores["accuracy"], "loss": scores["loss"]} | (
        {"rho": rho[0]} if rho else {}
    )


if __name__ == "__main__":
    main()
