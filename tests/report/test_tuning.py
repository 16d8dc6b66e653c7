"""What the page and the terminal say of a search: each point, the choice, the baseline, the noise."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tutelage.report import print_result, write_report
from tutelage.report.search import view_of

POINTS = {
    "stl lr=0.0001": [0.72],
    "stl lr=0.0003": [0.75],
    "aft beta=1 lr=0.0001": [0.78],
    "aft beta=3 lr=0.0001": [0.80],
    "aft beta=10 lr=0.0001": [],
    "probe mix=0.7 lr=0.0001": [0.80],
}


@pytest.fixture
def plain(write_search, tmp_path):
    return write_search(tmp_path / "plain", POINTS)[1]


@pytest.fixture
def words(write_search, tmp_path):
    """The sentences about a search of some points, with plain spaces and signs."""

    def sentences(points: dict[str, list[float]], **options: object) -> list[str]:
        name = f"search-{len(list(tmp_path.iterdir()))}"
        return [
            one.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")
            for one in view_of(write_search(tmp_path / name, points, **options)[1]).reasons
        ]

    return sentences


def test_the_table_has_every_point(plain) -> None:
    table = {column.head: column.cells for column in view_of(plain).columns}

    assert list(table) == ["tried", "hold-out accuracy %", "difference", "state"]
    assert table["tried"][0] == "Standard fine-tuning (lr 0.0001)"
    assert table["tried"][3] == "AFT (β 3, lr 0.0001)"
    assert table["state"] == (
        "",
        "best of standard fine-tuning",
        "",
        "chosen",
        "failed: the loss is nan at step 12",
        "",
    )
    assert [cell.strip() for cell in table["hold-out accuracy %"]] == (
        ["72.00", "75.00", "78.00", "80.00", "", "80.00"]
    )
    assert table["difference"] == ("", "", "+3.00", "+5.00", "", "+5.00")


def test_points_by_folder_for_a_terminal(plain) -> None:
    table = {column.head: column.cells for column in view_of(plain).short}

    assert table["tried"] == tuple(trial.name for trial in plain.trials)


def test_one_run_of_each_point(words) -> None:
    # sqrt(.8 * .2 / 300) = 2.31 and sqrt(.75 * .25 / 300) = 2.5 points: twice their root of squares.
    assert words(POINTS) == [
        "AFT (β 3, lr 0.0001) was chosen: its 80.0 % on the hold-out is the highest accuracy of "
        "6 points (1 failed), the first of 2 equal ones.",
        "The best point of standard fine-tuning reaches 75.0 % there: a difference of +5.0 points. "
        "With 300 rows in the hold-out, differences below 6.8 points may be chance.",
        "The best of several points has an inflated score on the hold-out; no test row took part in "
        "the choice.",
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.71, 0.73, 0.75], "+2.0 ± 0.6 points. That is beyond noise over 3 runs of each."),
        ([0.72, 0.69, 0.75], "+1.0 ± 1.2 points. That is within noise over 3 runs of each."),
    ],
)
def test_several_runs_are_paired(words, values, said) -> None:
    """Differences of 1, 2 and 3 points, and of 2, -2 and 3."""
    sentences = words({"stl": [0.70, 0.71, 0.72], "aft beta=3": values})

    if "beyond" in said:
        assert sentences[1].endswith(said)
    else:
        assert "within noise" in sentences[1]


def test_where_nothing_is_known_of_the_noise_nothing_is_said_of_it(words) -> None:
    sentences = words({"stl": [0.70], "aft beta=3": [0.71]}, rows=None)

    assert sentences[1].endswith("a difference of +1.0 points.")


def test_without_fine_tuning_there_is_no_difference(words) -> None:
    sentences = words({"aft beta=1": [0.7], "aft beta=3": [0.71]})

    assert len(sentences) == 2
    assert "standard fine-tuning" not in " ".join(sentences)


def test_fine_tuning_may_be_chosen_itself(words) -> None:
    sentences = words({"stl": [0.72], "aft beta=3": [0.71], "kd beta=1": [0.715]})

    assert sentences[0].startswith("Standard fine-tuning was chosen")
    assert sentences[1] == (
        "No point with teachers is above standard fine-tuning; the best of them is KD (β 1), with 71.5 %."
    )


def test_a_single_point_is_not_the_best_of_several(words) -> None:
    assert len(words({"stl": [0.72]})) == 1


def test_lanes_of_the_chart(plain) -> None:
    lanes = view_of(plain).lanes

    assert [lane.label.replace("\N{NO-BREAK SPACE}", " ") for lane in lanes] == [
        "Standard fine-tuning: 75.0 % at lr 0.0003",
        "AFT: 80.0 % at β 3, lr 0.0001",
        "Probe distillation: 80.0 % at mix 0.7, lr 0.0001",
    ]
    assert [lane.chosen for lane in lanes] == [None, 1, None]
    assert [len(lane.scores) for lane in lanes] == [2, 2, 1]


def test_the_page_and_the_terminal_show_the_search(tmp_path: Path, write_search, write_run) -> None:
    folder, _ = write_search(tmp_path / "tuned", POINTS)
    page = write_report([folder])
    text = page.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")

    assert page == folder / "report.html"
    assert "The search on the hold-out" in text
    assert "failed: the loss is nan at step 12" in text
    assert 'aria-label="Accuracy on the hold-out by method. The best of each method: ' in text
    assert "AFT: 80.0 % at β 3, lr 0.0001, chosen" in text
    assert "nothing here says whether the transfer helped" not in text
    command = (
        "tutelage train chosen/config.toml --method stl --set train.lr=0.0003 --out chosen-stl"
    )
    assert command in text

    buffer = io.StringIO()
    print_result([folder], console=Console(file=buffer, width=200))
    lines = buffer.getvalue().splitlines()
    assert lines[0].split() == ["tried", "hold-out", "accuracy", "%", "difference"]
    assert any(line.startswith("aft-beta-3") and "chosen" in line for line in lines)
    assert any("may be chance" in line for line in lines)

    write_run(folder / "chosen-stl", method="stl", accuracy=0.76)
    beside = write_report([folder]).read_text(encoding="utf-8")
    assert "This trains it on all training rows" not in beside
    assert "above standard fine-tuning" in beside


def test_a_search_without_fine_tuning_says_what_is_missing(tmp_path: Path, write_search) -> None:
    folder, _ = write_search(tmp_path / "tuned", {"aft beta=1": [0.7], "aft beta=3": [0.8]})

    assert "nothing here says whether the transfer helped" in write_report([folder]).read_text()
