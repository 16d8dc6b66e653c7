"""A probe against scikit-learn in float64, run to its optimum, and against plain formulas."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from on_metal import MPS, Metal
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from tutelage.cache import FeatureKey, FeatureStore, JoinedTable, table
from tutelage.errors import ConfigError, DataError
from tutelage.probes import fit_probe, standardize
from tutelage.probes.fit import ProbeProblem
from tutelage.tasks import MultiLabel, Regression, SingleLabel

UNLABELLED = -100


@pytest.fixture(scope="module")
def digits():
    """1,797 pictures as 64 columns, of which some never vary."""
    features, labels = load_digits(return_X_y=True)
    return torch.from_numpy(features).float(), torch.from_numpy(labels).long()


def reference(features, labels, *, c, weights=None):
    """Scikit-learn's optimum in float64: its model, and what it was fitted on."""
    x = features.double().numpy()
    deviation = x.std(axis=0)
    columns = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    if weights is not None:
        columns = columns * weights.double().numpy()
    model = LogisticRegression(C=c, tol=1e-9, max_iter=10_000).fit(columns, labels.numpy())
    return model, columns


def plain_objective(weight, bias, columns, labels, *, c):
    """The definition, row by row in plain floats; shares no code with the library."""
    loss = 0.0
    for row, label in zip(columns, labels.tolist(), strict=True):
        scores = [
            sum(a * b for a, b in zip(row, line, strict=True)) + shift
            for line, shift in zip(weight.tolist(), bias.tolist(), strict=True)
        ]
        loss += math.log(sum(math.exp(score) for score in scores)) - scores[label]
    return c * loss + sum(number**2 for line in weight.tolist() for number in line) / 2


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
def test_same_loss_and_accuracy_as_the_optimum(digits, c):
    features, labels = digits
    train, test = slice(None, 1200), slice(1200, None)
    probe = fit_probe(features[train], labels[train], task=SingleLabel.numbered(10), c=c)
    model, columns = reference(features[train], labels[train], c=c)
    best = plain_objective(model.coef_, model.intercept_, columns, labels[train], c=c)
    found = plain_objective(probe.weight, probe.bias, columns, labels[train], c=c)
    assert best * (1 - 1e-6) <= found <= best * (1 + 1e-4)
    shifted = ((features[test] - probe.mean) / probe.scale).numpy()
    agreed = model.predict(shifted) == probe.predict(features[test]).numpy()
    assert agreed.mean() > 0.998


@pytest.mark.parametrize("c", [1e-3, 1e-1])
def test_same_probabilities_at_the_optimum(digits, c):
    features, labels = digits
    regression = ProbeProblem(features, labels, task=SingleLabel.numbered(10))
    probe = regression.fit(c, tolerance=1e-10)
    model, columns = reference(features, labels, c=c)
    assert np.allclose(
        probe.outputs(features).softmax(dim=1), model.predict_proba(columns), atol=1e-4
    )


def test_two_classes_are_scikit_learns_at_twice_c(digits):
    features, labels = digits
    chosen = (labels == 3) | (labels == 8)
    features, labels = features[chosen], (labels[chosen] == 8).long()
    probe = ProbeProblem(features, labels, task=SingleLabel.numbered(2)).fit(1e-2, tolerance=1e-10)
    model, columns = reference(features, labels, c=2e-2)
    assert np.allclose(
        probe.outputs(features).softmax(dim=1), model.predict_proba(columns), atol=1e-4
    )


def test_gradient_is_the_objectives(digits):
    features, labels = digits
    regression = ProbeProblem(features[:200], labels[:200], task=SingleLabel.numbered(10))
    point = 0.1 * torch.randn(650, generator=torch.Generator().manual_seed(0))
    point = point.to(regression.device)
    _, gradient = regression.objective(point, c=0.01)
    for place in (2, 212, 619, 640, 649):
        step = torch.zeros_like(point)
        step[place] = 0.05
        above, below = (regression.objective(point + sign * step, c=0.01)[0] for sign in (1, -1))
        assert gradient[place].item() == pytest.approx((above - below) / 0.1, abs=2e-4)


def test_objective_is_the_definition(digits):
    features, labels = digits[0][:100], digits[1][:100]
    regression = ProbeProblem(features, labels, task=SingleLabel.numbered(10))
    point = 0.1 * torch.randn(650, generator=torch.Generator().manual_seed(0))
    _, columns = reference(features, labels, c=1e-4)
    expected = plain_objective(point[:640].view(10, 64), point[640:], columns, labels, c=0.3)
    assert regression.objective(point.to(regression.device), c=0.3)[0] == pytest.approx(
        expected, rel=1e-5
    )


@pytest.fixture
def cached(digits, tmp_path):
    """The digits in a feature store; float16 holds them exactly."""
    features, labels = digits
    ids = [str(number) for number in range(len(features))]
    key = FeatureKey({"source": "digits"}, split="train", rows=len(ids), content="0")
    store = FeatureStore(tmp_path)
    with store.writer(key, ids=ids, width=64) as writer:
        for part in list(writer.missing):
            rows = writer.layout.part(part)
            writer.write(part, features[rows.start : rows.stop])
        writer.finish()
    return JoinedTable({"digits": store.open(key, ids)}, ids), labels


def test_blocks_read_again_equal_what_is_held(digits, cached, monkeypatch):
    held = fit_probe(*digits, task=SingleLabel.numbered(10), c=0.01)
    monkeypatch.setattr(standardize, "HOLD_UP_TO", 0)
    monkeypatch.setattr(table, "BLOCK_ROWS", 100)
    rows, labels = cached
    read = fit_probe(rows, labels, task=SingleLabel.numbered(10), c=0.01)
    assert torch.allclose(read.mean, held.mean)
    assert torch.allclose(read.outputs(rows), held.outputs(digits[0]), atol=0.01)
    regression = ProbeProblem(rows, labels, task=SingleLabel.numbered(10))
    assert sum(map(len, regression._columns.blocks())) == 1797
    assert max(map(len, regression._columns.blocks())) == 100
    assert not regression._columns._held


def test_weights_multiply_standardized_columns(digits):
    features, labels = digits
    weights = torch.rand(64, generator=torch.Generator().manual_seed(0))
    weights[::7] = 0
    regression = ProbeProblem(features, labels, task=SingleLabel.numbered(10), weights=weights)
    weighted = regression.fit(0.01, tolerance=1e-10)
    model, columns = reference(features, labels, c=0.01, weights=weights)
    assert np.allclose(
        weighted.outputs(features).softmax(dim=1), model.predict_proba(columns), atol=1e-4
    )
    nothing_of = features.clone()
    nothing_of[:, ::7] = 100 * torch.randn_like(nothing_of[:, ::7])
    assert torch.equal(weighted.outputs(nothing_of), weighted.outputs(features))
    plain = fit_probe(features, labels, task=SingleLabel.numbered(10), c=0.01)
    assert not torch.allclose(plain.outputs(features), weighted.outputs(features), atol=0.1)


def test_rows_without_a_label_change_nothing(digits):
    features, labels = digits[0].clone(), digits[1].clone()
    labels[::3] = UNLABELLED
    known = labels != UNLABELLED
    alone = fit_probe(features[known], labels[known], task=SingleLabel.numbered(10), c=0.01)
    features[~known] *= 1000
    among = fit_probe(features, labels, task=SingleLabel.numbered(10), c=0.01)
    for name in ("weight", "bias", "mean", "scale"):
        assert torch.equal(getattr(alone, name), getattr(among, name))


def test_columns_are_standardized_whatever_their_scale(digits):
    features, labels = digits
    plain = fit_probe(features, labels, task=SingleLabel.numbered(10), c=0.01)
    stretched = 50 * features * (1 + torch.arange(64)) + 1000
    other = fit_probe(stretched, labels, task=SingleLabel.numbered(10), c=0.01)
    assert torch.allclose(plain.outputs(features), other.outputs(stretched), atol=0.01)


def test_a_column_that_only_rounding_moves_is_left_out(digits):
    features, labels = digits[0].clone(), digits[1]
    features[:, 0] = 0.1
    probe = fit_probe(features, labels, task=SingleLabel.numbered(10), c=0.01)
    assert torch.allclose(probe.weight[:, 0], torch.zeros(10), atol=1e-6)
    assert probe.scale[0] == 1


def test_a_start_changes_the_way_not_the_goal(digits):
    regression = ProbeProblem(*digits, task=SingleLabel.numbered(10))
    passes = []
    objective = regression.objective
    regression.objective = lambda at, *, c: passes.append(c) or objective(at, c=c)
    cold = regression.fit(0.1, tolerance=1e-8)
    of_cold = len(passes)
    warm = regression.fit(0.1, start=cold, tolerance=1e-7)
    assert len(passes) - of_cold <= 2
    assert torch.allclose(cold.outputs(digits[0]), warm.outputs(digits[0]), atol=0.05)
    before = len(passes)
    near = regression.fit(0.1, start=regression.fit(0.08, tolerance=1e-8), tolerance=1e-8)
    assert len(passes) - before < 2 * of_cold
    assert torch.allclose(
        cold.outputs(digits[0]).softmax(1), near.outputs(digits[0]).softmax(1), atol=1e-3
    )


def test_repeats_bit_for_bit(digits):
    first, second = (fit_probe(*digits, task=SingleLabel.numbered(10), c=0.01) for _ in range(2))
    assert torch.equal(first.weight, second.weight)


def test_half_precision_and_more_columns_than_rows():
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    features = torch.randn(60, 300, generator=draw).half()
    features[torch.arange(60), labels] += 4
    probe = ProbeProblem(features, labels, task=SingleLabel.numbered(3)).fit(0.01, tolerance=1e-10)
    model, columns = reference(features, labels, c=0.01)
    assert np.allclose(
        probe.outputs(features).softmax(dim=1), model.predict_proba(columns), atol=1e-4
    )


@dataclass
class Wrong:
    said: str
    error: type = DataError
    rows: int = 6
    labels: tuple = (0, 1, 2, 0, 1, 2)
    c: float = 1.0
    weights: tuple | None = None
    spoilt: float | None = None
    classes: int = 3


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong("6 rows of features but 3 labels", labels=(0, 1, 2)),
        Wrong("got 0 to 3", labels=(0, 1, 2, 0, 1, 3)),
        Wrong("got -1 to 2", labels=(0, 1, 2, 0, 1, -1)),
        Wrong("no row of class 3 and 1 more of 5", classes=5),
        Wrong("at least two classes; the 6 labelled rows have 1", labels=(0,) * 6),
        Wrong("at least two classes; the 0 labelled rows have 0", labels=(UNLABELLED,) * 6),
        Wrong("row 4 has nan in column 1", spoilt=math.nan),
        Wrong("row 4 has -inf in column 1", spoilt=-math.inf),
        Wrong("must be above 0; got 0", c=0.0, error=ConfigError),
        Wrong("must be above 0; got nan", c=math.nan, error=ConfigError),
        Wrong("one a column; got \\[3\\]", weights=(1.0, 1.0, 1.0), error=ConfigError),
        Wrong("from -1 to 1", weights=(1.0, -1.0), error=ConfigError),
    ],
    ids=lambda wrong: wrong.said,
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_fitted_is_said(wrong):
    features = torch.randn(wrong.rows, 2)
    if wrong.spoilt is not None:
        features[4, 1] = wrong.spoilt
    with pytest.raises(wrong.error, match=wrong.said):
        fit_probe(
            features,
            torch.tensor(wrong.labels),
            task=SingleLabel.numbered(wrong.classes),
            c=wrong.c,
            weights=None if wrong.weights is None else torch.tensor(wrong.weights),
        )


@pytest.mark.usefixtures("unchecked")
def test_rows_to_score_must_fit_the_probe(digits):
    probe = fit_probe(*digits, task=SingleLabel.numbered(10), c=0.01)
    with pytest.raises(DataError, match="64 columns, and these rows have 3"):
        probe.predict(torch.randn(2, 3))
    spoilt = digits[0][:5].clone()
    spoilt[3, 7] = math.nan
    with pytest.raises(DataError, match="row 3"):
        probe.outputs(spoilt)
    with pytest.raises(DataError, match=r"\[rows, width\], got torch.int64 \[2, 64\]"):
        probe.outputs(torch.zeros(2, 64, dtype=torch.int64))


@pytest.mark.parametrize("kind", ["single-label", "multi-label", "regression"])
def test_a_device_without_float64_suffices(kind):
    rows = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    labels, task = {
        "single-label": ((rows[:, :2] > 0).sum(dim=1), SingleLabel.numbered(3)),
        "multi-label": ((rows[:, :3] > 0).float(), MultiLabel.numbered(3)),
        "regression": (3 * rows[:, :2] + 1, Regression.of(("a", "b"), 3 * rows[:, :2] + 1)),
    }[kind]
    with Metal():
        found = fit_probe(rows, labels, task=task, c=1.0, device=MPS)
    expected = fit_probe(rows, labels, task=task, c=1.0, device=torch.device("cpu"))
    torch.testing.assert_close(found.weight, expected.weight)
    torch.testing.assert_close(found.bias, expected.bias)
