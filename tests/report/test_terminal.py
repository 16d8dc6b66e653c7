"""The table, as a file and as a terminal see it."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tutelage.report import print_result, score_table
from tutelage.results import read_comparison


def printed(folders: list[Path], *, terminal: bool, width: int = 80, **options: object) -> str:
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        force_terminal=terminal,
        width=width,
        color_system="truecolor" if terminal else None,
    )
    print_result(folders, console=console, **options)
    return buffer.getvalue()


@pytest.fixture
def folders(tmp_path: Path, write_run) -> list[Path]:
    stl = [
        write_run(tmp_path / f"stl-{s}", method="stl", seed=s, accuracy=0.76 + 0.004 * s)
        for s in range(3)
    ]
    aft = [write_run(tmp_path / f"aft-{s}", seed=s, accuracy=0.77 + 0.014 * s) for s in range(3)]
    return stl + aft


def test_a_file_gets_words_and_spaces(folders: list[Path]) -> None:
    text = printed(folders, terminal=False, probes={"MPNet [large]": 0.848})
    lines = text.splitlines()

    assert lines[0].split() == [
        "method",
        "settings",
        "seeds",
        "accuracy",
        "%",
        "difference",
        "mean",
        "rho",
        "seconds",
    ]
    assert lines[1].split() == ["Standard", "fine-tuning", "3", "76.40", "±", "0.23", "114.7"]
    assert lines[2].split()[:8] == ["AFT", "β", "3", "3", "78.40", "±", "0.81", "+2.00"]
    assert "Linear probe on MPNet [large]: 84.80 %" in lines
    assert "AFT is above standard fine-tuning by 2.0 ± 0.6 points over 3 seeds." in lines
    assert set(text) <= set(map(chr, range(32, 127))) | {"\n", "±", "β"}


def test_a_table_leaves_the_width_of_its_console_to_the_surroundings(folders, monkeypatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    console = Console(file=io.StringIO())
    print_result(folders, console=console)
    monkeypatch.setenv("COLUMNS", "123")
    assert console.width == 123


def test_a_file_gets_whole_rows_however_narrow(folders: list[Path]) -> None:
    assert printed(folders, terminal=False, width=20) == printed(folders, terminal=False, width=200)


def test_a_terminal_gets_a_ruled_table_that_fits(folders: list[Path]) -> None:
    text = printed(folders, terminal=True, width=80)

    assert "─" in text
    assert "78.40 ± 0.81" in text


def test_one_run_is_held_against_the_one_beside_it(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "aft", accuracy=0.7812)
    write_run(tmp_path / "stl", method="stl", accuracy=0.7955)
    text = printed([run], terminal=False)

    for words in (
        "78.12",
        "79.55",
        "-1.43",
        "mpnet 0.5",
        "glove 0.",
        "one seed is not enough to tell",
    ):
        assert words in text


def test_table_has_a_row_for_each_method(folders: list[Path]) -> None:
    assert score_table(read_comparison(folders)).row_count == 2


def test_regression_is_told_in_its_own_metric(tmp_path: Path, write_run) -> None:
    folders = [
        write_run(
            tmp_path / f"{method}-{seed}",
            method=method,
            seed=seed,
            task="regression",
            metric="r2",
            metrics={"test": {"r2": r2 + 0.01 * seed, "rmse": 3.0}},
        )
        for method, r2 in (("stl", 0.5), ("aft", 0.525))
        for seed in range(3)
    ]
    text = printed(folders, terminal=False)
    lines = text.splitlines()
    assert "R²" in lines[0]
    assert lines[2].split()[:10] == [
        "AFT",
        "β",
        "3",
        "3",
        "0.535",
        "±",
        "0.006",
        "+0.025",
        "±",
        "0.000",
    ]
    assert "AFT is above standard fine-tuning by 0.025 ± 0.000 in R² over 3 seeds." in lines
    assert "accuracy" not in text
    assert "%" not in text.replace("84.80 %", "")
