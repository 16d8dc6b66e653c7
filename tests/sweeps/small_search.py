"""A search of three points whose models do not exist: points are taken and scored, not run."""

from pathlib import Path

import optuna

from tutelage.config import ExperimentConfig
from tutelage.sweeps.candidates import METHODS, Space
from tutelage.sweeps.search import Search
from tutelage.sweeps.search_space import Dimension, SearchSpace

SPACE = SearchSpace({"stl": (), "aft": (Dimension("beta", (1.0, 10.0)),)}, teachers=((),))

AUTO_SPACE = Space(
    rates=(1e-4, 3e-4, 1e-3, 3e-3),
    rate=3e-4,
    methods=METHODS,
    unlabelled=True,
    augments=True,
    lengthens=True,
)
"""All that ``auto`` may try."""


def search(
    folder: Path, space: SearchSpace = SPACE, *, rows: str = "as ever", **tune: object
) -> Search:
    config = ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:x", "holdout": 0.5},
            "teachers": [{"source": "timm:x", "name": "a"}, {"source": "timm:y", "name": "b"}],
            "train": {"steps": 40},
            "tune": tune,
            "output": {"dir": str(folder)},
        }
    )
    begun = Search(config, space)
    begun.begin({"train": rows})
    return begun


def finish(trial: optuna.Trial, *, score: float = 0.5) -> None:
    trial.study.tell(trial, score)
