"""Which runs form one row, and which standard fine-tuning each is compared with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tutelage.errors import DataError
from tutelage.results.grouping import compare_runs, training_differences
from tutelage.results.result import Result, StudentInfo
from tutelage.results.runs import Run


def run(
    method: str,
    seed: int,
    accuracy: float,
    *,
    beta: float = 3.0,
    name: str = "run",
    data: str = "table:x",
    split: str = "test",
    train: dict[str, Any] | None = None,
    params: dict[str, Any] | None = None,
    automatic: bool = False,
    digests: dict[str, str] | None = None,
    processes: int = 1,
) -> Run:
    config = {
        "name": name,
        "seed": seed,
        "data": {"source": data},
        "student": {"source": "timm:s"},
        "transfer": {"method": method, "beta": beta, "params": params or {}},
        "train": {"steps": 100, **(train or {})},
        "output": {"dir": f"runs/{method}-{seed}"},
    }
    return Run(
        Result(
            name=name,
            method=method,
            beta=beta,
            seed=seed,
            steps=100,
            metrics={split: {"accuracy": accuracy}},
            rows={"train": 100, split: 50},
            classes=["a", "b"],
            student=StudentInfo(source="timm:s", parameters=1000, width=8, tap="head"),
            teachers=[],
            seconds={"train": 1.0},
            versions={},
            device="cpu",
            started="2025-01-01T00:00:00+00:00",
            command="tutelage train config.toml",
            config=config,
            automatic_steps=automatic,
            row_digests=digests or {},
            processes=processes,
        )
    )


def test_seeds_are_gathered_and_held_against_fine_tuning() -> None:
    comparison = compare_runs(
        [
            run("aft", 1, 0.82),
            run("stl", 0, 0.70),
            run("aft", 0, 0.80),
            run("stl", 1, 0.74),
        ]
    )
    stl, aft = comparison.rows

    assert (stl.label, aft.label) == ("Standard fine-tuning", "AFT")
    assert aft.seeds == (0, 1)
    assert aft.score.mean == pytest.approx(0.81)
    assert aft.difference is not None
    assert aft.difference.mean == pytest.approx((0.10 + 0.08) / 2)
    assert stl.difference is None


def test_other_settings_are_other_methods() -> None:
    runs = [run("aft", 0, 0.8, beta=3), run("aft", 0, 0.7, beta=10), run("stl", 0, 0.7)]
    runs.append(run("aft", 0, 0.75, beta=3, name="fixed", params={"weights": "identity"}))
    labels = [row.label for row in compare_runs(runs).rows]

    assert labels == ["Standard fine-tuning", "AFT, β 3 (run)", "AFT, β 10", "AFT, β 3 (fixed)"]


def test_labels_differ_where_even_names_agree() -> None:
    runs = [run("aft", 0, 0.8, params={"kernel": kernel}) for kernel in ("linear", "rbf")]
    labels = [row.label for row in compare_runs(runs).rows]

    assert len(set(labels)) == 2


def test_own_method_is_called_by_its_class() -> None:
    assert compare_runs([run("my.package:Warmth", 0, 0.8)]).rows[0].label == "Warmth"


def test_baseline_with_the_same_training_is_preferred() -> None:
    aft = run("aft", 0, 0.8, train={"lr": 1e-3})
    other, same = run("stl", 0, 0.5), run("stl", 0, 0.7, train={"lr": 1e-3})
    fair = compare_runs([other, same, aft]).transfers[0]
    unfair = compare_runs([other, aft]).transfers[0]

    assert fair.fair
    assert fair.difference is not None
    assert fair.difference.mean == pytest.approx(0.1)
    assert not unfair.fair


def test_automatic_steps_are_the_same_training_whatever_they_came_to() -> None:
    def fair(stl: dict[str, Any], aft: dict[str, Any], *, automatic: bool) -> bool:
        runs = [
            run("stl", 0, 0.7, train=stl, automatic=automatic),
            run("aft", 0, 0.8, train=aft, automatic=automatic),
        ]
        return compare_runs(runs).transfers[0].fair

    assert fair({"steps": 200}, {"steps": 300}, automatic=True)
    assert not fair({"steps": 200}, {"steps": 300}, automatic=False)
    assert not fair({"patience": 1.0}, {"patience": 2.0}, automatic=True)
    assert fair({"patience": 1.0}, {"patience": 2.0}, automatic=False), "it was not used"


def test_stated_steps_are_the_same_training_as_as_many_automatic_ones() -> None:
    def fair(stated: int) -> bool:
        alone = run("stl", 0, 0.7, train={"patience": 1.0}, automatic=True)
        taught = run("aft", 0, 0.8, train={"steps": stated, "patience": 1.0}).result
        runs = [alone, Run(taught.model_copy(update={"steps": stated}))]
        return compare_runs(runs).transfers[0].fair

    assert fair(100)
    assert not fair(101)


def test_what_does_not_change_numbers_keeps_runs_together() -> None:
    runs = [run("aft", 0, 0.8, train={"workers": 2}), run("aft", 1, 0.8, train={"workers": 8})]

    assert len(compare_runs(runs).rows) == 1


def test_momentum_is_training_of_sgd_alone() -> None:
    def fair(optimizer: str) -> bool:
        settings = [{"optimizer": optimizer, "momentum": momentum} for momentum in (0.9, 0.2)]
        runs = [run("stl", 0, 0.7, train=settings[0]), run("aft", 0, 0.8, train=settings[1])]
        return compare_runs(runs).transfers[0].fair

    assert fair("adam")
    assert not fair("sgd")


def test_fine_tuning_is_one_method_whatever_beta_it_was_given() -> None:
    assert len(compare_runs([run("stl", 0, 0.7, beta=3), run("stl", 1, 0.7, beta=10)]).rows) == 1


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "no runs"),
        ([run("aft", 0, 0.8), run("aft", 0, 0.81)], "each seed once"),
        ([run("aft", 0, 0.8), run("stl", 0, 0.7, data="table:y")], "differ in data"),
        ([run("aft", 0, 0.8), run("stl", 0, 0.7, split="holdout")], "differ in data"),
        ([run("aft", 0, 0.8, split="train")], "no accuracy on test"),
    ],
)
def test_what_cannot_stand_side_by_side_is_refused(runs: list[Run], message: str) -> None:
    with pytest.raises(DataError, match=message):
        compare_runs(runs)


def test_few_rows_of_many_are_not_rounded_to_one_fraction() -> None:
    def of(method: str, limit: int, accuracy: float) -> Run:
        one = run(method, 0, accuracy)
        config = one.result.config | {"data": {"source": "folder:d", "limit": limit}}
        rows = one.result.rows | {"train": limit}
        return Run(one.result.model_copy(update={"config": config, "rows": rows}))

    methods, limits = ("stl", "aft"), (1_000_000, 30, 20)
    rows = compare_runs([of(m, n, 0.5 + n / 1e7) for n in limits for m in methods]).rows
    assert sorted({row.fraction for row in rows}) == [2e-5, 3e-5, 1.0]
    assert all(row.difference.mean == 0 for row in rows if row.method == "aft")


@pytest.mark.parametrize("split", ["train", "test"])
def test_runs_on_other_rows_are_not_mixed(split: str) -> None:
    rows = {"train": "a", "test": "b"}
    runs = [run("stl", 0, 0.7, digests=rows), run("aft", 0, 0.7, digests=rows)]
    assert len(compare_runs([*runs, run("aft", 1, 0.7)]).rows) == 2, "one of before has no digests"
    with pytest.raises(DataError, match=rf"runs/stl-0.*runs/aft-1.*different {split} rows"):
        compare_runs([*runs, run("aft", 1, 0.7, digests=rows | {split: "c"})])


def test_runs_on_other_rows_are_named_by_where_they_lie() -> None:
    runs = [run("stl", 0, 0.7, digests={"test": "a"}), run("aft", 0, 0.7, digests={"test": "b"})]
    moved = [replace(one, folder=Path("moved") / one.result.method) for one in runs]
    with pytest.raises(DataError, match=r"\(moved/stl\).*\(moved/aft\) were on different test"):
        compare_runs(moved)


def test_training_rows_may_differ_where_their_limits_do() -> None:
    half = run("stl", 0, 0.6, digests={"train": "c", "test": "b"})
    half.result.config["data"]["limit"] = 50
    whole = run("stl", 0, 0.7, digests={"train": "a", "test": "b"})
    assert len(compare_runs([whole, half]).rows) == 2


def test_runs_of_other_numbers_of_processes_are_other_rows() -> None:
    runs = [run("stl", 0, 0.7), run("aft", 0, 0.7), run("aft", 1, 0.7, processes=2)]
    rows = compare_runs(runs).transfers
    assert [(list(row.values), row.fair) for row in rows] == [([0], True), ([1], False)]
    differences = training_differences(runs[2].result, runs[0].result)
    assert differences == {"processes": (2, 1)}


def test_the_device_that_was_used_counts_not_how_it_was_asked_for() -> None:
    auto, cpu = run("stl", 0, 0.7), run("aft", 0, 0.8, train={"device": "cpu"})
    assert training_differences(cpu.result, auto.result) == {}
    gpu = replace(cpu, result=cpu.result.model_copy(update={"device": "NVIDIA H100"}))
    assert training_differences(gpu.result, auto.result) == {"device": ("gpu", "cpu")}
