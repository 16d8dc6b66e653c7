"""What the page and the terminal show of ``train --auto``: everything tried, fold by fold, and cost."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tutelage.report import print_result, write_report
from tutelage.report.search import view_of

POINTS = {
    "stl lr=0.001": [0.60, 0.70, 0.65],
    "stl lr=0.0003": [0.58],
    "aft beta=3 lr=0.001": [0.64, 0.73, 0.68],
    "aft+probe beta=3 mix=0.7 unlabelled_share=0.5": [0.63, 0.76, 0.68],
    "kd beta=1": [],
}


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


@pytest.fixture
def choice(choice_of):
    return choice_of(POINTS, chosen="aft-beta-3-lr-0.001")


def test_the_table_has_everything_that_was_tried(choice) -> None:
    table = {column.head: [plain(c) for c in column.cells] for column in view_of(choice).columns}

    assert list(table) == [
        "tried", "state", "mean accuracy %", "gain", "fold 0", "fold 1", "fold 2", "time",
    ]  # fmt: skip
    assert table["tried"][3] == "AFT + probe (β 3, mix 0.7, unlabelled share 0.5)"
    assert table["state"] == [
        "best standard fine-tuning",
        "not pursued",
        "chosen",
        "highest",
        "failed: the loss is nan at step 12",
    ]
    # Differences of 4, 3 and 3 points, and of 3, 6 and 3; the second of stl lies 2 below on fold 0.
    assert table["gain"] == ["", "-2.00", "+3.33 ± 0.33", "+4.00 ± 1.00", ""]
    assert table["fold 1"] == ["70.0", "", "73.0", "76.0", ""]
    assert table["mean accuracy %"][2] == "68.33 ± 2.60"


def test_the_chart_has_gains_over_shared_folds(choice) -> None:
    view = view_of(choice)

    assert [plain(lane.label) for lane in view.lanes] == [
        "Standard fine-tuning",
        "AFT: +3.3 ± 0.3 points",
        "AFT + probe: +4.0 ± 1.0 points",
        "KD: none finished",
    ]
    assert view.mark == 0
    assert [round(score.mean, 6) for score in view.lanes[0].scores] == [0, -2]
    assert [lane.chosen for lane in view.lanes] == [None, 0, None, None]


def test_costs_are_shares_of_all_seconds(tmp_path: Path, choice, write_choice) -> None:
    costs = {column.head: [plain(c) for c in column.cells] for column in view_of(choice).costs}
    assert costs["runs"] == ["4", "3", "3", "0"]
    assert costs["share"] == ["40 %", "30 %", "30 %", "0 %"]

    folder = write_choice(tmp_path / "auto", choice)
    page = plain(write_report([folder]).read_text(encoding="utf-8"))
    assert "Students on all training rows" in page
    assert "3 min 47 s" in page  # twice 61.2 + 1.4 + 48 + 3.1 seconds


def test_seeds_take_the_place_of_folds(choice_of) -> None:
    heads = [column.head for column in view_of(choice_of(POINTS, folds=None)).columns]
    assert "seed 2" in heads


def test_the_page_and_the_terminal(tmp_path: Path, choice, write_choice) -> None:
    folder = write_choice(tmp_path / "auto", choice)
    page = write_report([folder])
    text = plain(page.read_text(encoding="utf-8"))

    assert page == folder / "report.html"
    assert (
        "<h1>AFT is above the best standard fine-tuning by 3.3 ± 0.3 points over 3 folds.</h1>"
        in text
    )
    assert "The search on held-out folds" in text
    assert "On the test rows the difference of the two students" in text
    assert "not due to the transfer alone" not in text

    buffer = io.StringIO()
    print_result([folder], console=Console(file=buffer, width=200))
    lines = buffer.getvalue().splitlines()
    assert lines[0].split() == ["tried", "folds", "accuracy", "%", "gain"]
    assert any(line.startswith("aft-beta-3-lr-0.001") and "chosen" in line for line in lines)
