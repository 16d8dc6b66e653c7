"""The rule that says which teachers to keep and whether transfer is likely to help."""

import math

import pytest

from tutelage.sweeps.advice import Candidate, Score, advise
from tutelage.tasks import Regression


def candidate(*teachers: str, probe: float, columns: int = 100, error: float = 0.01) -> Candidate:
    return Candidate(
        teachers=teachers,
        columns=columns,
        bytes=0,
        parameters=None,
        logme=0.0,
        probe=Score(value=probe, error=error),
    )


def test_the_smallest_set_within_one_error_of_the_highest_is_kept():
    a, b = candidate("a", probe=0.80), candidate("b", probe=0.70)
    both = candidate("a", "b", probe=0.805, columns=200)
    keep, advice = advise([both, a, b], student=None, fine_tuned=None)
    assert keep == ("a",)
    assert "within one standard error" in advice[0]
    better = candidate("a", "b", probe=0.83, columns=200)
    assert advise([better, a, b], student=None, fine_tuned=None)[0] == ("a", "b")
    narrow = candidate("c", probe=0.80, columns=50)
    assert advise([a, narrow], student=None, fine_tuned=None)[0] == ("c",)


@pytest.mark.parametrize(
    ("student", "fine_tuned", "expected"),
    [
        (None, 0.70, "is likely to help"),
        (None, 0.78, "is unlikely to help"),  # above, but within two errors of the difference
        (None, 0.85, "is unlikely to help"),
        (0.60, None, "may help"),
        (0.79, None, "is unlikely to help"),
        (0.60, 0.85, "is unlikely to help"),  # fine-tuned counts, not the student's probe
        (None, None, "may help"),
    ],
)
def test_whether_transfer_is_likely_to_help(student, fine_tuned, expected):
    def score(accuracy: float | None) -> Score | None:
        return None if accuracy is None else Score(value=accuracy, error=0.01)

    _, advice = advise(
        [candidate("a", probe=0.80)], student=score(student), fine_tuned=score(fine_tuned)
    )
    assert expected in advice[1]


def test_the_kept_teachers_count_and_not_the_best_ones():
    best = candidate("a", "b", probe=0.805, columns=200)
    kept = candidate("a", probe=0.80)
    fine_tuned = Score(value=0.775, error=0.01)  # the best are clearly above; the kept are not
    assert best.probe.clearly_above(fine_tuned)
    _, advice = advise([best, kept], student=None, fine_tuned=fine_tuned)
    assert "is unlikely to help" in advice[1]


def test_without_an_error_only_the_highest_is_kept():
    def exact(name: str, probe: float) -> Candidate:
        score = Score(value=probe, error=None)
        return candidate(name, probe=probe, columns=1).model_copy(update={"probe": score})

    keep, advice = advise([exact("a", 0.8), exact("b", 0.8001)], student=None, fine_tuned=None)
    assert keep == ("b",)
    assert "within one standard error" not in advice[0]


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize(
    ("error", "other", "expected"),
    [
        (0.03, 0.04, math.sqrt(0.03**2 + 0.04**2)),
        (0.03, None, math.sqrt(2) * 0.03),
        (0.03, 0.0, 0.03),
        (None, 0.04, 0.04),
        (None, None, 0.0),
    ],
)
def test_clearly_is_two_standard_errors_of_the_difference(error, other, expected, above):
    difference = 2 * expected + (1e-6 if above else -1e-6)
    score = Score(value=0.5 + difference, error=error)
    assert score.clearly_above(Score(value=0.5, error=other)) is above


def test_scores_are_written_in_the_metrics_unit():
    assert str(Score(value=0.8123, error=0.0145)) == "81.2 ± 1.5 %"
    assert str(Score(value=0.8123, error=None)) == "81.2 %"
    assert str(Score(value=0.8123, error=0.0145, metric=Regression.metric())) == "0.812 ± 0.015"
