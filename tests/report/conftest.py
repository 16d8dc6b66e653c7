"""Comparisons and runs with predictions that the tests of tables, charts and pages share."""

import base64
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))

from chromium import browser  # noqa: F401 - a fixture

from tutelage.results.comparison import Comparison, Scores, compare_scores
from tutelage.results.examples import Answer, Example, Examples, write_examples
from tutelage.results.predictions import PREDICTIONS, Predictions, write_predictions
from tutelage.tasks import TASKS, SingleLabel

HOSTILE = "<b class=\"x\">$\\frac$ & 'quoted'</b>"
STL = {0: 0.70, 1: 0.72, 2: 0.71}


@pytest.fixture(name="scores")
def _scores() -> Callable[..., Scores]:
    return scores


@pytest.fixture(name="table")
def _table() -> Callable[..., Comparison]:
    return table


def scores(method: str, accuracies: dict[int, float], **changes: object) -> Scores:
    row = {"student": "vit", "fraction": 1.0, "teachers": (), "settings": {}} | changes
    return Scores(method=method, values=accuracies, **row)


def table(*rows: Scores) -> Comparison:
    return compare_scores(
        rows,
        name="flowers",
        data="folder:flowers",
        evaluated="test",
        tuned=False,
        metric=SingleLabel.metric(),
    )


@pytest.fixture
def plain() -> Comparison:
    """Standard fine-tuning, one method that finished, one that did not."""
    return table(
        scores("stl", STL),
        scores(
            "aft",
            {seed: accuracy + 0.03 for seed, accuracy in STL.items()},
            teachers=("dino",),
            settings={"beta": 3.0},
            probe=0.81,
        ),
        scores("kd", {}, teachers=("dino",), failures=dict.fromkeys(STL, "the loss is 1 | nan"), probe=0.81),
    )  # fmt: skip


@pytest.fixture
def wide() -> Comparison:
    """Two shares of the rows, three sets of teachers."""
    sets = {("dino",): 0.80, ("clip",): 0.85, ("dino", "clip"): 0.90}
    return table(
        *(
            row
            for fraction in (1.0, 0.1)
            for row in (
                scores("stl", STL, fraction=fraction),
                *(
                    scores(
                        "aft",
                        {s: a + 0.1 * (probe - 0.7) * fraction for s, a in STL.items()},
                        fraction=fraction,
                        teachers=names,
                        settings={"beta": 10.0, "lr": 1e-3},
                        probe=probe,
                    )
                    for names, probe in sets.items()
                ),
            )
        )
    )


@pytest.fixture
def write_work(write_run) -> Callable[..., Path]:
    """A function that writes a run with predictions and examples of its evaluated rows."""

    def write(
        folder: Path,
        outputs: Tensor,
        labels: Tensor,
        *,
        names: Sequence[str],
        task: str = "single-label",
        examples: Examples | None = None,
        rows: int | None = None,
        **changes: object,
    ) -> Path:
        metric = TASKS[task].metric().name
        run = write_run(
            folder,
            task=task,
            metric=metric,
            classes=list(names),
            files={PREDICTIONS: "its digest is in the file"},
            **({"metrics": {"train": {metric: 0.9}, "test": {metric: 0.7}}} | changes),
        )
        ids = tuple(f"test/{row:05}.jpg" for row in range(len(labels)))
        write_predictions(run, Predictions("test", ids, outputs, labels, rows or len(labels)))
        if examples is not None:
            write_examples(run, examples)
        return run

    return write


@pytest.fixture(scope="session")
def some_examples() -> Examples:
    """Pictures and texts of whoever made the data, with names that are no HTML."""
    file = io.BytesIO()
    Image.new("RGB", (120, 160), (12, 110, 102)).save(file, "JPEG")
    picture = base64.b64encode(file.getvalue()).decode()
    wrong = tuple(
        Example(
            id=f"test/{'folder' * 12}/{number}.jpg",
            split="test",
            answers=(
                Answer(name=HOSTILE, label=1, student=0.004, teachers=0.91),
                Answer(name="unbroken" * 9, label=0, student=0.97, teachers=0.02),
            ),
            picture=picture,
        )
        for number in range(24)
    )
    doubted = tuple(
        Example(
            id=f"row {number}",
            split="train",
            answers=(
                Answer(name=HOSTILE, label=1, teachers=0.03),
                Answer(name="other", label=0, teachers=0.96),
            ),
            texts=(f"{HOSTILE} and " * 12, "unbroken" * 30, "שלום"),
        )
        for number in range(8)
    )
    return Examples(
        split="test",
        evaluated=600,
        wrong=wrong,
        wrong_rows=130,
        doubted=doubted,
        doubted_rows={"train": 31},
        checked_rows={"train": 1000},
        notes=("The view of mpnet on the test rows is not shown.",),
    )
