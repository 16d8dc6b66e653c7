"""Batches within a budget, and the budget."""

import pytest
import torch
from small_teachers import ImageTeacher, TextTeacher, images, texts

from tutelage.extraction.batching import Budget, choose_budget, cut


def test_cut_holds_every_row_once_within_the_budget():
    costs = torch.randint(1, 300, (500,), generator=torch.Generator().manual_seed(0)).tolist()
    batches = cut(costs, Budget(rows=20, cost=900))
    assert sorted(index for batch in batches for index in batch) == list(range(500))
    for batch in batches:
        assert len(batch) <= 20
        assert len(batch) == 1 or len(batch) * max(costs[i] for i in batch) <= 900
    highest = [max(costs[i] for i in batch) for batch in batches]
    assert highest == sorted(highest, reverse=True)


def test_a_row_beyond_the_budget_is_a_batch_alone():
    assert cut([50, 3, 3], Budget(rows=9, cost=10)) == [[0], [1, 2]]
    assert cut([], Budget(rows=9)) == []


def test_equal_costs_keep_their_order():
    assert cut([1] * 5, Budget(rows=2)) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("teacher", "split", "size", "budget"),
    [
        (TextTeacher(), texts(9), "auto", Budget(rows=128, cost=4096)),
        (ImageTeacher(), images(9), "auto", Budget(rows=32)),
        (TextTeacher(), texts(9), 7, Budget(rows=7)),
    ],
    ids=["texts", "images", "number"],
)
def test_the_budget_without_a_gpu(teacher, split, size, budget):
    device = torch.device("cpu")
    assert choose_budget(teacher, split.rows, batch_size=size, device=device) == budget


@pytest.mark.gpu
def test_a_small_teacher_does_not_fill_a_gpu_with_images():
    device, teacher = torch.device("cuda"), ImageTeacher()
    teacher.to(device, torch.float16)
    rows = images(9).rows
    assert choose_budget(teacher, rows, batch_size="auto", device=device) == Budget(rows=128)
