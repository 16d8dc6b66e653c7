"""LogME against the definition of the evidence, by the Gaussian elimination of ``conftest.py``."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tutelage.regularizers.logme import LogME, Moments, logme


def one_hot(rows: int, classes: int) -> Tensor:
    return torch.eye(classes, dtype=torch.float64)[torch.arange(rows) % classes]


def draw(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def check(reference_evidences):
    def compare(found: LogME, features: Tensor, targets: Tensor) -> None:
        evidences, means = reference_evidences(features, targets)
        assert found.evidences.tolist() == pytest.approx(evidences, rel=1e-7)
        assert found.score == pytest.approx(sum(evidences) / len(evidences), rel=1e-7)
        for row, mean in zip(found.means.tolist(), means, strict=True):
            assert row == pytest.approx(mean, rel=1e-6, abs=1e-9)

    return compare


@pytest.mark.parametrize(
    ("rows", "width", "classes"), [(30, 4, 3), (12, 11, 2), (9, 9, 3), (7, 12, 3), (2, 1, 2)]
)
def test_it_is_its_definition(check, rows, width, classes):
    features, targets = draw(rows, width) + 1, one_hot(rows, classes)
    check(logme(Moments.of([(features, targets)])), features, targets)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_columns_may_repeat_and_have_any_scale(check, scale):
    features = scale * draw(20, 3)
    features = torch.cat([features, features[:, :2], torch.zeros(20, 1)], dim=1)
    targets = one_hot(20, 4)
    check(logme(Moments.of([(features, targets)])), features, targets)


@pytest.mark.parametrize(("rows", "width"), [(30, 8), (12, 12), (9, 40)])
def test_the_comparable_score_counts_every_column(rows, width):
    """Against the determinant and the inverse of the whole matrix, with numpy."""
    features, targets = draw(rows, width).numpy(), one_hot(rows, 3).numpy()
    gram, evidences = features.T @ features, []
    for target in targets.T:
        alpha = beta = 1.0
        for _ in range(11):
            inverse = np.linalg.inv(alpha * np.eye(width) + beta * gram)
            mean = beta * inverse @ features.T @ target
            error = ((target - features @ mean) ** 2).sum()
            gamma = width - alpha * np.trace(inverse)
            before = alpha / beta
            alpha, beta = gamma / (mean @ mean + 1e-5), (rows - gamma) / (error + 1e-5)
            if abs(alpha / beta - before) / before <= 1e-3:
                break
        _, determinant = np.linalg.slogdet(alpha * np.eye(width) + beta * gram)
        whole = width * np.log(alpha) + rows * np.log(beta / (2 * np.pi)) - determinant
        evidences.append((whole - beta * error - alpha * mean @ mean) / 2 / rows)
    found = logme(Moments.of([(torch.from_numpy(features), torch.from_numpy(targets))]))
    assert found.comparable_score == pytest.approx(np.mean(evidences), rel=1e-6)
    assert (found.comparable_score == found.score) is (width <= rows)


def test_columns_of_noise_do_not_raise_the_comparable_score():
    targets = one_hot(60, 3)
    useful = targets @ draw(3, 10) + draw(60, 10)
    tells, noise = (logme(Moments.of([(f, targets)])) for f in (useful, draw(60, 400)))
    assert tells.comparable_score > noise.comparable_score + 0.1


def test_a_class_without_rows_counts_too(check):
    features, targets = draw(15, 4), torch.cat([one_hot(15, 2), torch.zeros(15, 1)], dim=1)
    check(logme(Moments.of([(features, targets)])), features, targets)


def test_evidence_of_seeded_features_is_what_it_was():
    # Computed once by reference_evidence (conftest.py), from features any version of PyTorch repeats.
    tall = torch.arange(48, dtype=torch.float64).reshape(12, 4).sin()
    wide = torch.arange(24, dtype=torch.float64).reshape(4, 6).sin()
    found = logme(Moments.of([(tall, one_hot(12, 3))]))
    assert found.evidences.tolist() == pytest.approx(
        [-0.7781084767663873, -0.8126040950859409, -0.7816127450742938], rel=1e-9
    )
    assert found.score == pytest.approx(-0.7907751056422073, rel=1e-9)
    found = logme(Moments.of([(wide, one_hot(4, 3))]))
    assert found.score == pytest.approx(0.432759551495782, rel=1e-6)


def test_blocks_and_dtypes_do_not_matter():
    features, targets = draw(40, 7).half(), one_hot(40, 3)
    once = logme(Moments.of([(features, targets)]))
    blocks = zip(features.split(9), targets.long().split(9), strict=True)
    assert logme(Moments.of(blocks)).score == pytest.approx(once.score, rel=1e-12)


def test_strips_of_columns_do_not_matter(monkeypatch):
    features, targets = draw(40, 7), one_hot(40, 3)
    monkeypatch.setattr("tutelage.regularizers.logme.STRIP", 3)
    moments = Moments.of([(features, targets)])
    torch.testing.assert_close(moments.gram, features.T @ features, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(moments.cross, features.T @ targets)
    torch.testing.assert_close(moments.squares, targets.sum(dim=0))
    assert moments.rows == 40


def test_one_pass_scores_teachers_alone_and_together():
    features, targets = draw(40, 9), one_hot(40, 3)
    together = Moments.of(zip(features.split(16), targets.split(16), strict=True))
    for columns in ([0, 1, 2, 3], [4, 5, 6, 7, 8], [0, 8, 3], list(range(9))):
        alone = logme(Moments.of([(features[:, columns], targets)]))
        chosen = logme(together.select(torch.tensor(columns)))
        assert chosen.score == pytest.approx(alone.score, rel=1e-10)
        torch.testing.assert_close(chosen.means, alone.means)


def test_features_that_know_the_labels_score_higher():
    targets = one_hot(60, 3)
    useful = targets @ draw(3, 5) + 0.1 * draw(60, 5)
    scores = [logme(Moments.of([(f, targets)])).score for f in (useful, draw(60, 5))]
    assert scores[0] > scores[1] + 0.5


def test_nothing_to_score_is_named():
    with pytest.raises(ValueError, match="there are none"):
        Moments.of([])
    with pytest.raises(ValueError, match="there are none"):
        Moments.of([(torch.ones(0, 3), torch.ones(0, 2))])
    with pytest.raises(ValueError, match="all zero"):
        logme(Moments.of([(torch.zeros(4, 3), one_hot(4, 2))]))
