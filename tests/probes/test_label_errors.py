"""Wrong labels are told by a probe that did not see them."""

import pytest
import torch

from tutelage.probes import cross_fitted
from tutelage.probes.label_errors import label_errors
from tutelage.tasks import SingleLabel


def reference(shares: list[list[float]], labels: list[int]) -> list[tuple[int, int]]:
    """Confident learning in loops: each row whose largest share above a threshold is not its label's."""
    classes = range(len(shares[0]))
    thresholds = [
        sum(row[k] for row, label in zip(shares, labels, strict=True) if label == k)
        / labels.count(k)
        for k in classes
    ]
    errors = []
    for number, (row, label) in enumerate(zip(shares, labels, strict=True)):
        sure = [k for k in classes if row[k] >= thresholds[k]]
        if sure and (best := max(sure, key=lambda k: row[k])) != label and row[best] > row[label]:
            errors.append((number, best))
    return errors


@pytest.mark.parametrize("seed", range(5))
def test_the_rows_are_those_of_the_definition(seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (60,), generator=generator)
    logits = torch.randn(60, 3, generator=generator) + 2 * torch.nn.functional.one_hot(labels, 3)
    shares = logits.double().softmax(dim=1).tolist()
    errors = label_errors(logits, labels)
    assert {(e.row, e.likelier) for e in errors} == set(reference(shares, labels.tolist()))
    margins = [e.likelier_share - e.share for e in errors]
    assert margins == sorted(margins, reverse=True)


def test_flipped_labels_are_found_among_overlapping_classes():
    generator = torch.Generator().manual_seed(0)
    truth = torch.arange(400) % 4
    rows = torch.randn(400, 8, generator=generator)
    rows[:, :4] += 5 * torch.nn.functional.one_hot(truth, 4)
    labels = truth.clone()
    flipped = torch.randperm(400, generator=generator)[:20]
    labels[flipped] = (labels[flipped] + 1) % 4
    logits = cross_fitted(rows, labels, task=SingleLabel.numbered(4), c=1.0)
    errors = label_errors(logits, labels)
    told = {e.row for e in errors}
    assert len(told & set(flipped.tolist())) >= 18
    assert len(told) <= 28
    right = [e for e in errors if e.row in set(flipped.tolist())]
    assert sum(e.likelier == truth[e.row] for e in right) >= 18
