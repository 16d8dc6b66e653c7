"""Comparisons that the tests of tables, charts and LaTeX share."""

from collections.abc import Callable

import pytest

from tutelage.results.comparison import Comparison, Scores, compare_scores
from tutelage.tasks import SingleLabel

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
