"""The verdict's cautions, and what it says over several students or shares of the rows."""

from pathlib import Path

from tutelage.report.units import SPACE
from tutelage.report.verdict import reasons, verdict
from tutelage.results import read_comparison

CAUTION = "one class for every test row"


def constant(accuracy: float, classes: int = 2) -> dict[str, dict[str, float]]:
    """Metrics of one class for every row."""
    macro_f1 = 2 * accuracy / (1 + accuracy) / classes
    return {"test": {"accuracy": accuracy, "mcc": 0.0, "f1": 0.0, "macro_f1": macro_f1}}


def test_a_method_that_predicts_one_class_is_named(tmp_path: Path, write_run) -> None:
    folders = [
        write_run(tmp_path / f"stl-{s}", method="stl", seed=s, accuracy=0.7 + s / 100)
        for s in (0, 1)
    ]
    folders += [write_run(tmp_path / f"aft-{s}", seed=s, metrics=constant(0.606)) for s in (0, 1)]
    sentences = reasons(read_comparison(folders))

    assert any(s.startswith("Caution: AFT predicts one class") for s in sentences)
    assert not any("same score" in sentence for sentence in sentences)


def test_a_correlation_of_zero_by_chance_is_none(tmp_path: Path, write_run) -> None:
    metrics = {"test": {"accuracy": 0.5, "mcc": 0.0, "macro_f1": 0.5}}
    run = write_run(tmp_path / "aft", metrics=metrics)

    assert not any(CAUTION in sentence for sentence in reasons(read_comparison([run])))


def test_equal_scores_everywhere_are_called_so(tmp_path: Path, write_run) -> None:
    folders = [
        write_run(tmp_path / f"{method}-{seed}", method=method, seed=seed, metrics=constant(0.606))
        for method in ("stl", "aft")
        for seed in (0, 1)
    ]
    text = " ".join(reasons(read_comparison(folders)))

    assert "Standard fine-tuning and AFT predict one class" in text
    assert "have the same score" in text


def test_the_best_below_fine_tuning_is_not_called_inflated(tmp_path: Path, write_run) -> None:
    folders = [
        write_run(
            tmp_path / f"{method}-{seed}", method=method, seed=seed, accuracy=accuracy + seed / 100
        )
        for method, accuracy in (("stl", 0.8), ("aft", 0.7), ("kd", 0.6))
        for seed in range(3)
    ]

    assert "inflates" not in " ".join(reasons(read_comparison(folders)))


def test_several_shares_of_the_rows(table, scores) -> None:
    stl = {0: 0.70, 1: 0.72}
    comparison = table(
        *(
            scores(method, {s: v + gain for s, v in stl.items()}, fraction=fraction)
            for fraction in (1.0, 0.1)
            for method, gain in (("stl", 0.0), ("aft", 0.03))
        )
    )

    assert verdict(comparison).startswith("AFT has the lowest mean relative error: 0.897")
    assert any("Several students or shares" in sentence for sentence in reasons(comparison))


def test_a_method_with_fewer_shares_is_not_called_lowest(table, scores) -> None:
    stl = {0: 0.70, 1: 0.72}
    rows = [("stl", 0.0, 1.0), ("aft", 0.03, 1.0), ("kd", 0.2, 1.0)]
    rows += [("stl", 0.0, 0.1), ("aft", 0.03, 0.1)]
    said = verdict(
        table(
            *(
                scores(method, {s: v + gain for s, v in stl.items()}, fraction=fraction)
                for method, gain, fraction in rows
            )
        )
    )
    assert said.startswith("AFT has the lowest mean relative error: 0.897")
    assert said.endswith("With fewer rows, and not compared: KD.")


def test_automatic_numbers_of_steps_that_differ_are_told(tmp_path: Path, write_run) -> None:
    write_run(tmp_path / "stl", method="stl", steps=200, automatic_steps=True)
    aft = write_run(tmp_path / "aft", steps=300, automatic_steps=True)
    said = reasons(read_comparison([aft]))
    told = [sentence for sentence in said if "automatic number of steps" in sentence]
    assert [sentence.partition(";")[0] for sentence in told] == [
        "Each had its automatic number of steps, 300 against 200 for standard fine-tuning"
    ]
    alike = write_run(tmp_path / "alike" / "aft", steps=200, automatic_steps=True)
    write_run(tmp_path / "alike" / "stl", method="stl", steps=200, automatic_steps=True)
    assert not any("automatic" in one for one in reasons(read_comparison([alike])))


def test_few_rows_that_are_all_right_are_no_certainty(tmp_path: Path, write_run) -> None:
    write_run(tmp_path / "stl", method="stl", accuracy=0.9, rows=30)
    said = " ".join(
        reasons(read_comparison([write_run(tmp_path / "aft", accuracy=1.0, rows=30)]))
    ).replace(SPACE, " ")

    assert "a standard error of 4.0 points from the choice of rows" in said
    assert "All 30 test rows are right: on other rows the share may be as low as 90.0 %" in said


def test_no_right_row_is_no_certainty_either(tmp_path: Path, write_run) -> None:
    write_run(tmp_path / "stl", method="stl", accuracy=0.1, rows=30)
    said = " ".join(
        reasons(read_comparison([write_run(tmp_path / "aft", accuracy=0.0, rows=30)]))
    ).replace(SPACE, " ")

    assert "None of the 30 test rows is right: on other rows the share may be as high as 10" in said


def test_rows_of_which_some_labels_are_unknown_make_nothing_surer(
    tmp_path: Path, write_run
) -> None:
    """90 rows are evaluated, of which 30 have all labels, and these alone are right or wrong."""
    known = {"rows": 90, "whole_rows": 30}
    write_run(tmp_path / "stl", method="stl", accuracy=0.9, **known)
    said = " ".join(
        reasons(read_comparison([write_run(tmp_path / "aft", accuracy=1.0, **known)]))
    ).replace(SPACE, " ")

    assert "With 30 test rows, each score has a standard error of 4.0 points" in said
    assert "All 30 test rows are right" in said
