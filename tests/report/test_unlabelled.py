"""What the report says of unlabelled rows: their gain, or the command that measures it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.report.units import SPACE
from tutelage.report.unlabelled import unlabelled_sentences
from tutelage.report.verdict import reasons
from tutelage.results import read_comparison


def config(*, unlabelled: bool, steps: int = 400, share: float = 0.5) -> dict[str, Any]:
    more = {"unlabelled": "folder:more"} if unlabelled else {}
    return {
        "data": {"source": "folder:flowers", **more},
        "student": {"source": "timm:s"},
        "transfer": {"method": "aft", "beta": 3.0},
        "train": {"steps": steps, "unlabelled_share": share if unlabelled else 0.0},
        "output": {"dir": "runs/aft"},
    }


@pytest.fixture
def pairs(tmp_path: Path, write_run) -> Callable[..., list[Path]]:
    """Runs with 500 unlabelled rows, and next to each one without; returns the folders of the former."""

    def write(*gains: float, steps: int = 400) -> list[Path]:
        folders = []
        for seed, gain in enumerate(gains):
            common = {"seed": seed, "teachers": {}}
            without, rest = config(unlabelled=False, steps=steps), {"steps": steps, **common}
            place = tmp_path / f"without-{seed}"
            write_run(place, accuracy=0.7 + seed / 100, config=without, **rest)
            folders.append(
                write_run(
                    tmp_path / f"with-{seed}",
                    accuracy=0.7 + seed / 100 + gain,
                    config=config(unlabelled=True),
                    unlabelled=500,
                    **common,
                )
            )
        return folders

    return write


def said(folders: list[Path]) -> list[str]:
    return [s.replace(SPACE, " ") for s in unlabelled_sentences(read_comparison(folders))]


def test_the_gain_is_paired_by_seed(pairs) -> None:
    assert said(pairs(0.03, 0.05, 0.04)) == [
        "500 unlabelled rows brought +4.0 ± 0.6 points: AFT + unlabelled against the same without "
        "them, over 3 seeds."
    ]


def test_noise_and_single_seeds_are_called_so(pairs) -> None:
    assert said(pairs(0.03, -0.03, 0.01))[0].endswith("over 3 seeds, which is within noise.")


def test_one_seed_is_not_enough(pairs) -> None:
    assert said(pairs(0.03))[0].endswith("over one seed; one seed is not enough to tell.")


def test_another_number_of_steps_is_told(pairs) -> None:
    assert said(pairs(0.03, steps=200))[0].endswith(
        "With them it was trained for 400 steps, without for 200."
    )


def test_the_verdict_stays_on_the_run_that_was_asked_for(pairs) -> None:
    comparison = read_comparison(pairs(-0.03))
    assert comparison.foremost is not None
    assert comparison.foremost.title == "AFT + unlabelled"
    assert any("brought" in sentence for sentence in reasons(comparison))


def test_without_such_runs_the_command_is_given(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "aft", config=config(unlabelled=True), unlabelled=500)
    other = config(unlabelled=False) | {"transfer": {"method": "aft", "beta": 10.0}}
    write_run(tmp_path / "other", config=other, beta=10.0)
    assert said([run]) == [
        "AFT learned from 500 unlabelled rows, too. To see what they brought, train the same "
        "without them: tutelage train runs/aft/config.toml --set train.unlabelled_share=0 "
        "--out runs/aft-labelled"
    ]


def test_runs_without_such_rows_say_nothing(tmp_path: Path, write_run) -> None:
    assert said([write_run(tmp_path / "aft", config=config(unlabelled=False))]) == []


def test_shares_of_unlabelled_rows_are_rows_of_their_own(tmp_path: Path, write_run) -> None:
    folders = [
        write_run(
            tmp_path / f"{share}", config=config(unlabelled=True, share=share), unlabelled=500
        )
        for share in (0.5, 0.75)
    ]
    assert len(read_comparison(folders).rows) == 2
