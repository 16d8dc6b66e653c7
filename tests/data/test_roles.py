"""Splits find their roles by configured or usual names."""

import pytest

from tutelage.data import SplitNames
from tutelage.data.roles import find_roles
from tutelage.errors import DataError


@pytest.mark.parametrize(
    ("present", "names", "roles"),
    [
        (["train", "test", "dev"], {}, {"train": "train", "test": "test", "validation": "dev"}),
        (["training", "testing"], {}, {"train": "training", "test": "testing"}),
        (["all"], {}, {"train": "all"}),
        (["learn", "exam"], {"train": "learn", "test": "exam"}, {"train": "learn", "test": "exam"}),
        # a validation split that serves as test split is not the hold-out as well
        (["train", "validation"], {"test": "validation"}, {"train": "train", "test": "validation"}),
        # one split by its name
        (["train", "test", "val"], {"train": "val", "alone": True}, {"train": "val"}),
        (["seg_train", "seg_test"], {"alone": True}, {"train": "seg_train"}),
    ],
)
def test_roles(present, names, roles):
    assert find_roles(present, names=SplitNames(**names), where="here") == roles


@pytest.mark.parametrize(
    ("present", "names", "message"),
    [
        (["a", "b"], {}, "here has no training split; name it by data.train. It has: a, b"),
        (["train", "exam"], {"test": "exan"}, "no split 'exan' for data.test; did you mean 'exam'"),
        (["train"], {"test": "train"}, "data.train and data.test are both 'train'"),
    ],
)
def test_mistakes(present, names, message):
    with pytest.raises(DataError, match=message):
        find_roles(present, names=SplitNames(**names), where="here")


@pytest.mark.parametrize(
    ("present", "roles"),
    [
        (["Training", "Testing"], {"train": "Training", "test": "Testing"}),
        (["TRAIN", "Val", "Test "], {"train": "TRAIN", "test": "Test ", "validation": "Val"}),
        (["train", "Train"], {"train": "train"}),
        (["seg_pred", "seg_test", "seg_train"], {"train": "seg_train", "test": "seg_test"}),
        (["train_set", "test_set"], {"train": "train_set", "test": "test_set"}),
        (["TrainData", "ValData"], {"train": "TrainData", "validation": "ValData"}),
        (["train2017", "val2017"], {"train": "train2017", "validation": "val2017"}),
        (["my_train", "test"], {"train": "my_train", "test": "test"}),
        # a usual name is preferred, and nothing is guessed beside it
        (["train", "test_set"], {"train": "train"}),
        (["train", "validation_matched", "validation_mismatched"], {"train": "train"}),
        # one name alone says nothing
        (["train_station", "beach"], {}),
        (["train_a", "train_b", "test_a"], {}),
        (["train-test", "other"], {}),
    ],
)
def test_names_as_people_write_them(present, roles):
    assert find_roles(present, names=SplitNames(), where="here", required=False) == roles


def test_two_names_of_one_role_are_asked_about():
    with pytest.raises(DataError, match=r"the splits 'Train' and 'TRAIN'; say .* by data.train"):
        find_roles(["Train", "TRAIN", "test"], names=SplitNames(), where="here")
