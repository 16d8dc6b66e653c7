"""Studies: the normalized error against plain arithmetic; failed, missing and perfect cells."""

import dataclasses
import math
import statistics

import pytest

from tutelage.errors import DataError
from tutelage.results.comparison import Scores, compare_scores
from tutelage.results.folders import read_run
from tutelage.results.learned_weights import BINS
from tutelage.results.studies import Cell, read_study, study_of, write_study
from tutelage.tasks import SingleLabel


def scores(student, method, values, *, teachers=(), probe=None, fraction=1.0) -> Scores:
    return Scores(
        student=student,
        fraction=fraction,
        method=method,
        teachers=teachers,
        settings={},
        values=dict(enumerate(values)),
        failures={} if values else {0: "it diverged"},
        probe=probe,
    )


def comparison(*rows: Scores):
    return compare_scores(
        list(rows), name="x", data="y", evaluated="test", metric=SingleLabel.metric()
    )


NUMBERS = {
    ("a", "small"): {"stl": [0.5, 0.6], "aft": [0.7, 0.7], "kd": [0.5, 0.5]},
    ("a", "large"): {"stl": [0.8, 0.8], "aft": [0.8, 0.8], "kd": [0.9, 0.7]},
    ("b", "small"): {"stl": [0.25, 0.35], "aft": [0.6, 0.5], "kd": []},
}


def study():
    data = {}
    for (name, student), methods in NUMBERS.items():
        data.setdefault(name, []).extend(
            scores(student, method, values, teachers=("t",) if method != "stl" else ())
            for method, values in methods.items()
        )
    return study_of({name: comparison(*rows) for name, rows in data.items()}, title="Three cells")


def test_the_aggregate_against_plain_arithmetic():
    relative = {
        method: {
            cell: (1 - sum(values[method]) / 2) / (1 - sum(values["stl"]) / 2)
            for cell, values in NUMBERS.items()
            if values[method]
        }
        for method in ("stl", "aft", "kd")
    }
    both = [("a", "small"), ("a", "large")]  # where KD finished, too
    for one in study().methods:
        common = [relative[one.method][cell] for cell in both]
        assert one.common.mean == pytest.approx(sum(common) / 2)
        assert one.common.error == pytest.approx(statistics.stdev(common) / math.sqrt(2))
        own = list(relative[one.method].values())
        assert one.own.mean == pytest.approx(sum(own) / len(own))
        assert one.own.error == pytest.approx(statistics.stdev(own) / math.sqrt(len(own)))
        assert one.own.count == len(own)
        lacking = (Cell("b", "small", 1.0),) if one.method == "kd" else ()
        assert one.absent == lacking


def test_a_method_that_never_finished_takes_no_cell_from_the_others():
    done = study_of(
        {
            "a": comparison(
                scores("s", "stl", [0.5]),
                scores("s", "aft", [0.75], teachers=("t",)),
                scores("s", "kd", [], teachers=("t",)),
            )
        },
        title="x",
        missing={"b": "there is no folder b"},
    )
    known = {one.method: one for one in done.methods}
    assert known["aft"].common.mean == 0.5
    assert known["kd"].common is None
    assert known["kd"].absent == (Cell("a", "s", 1.0),)
    assert done.failures


def test_perfect_fine_tuning_and_ties():
    done = study_of(
        {
            "easy": comparison(
                scores("s", "stl", [1.0]), scores("s", "aft", [1.0], teachers=("t",))
            ),
            "tied": comparison(
                scores("s", "stl", [0.5]), scores("s", "aft", [0.5], teachers=("t",))
            ),
        },
        title="x",
    )
    assert done.perfect == (Cell("easy", "s", 1.0),)
    assert [one.common.mean for one in done.methods] == [1.0, 1.0]
    assert not done.failures


def test_shares_of_the_rows_and_teachers_are_apart():
    rows = [
        scores("s", method, [value], teachers=teachers, fraction=share)
        for share, value in ((0.1, 0.2), (1.0, 0.5))
        for method, teachers in (("stl", ()), ("aft", ("t",)), ("aft", ("u",)))
    ]
    done = study_of({"a": comparison(*rows)}, title="x")
    assert [(one.fraction, one.method, one.teachers) for one in done.methods] == [
        (0.1, "stl", ()), (0.1, "aft", ("t",)), (0.1, "aft", ("u",)),
        (1.0, "stl", ()), (1.0, "aft", ("t",)), (1.0, "aft", ("u",)),
    ]  # fmt: skip


def test_correlation_with_the_probe_is_within_cells():
    rows = {
        name: comparison(
            scores("s", "stl", [0.1]),
            *(
                scores("s", "aft", [base + gain], teachers=(f"t{gain}",), probe=0.5 + gain)
                for gain in (0.0, 0.1, 0.2)
            ),
        )
        for name, base in (("a", 0.2), ("b", 0.7))
    }
    assert study_of(rows, title="x").correlation == pytest.approx(1.0)


def test_written_and_read(tmp_path):
    done = study()
    write_study(done, tmp_path)
    assert read_study(tmp_path) == done
    text = (tmp_path / "study.json").read_text()
    (tmp_path / "study.json").write_text(text.replace("Three", "Four"))
    with pytest.raises(DataError, match="it was changed"):
        read_study(tmp_path)
    with pytest.raises(DataError, match="no study in"):
        read_study(tmp_path / "other")


def _with_steps_of(run, *, accumulate, unlabelled_share, processes):
    """The run, as if each step had so many batches, partly of rows without a label."""
    train = run.result.config["train"] | {
        "accumulate": accumulate,
        "unlabelled_share": unlabelled_share,
    }
    result = run.result.model_copy(
        update={
            "config": run.result.config | {"train": train},
            "rows": run.result.rows | {"unlabelled": 500},
            "processes": processes,
        }
    )
    return dataclasses.replace(run, result=result)


def test_time_noise_and_weights_are_those_of_the_runs(write_run, tmp_path):
    """Against plain arithmetic: a run of 400 steps of 64 rows sees 1,000 rows 25.6 times."""
    teachers = {"mpnet": (16, 1000), "noise-8": (8, 0)}
    folders = [write_run(tmp_path / f"{seed}", seed=seed, teachers=teachers) for seed in (0, 1)]
    runs = []
    for folder in folders:
        run = read_run(folder)
        named = [
            one.model_copy(update={"source": "noise:8"}) if one.name == "noise-8" else one
            for one in run.result.teachers
        ]
        result = run.result.model_copy(update={"teachers": named})
        runs.append(dataclasses.replace(run, result=result))
    row = scores("small", "aft", [0.7, 0.8], teachers=("mpnet", "noise-8"), probe=0.9)
    one = study_of(
        {"a": comparison(row.model_copy(update={"runs": tuple(runs)}))}, title="Two runs"
    ).rows[0]
    assert one.noise == 8
    assert one.epoch_seconds.mean == pytest.approx((48 + 49) / 2 * 1000 / 64 / 400)
    more = [_with_steps_of(run, accumulate=2, unlabelled_share=0.25, processes=4) for run in runs]
    other = study_of(
        {"a": comparison(row.model_copy(update={"runs": tuple(more)}))}, title="Steps of 8 batches"
    ).rows[0]
    assert other.epoch_seconds.mean == pytest.approx((48 + 49) / 2 * 1000 / (8 * 48) / 400)
    for teacher, width in (("mpnet", 16), ("noise-8", 8)):
        counts = [0.0] * BINS
        for run in runs:
            for weight in run.rho[teacher].tolist():
                counts[min(int(weight * BINS), BINS - 1)] += 1 / width / len(runs)
        assert one.weights[teacher] == pytest.approx(counts, abs=1e-6)


def test_correlations_by_method():
    probes = [0.5, 0.6, 0.8]
    values = {"aft": [0.60, 0.63, 0.66], "kd": [0.65, 0.62, 0.64]}
    rows = [
        scores("small", method, [value], teachers=(f"t{probe}",), probe=probe)
        for method, each in values.items()
        for probe, value in zip(probes, each, strict=True)
    ]
    found = study_of({"a": comparison(*rows)}, title="x").correlations
    assert found == {
        method: pytest.approx(statistics.correlation(probes, each))
        for method, each in values.items()
    }


def test_teachers_that_are_not_compared_do_not_part_a_method():
    """Images and texts have teachers of their own; the mean of a method is over both."""
    rows = {
        name: comparison(
            scores("small", "stl", [0.5]), scores("small", "aft", [score], teachers=(teacher,))
        )
        for name, teacher, score in (("pictures", "dino", 0.7), ("texts", "t5", 0.6))
    }
    aft = next(one for one in study_of(rows, title="x").methods if one.method == "aft")
    assert (aft.teachers, aft.absent) == ((), ())
    assert aft.common.mean == pytest.approx((0.3 / 0.5 + 0.4 / 0.5) / 2)
    assert aft.common.count == 2
