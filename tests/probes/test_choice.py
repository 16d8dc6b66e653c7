"""C by hold-out, and what is scored then."""

import math

import pytest
import torch
from sklearn.datasets import load_digits

from tutelage.errors import DataError
from tutelage.probes import HoldoutProbe, choice, fit_probe, linear_probe, probe_holdout
from tutelage.probes.draws import drawn_holdout
from tutelage.probes.fit import ProbeProblem
from tutelage.tasks import SingleLabel

UNLABELLED = -100


@pytest.fixture(scope="module")
def digits():
    features, labels = load_digits(return_X_y=True)
    return torch.from_numpy(features).float(), torch.from_numpy(labels).long()


def test_the_best_of_the_grid_is_refitted_on_all_rows(digits):
    features, labels = digits
    train, test = slice(None, 1200), slice(1200, None)
    probe = linear_probe(
        features[train], labels[train], test_features=features[test], test_labels=labels[test]
    )
    held = drawn_holdout(labels[train], share=0.1, seed=0)
    without = labels[train].index_fill(0, held, UNLABELLED)
    best = {}
    for c in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0):
        fitted = fit_probe(features[train], without, task=SingleLabel.numbered(10), c=c)
        right = fitted.predict(features[train][held]) == labels[train][held]
        best[c] = right.double().mean().item()
    # A row or two may lie on the other side: fits begin elsewhere.
    assert best[probe.c] >= max(best.values()) - 2 / 120
    assert probe.holdout_score == pytest.approx(best[probe.c], abs=2 / 120)
    full = fit_probe(features[train], labels[train], task=SingleLabel.numbered(10), c=probe.c)
    accuracy = (full.predict(features[test]) == labels[test]).double().mean().item()
    assert probe.score == pytest.approx(accuracy, abs=0.002)
    assert probe.score > 0.9
    right = (597 * probe.score + 2) / 601  # two right and two wrong rows are added
    assert probe.error == pytest.approx(math.sqrt(right * (1 - right) / 601))
    p = probe.holdout_score
    right = (120 * p + 2) / 124
    assert probe.holdout_error == pytest.approx(math.sqrt(right * (1 - right) / 124))


def test_the_holdout_alone_says_the_same_without_test_rows(digits):
    features, labels = digits
    alone = probe_holdout(features, labels, seed=3)
    both = linear_probe(
        features, labels, test_features=features[:10], test_labels=labels[:10], seed=3
    )
    assert alone == HoldoutProbe(
        c=both.c, holdout_score=both.holdout_score, holdout_error=both.holdout_error
    )
    assert alone == probe_holdout(features, labels, seed=3)


def test_test_rows_choose_nothing(digits):
    features, labels = digits
    train, test = slice(None, 500), slice(500, 900)
    seen = [
        linear_probe(
            features[train], labels[train], test_features=features[test], test_labels=given
        )
        for given in (labels[test], (labels[test] + 1) % 10)
    ]
    assert seen[0].c == seen[1].c
    assert seen[0].holdout_score == seen[1].holdout_score
    assert seen[0].score > 0.75
    assert seen[1].score < 0.1


@pytest.mark.parametrize(
    ("best", "tried"),
    [
        (0, [-4, -3, -2, -1, 0, 1]),
        (2, [-4, -3, -2, -1, 0, 1, 2, 3]),
        (4, [-4, -3, -2, -1, 0, 1, 2, 3, 4]),
        (-3, [-4, -3, -2, -1, 0]),
        (-4, [-4, -3, -2, -1, 0, -5]),
        (-6, [-4, -3, -2, -1, 0, -5, -6, -7]),
    ],
)
def test_the_grid_goes_on_as_long_as_that_helps(digits, monkeypatch, best, tried):
    visited = []
    fit = choice.ProbeProblem.fit

    def noted(self, c, **more):
        visited.append(round(math.log10(c)))
        return fit(self, 1e-4, **more)

    monkeypatch.setattr(choice.ProbeProblem, "fit", noted)
    monkeypatch.setattr(SingleLabel, "score", lambda *_: 1 - abs(visited[-1] - best) / 100)
    found = probe_holdout(digits[0][:200], digits[1][:200])
    assert visited == tried
    assert found.c == pytest.approx(10.0**best)


def test_of_equals_the_stronger_penalty(digits, monkeypatch):
    monkeypatch.setattr(SingleLabel, "score", lambda *_: 0.5)
    assert probe_holdout(digits[0][:200], digits[1][:200]).c == 1e-4


def test_rows_without_a_label_are_left_out_on_both_sides(digits):
    features, labels = digits
    train, test = slice(None, 600), slice(600, 900)
    alone = linear_probe(
        features[train], labels[train], test_features=features[test], test_labels=labels[test]
    )
    more = torch.cat([features, features + 5])
    unknown = torch.full((len(features),), UNLABELLED)
    among = linear_probe(
        torch.cat([features[train], more]),
        torch.cat([labels[train], unknown, unknown]),
        test_features=torch.cat([features[test], more]),
        test_labels=torch.cat([labels[test], unknown, unknown]),
    )
    assert among == alone


def test_weights_reach_every_fit(digits):
    features, labels = digits
    weights = torch.zeros(64)
    weights[20:22] = 1.0
    two = probe_holdout(features, labels, weights=weights)
    assert two.holdout_score < 0.5 < probe_holdout(features, labels).holdout_score


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_scored_is_said(digits):
    features, labels = digits
    one = torch.zeros(len(labels), dtype=torch.int64)
    with pytest.raises(DataError, match="at least two classes"):
        probe_holdout(features, one)
    with pytest.raises(DataError, match="at least two classes"):
        probe_holdout(features[:0], one[:0])
    with pytest.raises(DataError, match="no row of class 10 of 11"):
        probe_holdout(features, labels, task=SingleLabel.numbered(11))
    single = labels.clone()
    single[0] = 10
    with pytest.raises(DataError, match="class '10' has a single row"):
        probe_holdout(features, single)
    with pytest.raises(DataError, match="no row to score has a label"):
        linear_probe(
            features, labels, test_features=features[:2], test_labels=torch.tensor([-100, -100])
        )
    with pytest.raises(DataError, match="2 rows of features to score but 3 labels"):
        linear_probe(features, labels, test_features=features[:2], test_labels=labels[:3])


def test_after_probes_of_parts_it_finds_the_same_in_fewer_passes(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(1500) % 10
    means = 0.2 * torch.randn(10, 96, generator=generator)
    features = means[labels] + torch.randn(1500, 96, generator=generator)
    train, test = slice(None, 1000), slice(1000, None)
    passes: list[float] = []
    plain = ProbeProblem.objective

    def counted(self, point, *, c):
        passes.append(c)
        return plain(self, point, c=c)

    def probed(columns, **options):
        passes.clear()
        found = linear_probe(
            columns[train],
            labels[train],
            test_features=columns[test],
            test_labels=labels[test],
            **options,
        )
        return found, len(passes)

    monkeypatch.setattr(ProbeProblem, "objective", counted)
    parts = [probed(columns)[0] for columns in (features[:, :48], features[:, 48:])]
    cold, many = probed(features)
    warm, few = probed(features, after=parts)
    assert few < 0.5 * many
    assert warm.holdout_score == pytest.approx(cold.holdout_score, abs=0.01)
    assert warm.score == pytest.approx(cold.score, abs=0.01)
