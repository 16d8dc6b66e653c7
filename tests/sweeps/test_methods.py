"""What a config keeps of ``[transfer]`` with another method, and what is told of the rest."""

import pytest

from tutelage.config import ExperimentConfig
from tutelage.sweeps.methods import changes_for, params_left_out


def config(method: str, **params: object) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:x"},
            "teachers": [{"source": "timm:a"}],
            "transfer": {"method": method, "params": params},
        }
    )


@pytest.mark.parametrize(
    ("own", "params", "other", "kept"),
    [
        ("aft", {"kernel": "rbf"}, "aft+probe", {"kernel": "rbf"}),
        ("aft+probe", {"kernel": "rbf"}, "aft", {"kernel": "rbf"}),
        ("aft", {"kernel": "rbf"}, "aft-identity", {"kernel": "rbf"}),
        ("aft", {"kernel": "rbf", "weights": "dense"}, "aft-rbf+probe", {"weights": "dense"}),
        ("aft-rbf", {"weights": "dense"}, "aft", {"weights": "dense"}),
        ("aft-rbf", {}, "aft", {}),
        ("mine.code:Energy", {"scale": 2.0}, "mine.code:Energy+probe", {"scale": 2.0}),
        ("mine.code:Energy", {"scale": 2.0}, "mine.code:Other", {}),
        ("aft", {"kernel": "rbf"}, "kd+probe", {}),
        ("aft", {"kernel": "rbf"}, "stl", {}),
    ],
)
def test_params_stay_with_their_regularizer(own, params, other, kept):
    before = config(own, **params)
    after = before.replace(changes_for(before, other)).transfer
    assert (after.method, after.params) == (other, kept)
    assert changes_for(before, own) == {}


def test_methods_that_look_at_rows_one_by_one_have_no_memory_of_rows():
    remembering = config("aft").replace({"transfer.memory": 8})
    for method, rows in (("kd", 0), ("aft-bilevel", 0), ("rkd", 8), ("aft", 8)):
        after = remembering.replace(changes_for(remembering, method))
        assert after.transfer.memory == rows, method


def test_methods_that_do_not_take_params_are_named_once():
    given = config("aft", kernel="rbf")
    assert params_left_out(given, ["stl", "probe", "aft", "aft-dense", "aft+probe"]) == []
    assert params_left_out(given, ["stl", "kd", "aft", "rkd+probe", "kd"]) == [
        "transfer.params = {'kernel': 'rbf'} is not used by kd, rkd+probe: it is of aft"
    ]
    assert params_left_out(config("aft"), ["kd"]) == []
