"""Hold-out, test share and limit: stratified, stable, and without a look at test rows."""

import random

import pyarrow as pa
import pytest
import torch

from tutelage.config import DataConfig
from tutelage.data import Data, Split, Splits, choose_splits
from tutelage.data.texts import TextColumns
from tutelage.errors import DataError
from tutelage.tasks import UNLABELLED


class Untouchable:
    """Rows that must not be read."""

    modality = "text"

    def __len__(self):
        return 10

    def __getitem__(self, index):
        raise AssertionError("a test row was read")

    content = select = __getitem__


def split_of(labels, *, name="train", ids=None) -> Split:
    ids = ids or [f"{name}-{i}" for i in range(len(labels))]
    column = pa.chunked_array([[f"text of {i}" for i in ids]])
    return Split(name, TextColumns((column,), range(len(ids))), ids, torch.tensor(labels))


def data_of(*splits: Split, classes=3) -> Data:
    names = tuple(f"class {i}" for i in range(classes))
    return Data({split.name: split for split in splits}, names, "text")


def chosen(data: Data, **options) -> Splits:
    return choose_splits(data, DataConfig(source="", **options))


LABELS = [0] * 60 + [1] * 30 + [2] * 10


def counts(split: Split) -> list[int]:
    return torch.bincount(split.labels, minlength=3).tolist()


def test_a_hold_out_is_a_share_of_each_class():
    test = Split("test", Untouchable(), [str(i) for i in range(10)], torch.zeros(10).long())
    data = data_of(split_of(LABELS), test)
    splits = chosen(data, evaluate="holdout", holdout=0.1)
    assert counts(splits.evaluated) == [6, 3, 1]
    assert counts(splits.training) == [54, 27, 9]
    assert splits.evaluated.name == "holdout"
    assert splits.training.name == "train"
    assert set(splits.training.ids).isdisjoint(splits.evaluated.ids)
    assert splits.extracted is data.splits["train"]
    assert splits.evaluated.rows[0] == (f"text of {splits.evaluated.ids[0]}",)


def test_all_training_rows_when_the_test_rows_are_evaluated():
    data = data_of(split_of(LABELS), split_of([0, 1, 2], name="test"))
    splits = chosen(data, evaluate="test")
    assert splits.training is splits.extracted is data.splits["train"]
    assert splits.evaluated is data.splits["test"]


def test_test_rows_are_drawn_where_there_are_none():
    data = data_of(split_of(LABELS))
    splits = chosen(data, evaluate="test", test_share=0.2)
    assert counts(splits.evaluated) == [12, 6, 2]
    assert splits.evaluated.name == "test"
    held = chosen(data, evaluate="holdout", test_share=0.2)
    assert set(held.evaluated.ids).isdisjoint(splits.evaluated.ids)
    assert held.extracted.ids == splits.extracted.ids == splits.training.ids
    assert set(held.extracted.ids) | set(splits.evaluated.ids) == set(data.splits["train"].ids)


def test_the_draw_follows_ids_not_their_order():
    before = split_of(LABELS)
    order = list(range(100))
    random.Random(0).shuffle(order)
    shuffled = split_of([LABELS[i] for i in order], ids=[before.ids[i] for i in order])

    def drawn(split, **options):
        return set(chosen(data_of(split), **options).evaluated.ids)

    assert drawn(before) == drawn(shuffled)
    assert drawn(before) == drawn(before)
    assert drawn(before) != drawn(before, split_seed=1)
    assert drawn(before, evaluate="holdout", holdout=0.2, test_share=0.2) != drawn(before)


def test_a_drawn_row_stays_drawn_when_rows_are_added():
    few, more = [0] * 50 + [1] * 50, [0] * 60 + [1] * 60
    ids = [f"a{i}" for i in range(120)]
    small = split_of(few, ids=ids[:50] + ids[60:110])
    large = split_of(more, ids=ids)
    one = chosen(data_of(small), test_share=0.5).evaluated.ids
    other = chosen(data_of(large), test_share=0.5).evaluated.ids
    assert len(set(one) & set(other)) > 40  # 25 would be chance


def test_a_validation_split_is_the_hold_out():
    validation = split_of([0, 1, 2], name="validation")
    data = data_of(split_of(LABELS), validation)
    splits = chosen(data, evaluate="holdout")
    assert splits.evaluated.name == "holdout"
    assert splits.evaluated.ids == validation.ids
    assert splits.evaluated.origin.split == "validation"
    assert len(splits.training) == 80  # test rows are still set aside


def folds_of(data: Data, folds: int, **options) -> list[Splits]:
    return [chosen(data, evaluate="holdout", folds=folds, fold=k, **options) for k in range(folds)]


def test_each_row_is_in_one_fold_and_each_fold_has_its_share_of_each_class():
    data = data_of(split_of(LABELS), split_of([0, 1, 2], name="test"))
    for folds in (2, 3, 5, 7):
        splits = folds_of(data, folds)
        held = [name for one in splits for name in one.evaluated.ids]
        assert sorted(held) == sorted(data.splits["train"].ids)
        for one in splits:
            assert set(one.training.ids).isdisjoint(one.evaluated.ids)
            assert len(one.training) + len(one.evaluated) == 100
            assert one.extracted is data.splits["train"]
            for label, rows in enumerate((60, 30, 10)):
                assert abs(counts(one.evaluated)[label] - rows / folds) < 1
        sizes = [len(one.evaluated) for one in splits]
        assert max(sizes) - min(sizes) <= 1


def test_folds_leave_test_rows_alone_and_take_the_place_of_a_validation_split():
    validation = split_of([0, 1, 2], name="validation")
    data = data_of(split_of(LABELS), validation)
    test = set(chosen(data).evaluated.ids)
    for one in folds_of(data, 4):
        assert test.isdisjoint(one.training.ids)
        assert test.isdisjoint(one.evaluated.ids)
        assert set(one.evaluated.ids).isdisjoint(validation.ids)
    limited = folds_of(data, 4, limit=20)
    assert {name for one in limited for name in one.evaluated.ids} == set(limited[0].extracted.ids)


def test_the_only_row_of_a_class_is_always_trained_on():
    data = data_of(split_of([0] * 6 + [1] * 6 + [2]), split_of([0, 1, 2], name="test"))
    assert all("train-12" in one.training.ids for one in folds_of(data, 3))
    alone = data_of(split_of([0, 1, 2]), split_of([0, 1, 2], name="test"))
    with pytest.raises(DataError, match="only 0 rows share their class with another"):
        chosen(alone, evaluate="holdout", folds=3)
    with pytest.raises(DataError, match=r"3 rows are fewer than data.folds = 4"):
        chosen(alone, evaluate="holdout", folds=4)


def test_folds_are_counted_from_0():
    with pytest.raises(ValueError, match=r"fold = 3 counts folds from 0, and there are 3"):
        DataConfig(source="", folds=3, fold=3)
    with pytest.raises(ValueError, match=r"data\.folds is not set"):
        DataConfig(source="", fold=1)


@pytest.mark.parametrize("limit", [6, 7, 20, 99, 100, 1000])
def test_limit(limit):
    data = data_of(split_of(LABELS), split_of([0, 1, 2], name="test"))
    splits = chosen(data, limit=limit)
    assert len(splits.training) == min(limit, 100)
    assert min(counts(splits.training)) >= 2
    if limit == 20:
        assert counts(splits.training) == [12, 5, 3] or counts(splits.training) == [11, 6, 3]
    assert splits.training.ids == [i for i in data.splits["train"].ids if i in splits.training.ids]
    held = chosen(data, limit=limit, evaluate="holdout", holdout=0.3)
    assert held.extracted.ids == splits.extracted.ids


@pytest.mark.parametrize("most", [2, 10, 30, 1000])
def test_limit_per_class(most):
    data = data_of(split_of(LABELS), split_of([0, 1, 2], name="test"))
    splits = chosen(data, limit_per_class=most)
    assert counts(splits.training) == [min(most, count) for count in counts(chosen(data).training)]
    assert splits.training.ids == [i for i in data.splits["train"].ids if i in splits.training.ids]
    fewer = chosen(data, limit_per_class=max(2, most - 1))
    assert set(fewer.training.ids) <= set(splits.training.ids)
    other = chosen(data, limit_per_class=2, split_seed=1)
    assert set(other.training.ids) != set(chosen(data, limit_per_class=2).training.ids)
    held = chosen(data, limit_per_class=most, evaluate="holdout", holdout=0.3)
    assert held.extracted.ids == splits.extracted.ids


def test_a_limit_per_class_needs_classes_and_stands_alone():
    with pytest.raises(ValueError, match="leaves no row of a class to train on beside a hold-out"):
        DataConfig(source="", limit_per_class=1)
    with pytest.raises(ValueError, match="set one of them"):
        DataConfig(source="", limit=5, limit_per_class=5)
    for task in ("regression", "multi-label"):
        with pytest.raises(ValueError, match=f"{task} rows have none; set limit"):
            DataConfig(source="", limit_per_class=5, task=task)


def test_many_small_classes_share_a_hold_out():
    labels = [label for label in range(40) for _ in range(5)]
    splits = chosen(
        data_of(split_of(labels), split_of([0], name="test"), classes=40),
        evaluate="holdout",
        holdout=0.1,
    )
    drawn = torch.bincount(splits.evaluated.labels, minlength=40)
    assert drawn.sum() == 20
    assert drawn.max() == 1
    assert drawn[:20].sum() not in (0, 20)  # not simply the first classes


def test_rows_without_label_are_left_out():
    labels = [0, UNLABELLED, 1, 0, 1, UNLABELLED]
    splits = chosen(data_of(split_of(labels), split_of([UNLABELLED, 1], name="test")))
    assert splits.training.ids == ["train-0", "train-2", "train-3", "train-4"]
    assert splits.evaluated.ids == ["test-1"]
    assert splits.training.origin.numbers == [0, 2, 3, 4]


def test_too_few_rows_are_named():
    with pytest.raises(
        DataError, match=r"class 'class 1' has a single row.*give the data a test split"
    ):
        chosen(data_of(split_of([0, 0, 0, 1])))
    test = split_of([0], name="test")
    with pytest.raises(DataError, match=r"'class 1' has a single row.*a validation split"):
        chosen(data_of(split_of([0, 0, 0, 1]), test), evaluate="holdout")
    with pytest.raises(DataError, match="less than one holdout row"):
        chosen(data_of(split_of([0, 0, 1, 1]), test), evaluate="holdout", holdout=0.1)
    with pytest.raises(
        DataError, match=r"data.limit = 5 is too few rows for 3 classes; give at least 6"
    ):
        chosen(data_of(split_of(LABELS), test), limit=5)
    with pytest.raises(DataError, match=r"the test rows have no labels; name another by data.test"):
        chosen(data_of(split_of(LABELS), split_of([UNLABELLED], name="test")))
    with pytest.raises(DataError, match="the train rows have no labels"):
        chosen(data_of(split_of([UNLABELLED] * 4), test))
