"""What a result says of a run: times, teachers' shares, and the command that repeats it."""

import shlex

import pytest
from PIL import Image

from tutelage import run
from tutelage.results.result import read_rho
from tutelage.results.sparsity import sparsity


def test_a_result_repeats_and_describes_its_run(small):
    result = run(small)
    config, folder = result.command.split(" train ")[1], small.output.dir
    assert shlex.split(config) == [str(folder / "config.toml"), "--out", f"{folder}-again"]
    resolved = small.replace({"train.mixed_precision": "no"})
    assert result.config == resolved.model_dump(mode="json", exclude_none=True)
    assert result.standardized is True, "there are two teachers"
    assert set(result.seconds) == {"prepare", "extract", "train", "evaluate"}
    assert (result.steps, result.method) == (small.train.steps, small.transfer.method)


def test_shares_are_those_of_the_weighted_variance(small):
    result = run(small.replace({"transfer.standardize": False}))
    assert {teacher.name for teacher in result.teachers} == {"wide", "narrow"}
    assert sum(teacher.share for teacher in result.teachers) == pytest.approx(1)


def test_how_sparse_the_weights_are_is_in_the_result(small):
    result = run(small)
    weights = read_rho(small.output.dir)
    for teacher in result.teachers:
        found = sparsity(weights[teacher.name])
        assert (teacher.rho_top, teacher.rho_effective) == (
            pytest.approx(found.top),
            pytest.approx(found.effective),
        )
        assert 1 < teacher.rho_effective <= teacher.width


def test_standardized_columns_count_alike(small):
    result = run(small.replace({"transfer.standardize": True, "transfer.lr": 1e-12}))
    shares = {teacher.name: teacher.share for teacher in result.teachers}
    assert shares["wide"] / shares["narrow"] == pytest.approx(9 / 4, rel=1e-4)  # their columns


@pytest.mark.parametrize("method", ["stl", "kd"])
def test_a_method_without_weights_has_no_shares(small, method):
    result = run(small.replace({"transfer.method": method}))
    assert all(
        teacher.share is None and teacher.rho_mean is teacher.rho_top is None
        for teacher in result.teachers
    )
    assert (result.beta == 0) == (method == "stl")


def test_evaluated_rows_of_which_some_labels_are_unknown_are_told_apart(small, tmp_path):
    for split in ("train", "test"):
        for number in range(12):
            shade = 20 * number
            Image.new("RGB", (32, 32), (shade, shade, 9)).save(tmp_path / f"{split}{number}.png")
        rows = [f"{split}{n}.png,{n % 2},{'' if n < 5 else n // 2 % 2}" for n in range(12)]
        (tmp_path / f"{split}.csv").write_text("\n".join(["image,odd,half", *rows]) + "\n")
    data = {"source": f"table:{tmp_path}", "task": "multi-label", "label": ["odd", "half"]}
    stl = {"data": data, "transfer.method": "stl", "teachers": (), "train.batch_size": 4}
    result = run(small.replace(stl | {"output.dir": tmp_path / "run"}))
    assert (result.rows["test"], result.counted_rows("test")) == (12, 7)
