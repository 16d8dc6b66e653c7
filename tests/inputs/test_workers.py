"""Errors of worker processes come out as they were raised."""

import os
import pickle

import pytest
from torch.utils.data import DataLoader, Dataset

from tutelage.errors import DataError, MissingExtraError, TutelageError
from tutelage.inputs.workers import Failure, raising


@pytest.mark.parametrize(
    "error",
    [
        DataError("row 3 cannot be decoded"),
        MissingExtraError("peft", extra="lora", purpose="student.lora"),
        TutelageError("two\nlines"),
    ],
)
def test_an_error_comes_out_of_a_process_with_its_kind_and_message(error):
    again = pickle.loads(pickle.dumps(Failure.of(error))).error()
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_items_pass_until_the_first_failure():
    items = iter([1, "two", Failure(DataError, "broken"), 4])
    passing = raising(items)
    assert [next(passing), next(passing)] == [1, "two"]
    with pytest.raises(DataError, match="broken"):
        next(passing)
    assert next(items) == 4, "nothing behind the failure is asked for"


def test_items_without_a_failure_all_pass():
    assert list(raising(range(3))) == [0, 1, 2]


class Deadly(Dataset):
    """Rows that kill the process that reads them."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> int:
        os._exit(1)


def test_a_worker_that_dies_is_one_message():
    with pytest.raises(DataError, match=r"prepares rows died.*train.workers = 0"):
        list(raising(DataLoader(Deadly(), num_workers=1)))
