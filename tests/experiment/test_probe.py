"""Probes on each teacher and on all together, plain or under a run's weights."""

import statistics
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tutelage.errors import ConfigError, DataError
from tutelage.experiment.probe import probe


def weights(folder: Path, **rho: torch.Tensor) -> Path:
    folder.mkdir()
    save_file(rho, folder / "rho.safetensors")
    return folder


def test_each_teacher_and_all_together(small):
    results = probe(small)
    assert [one.teachers for one in results] == [("wide",), ("narrow",), ("wide", "narrow")]
    assert not any(one.weighted for one in results)
    assert {one.evaluated for one in results} == {"test"}
    for one in results:  # the standard error of a share of 24 rows, two right and two wrong added
        share = (24 * one.score + 2) / 28
        assert one.error == pytest.approx((share * (1 - share) / 28) ** 0.5)


def test_one_teacher_is_probed_once(small):
    results = probe(small.replace({"teachers": small.teachers[:1]}))
    assert [one.teachers for one in results] == [("wide",)]


def test_each_probe_is_fitted_once_more_under_the_weights(small, tmp_path):
    ones = weights(tmp_path / "ones", wide=torch.ones(9), narrow=torch.ones(4))
    results = probe(small, weighted=ones)
    assert [one.weighted for one in results] == [False, True] * 3
    for plain, weighted in zip(results[::2], results[1::2], strict=True):
        assert (weighted.score, weighted.c) == (plain.score, plain.c), "weights of 1 change nothing"


def test_several_runs_give_a_mean_with_its_error(small, tmp_path):
    draw = torch.Generator().manual_seed(0)
    folders = [
        weights(tmp_path / str(one), wide=torch.rand(9, generator=draw), narrow=torch.ones(4))
        for one in range(3)
    ]
    together = probe(small, weighted=folders)
    alone = [probe(small, weighted=folder) for folder in folders]
    assert [one.runs for one in together] == [0, 3] * 3
    for place in range(0, 6, 2):
        assert together[place] == alone[0][place]
        scores = [results[place + 1].score for results in alone]
        assert together[place + 1].score == pytest.approx(statistics.mean(scores))
        error = statistics.stdev(scores) / 3**0.5
        assert together[place + 1].error == pytest.approx(error, abs=1e-12)


def test_weights_are_those_of_the_teachers(small, tmp_path):
    other = weights(tmp_path / "other", wide=torch.ones(9), slim=torch.ones(4))
    with pytest.raises(DataError, match=r"are of .*slim.*; give the run's own config"):
        probe(small, weighted=other)
    with pytest.raises(DataError, match="has no learned weights"):
        probe(small, weighted=tmp_path)


def test_without_a_teacher_there_is_nothing_to_probe(small):
    with pytest.raises(ConfigError, match="there is no teacher to probe"):
        probe(small.replace({"teachers": (), "transfer.method": "stl"}))
