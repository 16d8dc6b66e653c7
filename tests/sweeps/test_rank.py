"""Ranking teachers: real scores, and test rows that are left alone."""

import shutil

import pytest
import tomli_w
import torch

from tutelage.config import ExperimentConfig, load_config
from tutelage.experiment.extract import extract
from tutelage.experiment.plan import Plan
from tutelage.experiment.run import run
from tutelage.regularizers.logme import Moments, logme
from tutelage.sweeps.rank import _fine_tuned, rank


@pytest.fixture
def table(reviews, small_bert, tmp_path) -> dict[str, object]:
    shutil.copytree(reviews, tmp_path / "reviews")
    params = [{"pooling": "mean"}, {"pooling": "cls"}, {"pooling": "mean", "max_length": 8}]
    return {
        "data": {"source": f"table:{tmp_path / 'reviews'}", "holdout": 0.3},
        "teachers": [
            {"source": f"hf:{small_bert}", "name": name, "params": options}
            for name, options in zip("abc", params, strict=True)
        ],
        "student": {"source": f"hf:{small_bert}", "params": {"layers": 1, "max_length": 32}},
        "train": {"steps": 3, "batch_size": 12, "lr": 1e-3, "device": "cpu"},
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "runs" / "aft")},
    }


def with_(config: dict[str, object], *assignments: str) -> ExperimentConfig:
    return load_config([config], assignments=assignments)


def test_every_teacher_every_pair_and_all_without_the_test_rows(table, tmp_path):
    run(
        with_(
            table, "data.evaluate=holdout", "transfer.method=stl", f"output.dir={tmp_path}/runs/stl"
        )
    )
    (tmp_path / "reviews" / "test.jsonl").write_bytes(b"\x00not a table")
    ranking = rank(with_(table))
    sets = {frozenset(one.teachers) for one in ranking.candidates}
    assert len(ranking.candidates) == len(sets) == 3 + 3 + 1
    accuracies = [one.probe.value for one in ranking.candidates]
    assert accuracies == sorted(accuracies, reverse=True)
    assert (ranking.rows, ranking.holdout) == (42, 18)
    assert ranking.student is not None
    assert ranking.fine_tuned_run == str(tmp_path / "runs" / "stl")
    assert ranking.keep in [one.teachers for one in ranking.candidates]

    # What one pass over all columns gave is what each teacher alone would give.
    config = with_(table, "data.evaluate=holdout")
    splits, teachers = Plan.of(config, trains=False).splits, extract(config)
    places = [splits.extracted.ids.index(name) for name in splits.training.ids]
    for teacher in teachers:
        features = teacher.features.gather(torch.tensor(places))
        targets = torch.nn.functional.one_hot(splits.training.labels, 2)
        alone = logme(Moments.of([(features, targets)])).comparable_score
        found = next(one for one in ranking.candidates if one.teachers == (teacher.name,))
        assert found.logme == pytest.approx(alone, rel=1e-9)

    # Fine-tuning on other rows is not the one to compare with.
    plan = Plan.of(config, trains=False)
    assert _fine_tuned(config, plan) is not None
    train = tmp_path / "reviews" / "train.jsonl"
    train.write_text(train.read_text().replace('"text": "', '"text": "so: ', 1))
    assert _fine_tuned(config, Plan.of(config, trains=False)) is None


def test_the_verbs_print_a_table_and_advice(table, tmp_path, command):
    file = tmp_path / "config.toml"
    file.write_text(tomli_w.dumps(table))
    status, said, _ = command("rank", file)
    assert status == 0
    assert "a + b + c" in said
    assert "Transfer" in said
    assert "Keep" in said
    status, said, _ = command("train", file)
    assert status == 0
    status, said, _ = command("probe", file, "--weighted", tmp_path / "runs" / "aft")
    assert status == 0
    assert "a, weighted by rho" in said
    assert "test accuracy %" in said
    status, _, wrong = command("probe", file, "--weighted", tmp_path)
    assert status == 2
    assert "no learned weights" in wrong
