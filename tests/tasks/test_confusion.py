"""The confusion matrix against scikit-learn, and what stands out in it."""

import torch
from sklearn.metrics import confusion_matrix as sk_confusion

from tutelage.tasks import confusion_matrix, most_confused_classes, most_confused_pairs

DRAW = torch.Generator().manual_seed(0)
OUTPUTS = torch.randn(200, 6, generator=DRAW)
LABELS = torch.randint(5, (200,), generator=DRAW)  # the last class has no row


def test_the_matrix_is_that_of_scikit_learn():
    found = confusion_matrix(OUTPUTS, LABELS)
    theirs = sk_confusion(LABELS, OUTPUTS.argmax(dim=1), labels=range(6))
    assert found.tolist() == theirs.tolist()


def test_rows_without_a_label_are_left_out():
    labels = torch.where(torch.arange(200) % 2 == 0, LABELS, -100)
    assert torch.equal(
        confusion_matrix(OUTPUTS, labels), confusion_matrix(OUTPUTS[::2], LABELS[::2])
    )


def test_the_largest_pairs_come_first():
    matrix = torch.tensor([[5, 3, 0], [1, 1, 0], [3, 0, 97]])
    pairs = most_confused_pairs(matrix, most=10)
    assert [(pair.label, pair.given, pair.rows) for pair in pairs] == [
        (0, 1, 3),  # 3 of 8 rows, against 3 of 100
        (2, 0, 3),
        (1, 0, 1),
    ]
    assert pairs[0].share == 3 / 8
    assert most_confused_pairs(matrix, most=1) == pairs[:1]
    assert most_confused_pairs(torch.eye(3, dtype=torch.int64), most=4) == []


def test_classes_with_the_most_errors_either_way():
    matrix = torch.tensor([[50, 0, 0, 9], [0, 7, 1, 0], [0, 0, 8, 0], [1, 0, 0, 4]])
    assert most_confused_classes(matrix, most=2) == [0, 3]
    assert most_confused_classes(matrix, most=9) == [0, 1, 2, 3]
