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
