"""B-Tuning against its definition in plain floats, with posterior means by Gaussian elimination."""

import math

import pytest
import torch

from tutelage.regularizers import BTuning


def test_it_is_its_definition(draw, evidence, reference_evidences):
    labels = torch.arange(40) % 3
    good = torch.eye(3)[labels].repeat(1, 2) + 0.3 * draw(40, 6).float()
    poor = draw(40, 3).float()
    begun = draw(40, 4).float()
    some = labels.clone()
    some[30:] = -100
    term = BTuning(4, {"good": 6, "poor": 3}, classes=3)
    term.prepare(evidence({"good": good, "poor": poor}, some, student=begun))
    targets = torch.eye(3)[labels[:30]]
    good_evidences, good_means = reference_evidences(good[:30], targets)
    poor_evidences, poor_means = reference_evidences(poor[:30], targets)
    _, begun_means = reference_evidences(begun[:30], targets)
    odds = math.exp((sum(poor_evidences) - sum(good_evidences)) / 3 / 0.1)
    shares = [1 / (1 + odds), odds / (1 + odds)]
    assert term.shares.tolist() == pytest.approx(shares, rel=1e-4, abs=1e-7)
    assert shares[0] > 0.9

    student = draw(5, 4)
    total = 0.0
    for i in range(5):
        for c in range(3):
            ours = sum(x * m for x, m in zip(student[i].tolist(), begun_means[c], strict=True))
            theirs = sum(
                share * sum(x * m for x, m in zip(rows[i].tolist(), means[c], strict=True))
                for share, rows, means in (
                    (shares[0], good, good_means),
                    (shares[1], poor, poor_means),
                )
            )
            total += (ours - theirs) ** 2
    value = term(student.float(), {"poor": poor[:5], "good": good[:5]})
    assert value.item() == pytest.approx(total / 15, rel=1e-4)


def test_temperature_evens_the_shares_out(draw, evidence):
    labels = torch.arange(40) % 3
    features = {
        "good": torch.eye(3)[labels] + 0.3 * draw(40, 3).float(),
        "poor": draw(40, 3).float(),
    }
    shares = []
    for temperature in (0.01, 0.1, 1e6):
        term = BTuning(4, {"good": 3, "poor": 3}, classes=3, temperature=temperature)
        term.prepare(evidence(features, labels, student=draw(40, 4).float()))
        shares.append(term.shares[0].item())
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(0.5, abs=1e-5)


def test_nothing_is_learned_beside_the_student():
    assert not list(BTuning(4, [3], classes=2).parameters())


def test_blocks_of_rows_give_what_one_gives(draw, evidence, monkeypatch):
    labels = torch.arange(40) % 3
    features, student = {"a": draw(40, 5).float()}, draw(40, 4).float()
    terms = []
    for rows in (4096, 7):
        monkeypatch.setattr("tutelage.regularizers.btuning.ROWS", rows)
        terms.append(BTuning(4, {"a": 5}, classes=3))
        terms[-1].prepare(evidence(features, labels, student=student))
    for name, buffer in terms[0].named_buffers():
        torch.testing.assert_close(terms[1].get_buffer(name), buffer)


def test_wrong_use_is_named(evidence):
    with pytest.raises(ValueError, match=r"must be positive, got 0 and 0\.1"):
        BTuning(4, [3], classes=0)
    with pytest.raises(ValueError, match="must be positive, got 2 and 0"):
        BTuning(4, [3], classes=2, temperature=0)
    with pytest.raises(ValueError, match="expected 2 classes, got 3"):
        BTuning(4, {"a": 3}, classes=2).prepare(
            evidence({"a": torch.ones(5, 3)}, torch.zeros(5).long())
        )
    with pytest.raises(ValueError, match="needs labelled training rows"):
        BTuning(4, {"a": 3}, classes=3).prepare(
            evidence({"a": torch.ones(5, 3)}, torch.full((5,), -100))
        )


@pytest.mark.parametrize("marks", [True, False], ids=["several labels", "targets"])
def test_columns_of_labels_are_taken_as_they_are(draw, evidence, reference_evidences, marks):
    labels = (draw(40, 2) > 0).float() if marks else draw(40, 2).float()
    features = labels.repeat(1, 2) + 0.3 * draw(40, 4).float()
    begun = draw(40, 3).float()
    some = labels.clone()
    some[30:, 1] = math.nan  # rows that lack a label are left out
    term = BTuning(3, {"only": 4}, classes=2)
    term.prepare(evidence({"only": features}, some, classes=2, student=begun))
    _, means = reference_evidences(features[:30], labels[:30])
    assert torch.allclose(term.teacher_means.double(), torch.tensor(means).double(), rtol=1e-3)
