"""The page's tables, row by row."""

import pytest

from tutelage.report.facts import (
    method_table,
    run_table,
    setup,
    teacher_table,
    time_table,
)
from tutelage.results.folders import read_comparison

SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture
def compared(tmp_path, write_run):
    """Two seeds of fine-tuning, of AFT and of probe distillation."""
    folders = []
    for method, accuracies in {
        "stl": (0.70, 0.72),
        "aft": (0.74, 0.78),
        "probe": (0.71, 0.71),
    }.items():
        for seed, accuracy in enumerate(accuracies):
            folder = tmp_path / f"{method}-{seed}"
            folders.append(
                write_run(folder, method=method, seed=seed, accuracy=accuracy, rho=method == "aft")
            )
    return read_comparison(folders)


def plain(rows):
    return [tuple(cell.replace(SPACE, " ") for cell in row) for row in rows]


def column(table, name):
    assert all(len(row) == len(table.head) for row in table.rows)
    return [cells[table.head.index(name)] for cells in plain(table.rows)]


def test_methods_have_means_and_paired_differences(compared):
    table = method_table(compared)
    assert column(table, "Seeds") == ["2", "2", "2"]
    assert column(table, "Accuracy %") == ["71.00 ± 1.00", "76.00 ± 2.00", "71.00 ± 0.00"]
    assert column(table, "Difference") == ["", "+5.00 ± 1.00", "+0.00 ± 1.00"]


def test_each_run_is_held_against_the_baseline_of_its_seed(compared):
    table = run_table(compared)
    assert column(table, "Seed") == ["0", "1"] * 3
    assert column(table, "Difference") == ["", "", "+4.00", "+6.00", "+1.00", "−1.00"]


def test_a_column_without_content_is_left_out(tmp_path, write_run):
    alone = read_comparison([write_run(tmp_path / "aft", method="aft")])
    table = run_table(alone)
    assert "Difference" not in table.head
    assert table.numbers == len(table.head) - 1


def test_teachers_of_methods_with_weights_show_them(compared):
    table = teacher_table(compared)
    assert column(table, "Teacher") == ["mpnet", "glove"]
    assert column(table, "Parameters") == ["109 M", "not known"]
    assert column(table, "Share") == ["90.0 ± 0.0 %", "10.0 ± 0.0 %"]
    assert all("±" in text for text in column(table, "Mean ρ"))


def test_runs_without_teachers_have_no_table_of_them(tmp_path, write_run):
    stl = read_comparison([write_run(tmp_path / "stl", method="stl")])
    assert teacher_table(stl) is None


def test_times_are_means_over_seeds_in_the_order_of_work(compared):
    table = time_table(compared)
    assert table.head == ("Method", "Extract", "Prepare", "Train", "Evaluate", "In all")
    assert table.numbers == 5
    assert len(table.rows) == 3


def test_the_setup_says_data_student_training_and_machine(compared):
    sections = dict(setup(compared))
    assert list(sections) == ["Data", "Student", "Transfer", "Training", "Machine"]
    assert ("Seeds", "0, 1") in sections["Training"]
    assert ("Rows, test", "2,000") in sections["Data"]
    assert sections["Transfer"] == [("AFT", "β 3")]


def test_the_setup_has_the_values_of_all_rows(tmp_path, write_run):
    plain = write_run(tmp_path / "stl", method="stl", config={"train": {"lr": 1e-3}})
    taught = write_run(tmp_path / "aft", config={"train": {"lr": 1e-4}})
    training = dict(setup(read_comparison([plain, taught])))["Training"]
    assert ("Learning rate", "0.0001 or 0.001") in training


def test_the_sample_of_training_rows_is_named(tmp_path, write_run):
    sampled = {"train": {"scored_rows": 500}}
    run = write_run(tmp_path / "run", method="stl", config=sampled)  # of 1,000 training rows
    assert "On 500 training rows" in run_table(read_comparison([run])).head
    everything = {"train": {"scored_rows": 1000}}
    whole = write_run(tmp_path / "whole", method="stl", config=everything)
    assert "On training rows" in run_table(read_comparison([whole])).head
