"""Messages that errors share: suggestions, first lines, what counts as out of memory; and pickles."""

import pickle

import pytest
import torch

from tutelage.errors import (
    MissingExtraError,
    PrecisionError,
    did_you_mean,
    first_line,
    out_of_memory,
)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("atf", "; did you mean 'aft'?"),
        ("AFTT", ""),
        ("zzz", ""),
        ("stll", "; did you mean 'stl'?"),
    ],
)
def test_the_closest_known_word_is_offered(word, hint):
    assert did_you_mean(word, ["stl", "aft"]) == hint


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no such file.\nStack: ..."), "no such file"),
        (ValueError("\n  first\nsecond"), "first"),
        (ValueError(), "ValueError"),
        (KeyError("a"), "'a'"),
    ],
)
def test_the_first_line_of_an_error(error, line):
    assert first_line(error) == line


def test_what_counts_as_out_of_memory():
    assert out_of_memory(MemoryError())
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert out_of_memory(OSError(12, "Cannot allocate memory"))
    assert not out_of_memory(RuntimeError("shapes do not match"))


@pytest.mark.parametrize(
    "error",
    [
        MissingExtraError("peft", extra="lora", purpose="student.lora"),
        PrecisionError("a column exceeds 65504", advice="store float32"),
    ],
)
def test_an_error_passes_between_processes_whole(error):
    """A pool takes a process whose error it cannot read for a dead one."""
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
