"""Print the runs of a demo's folder, a JSON object a line: what was tried on folds, then the final runs.

python experiments/demo/results.py demo > experiments/demo/results/texts.jsonl
"""

import json
import sys
from pathlib import Path

from tutelage.results.choice import CHOICE
from tutelage.results.result import read_result
from tutelage.results.tuning import read_tuning


def main(folder: Path) -> None:
    """Print all runs of a demo."""
    search = json.loads((folder / "auto" / CHOICE).read_text(encoding="utf-8"))
    lines = [
        {"search": one["name"], "folds": one["scores"], "chosen": one["name"] == search["chosen"]}
        for one in search["tried"]
    ]
    lines += [
        {"published": trial.name, "folds": trial.values}
        for trial in read_tuning(folder / "auto" / "beta").trials
    ]
    for path in sorted((folder / "auto").glob("*/result.json")):
        result = read_result(path.parent)
        lines.append(
            {
                "run": path.parent.name,
                "method": result.method,
                "transfer": {name: result.config["transfer"][name] for name in ("beta", "mix")},
                "lr": result.config["train"]["lr"],
                "unlabelled": result.rows.get("unlabelled", 0),
                "seed": result.seed,
                "steps": result.steps,
                "test": result.metrics["test"],
                "seconds": result.seconds,
            }
        )
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
