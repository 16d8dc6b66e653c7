"""A task: its config, the runs that are done, and the choice of settings on hold-outs."""

import json
import math
import os
import shutil
import signal
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ways import STRENGTHS, Cell, Found

from tutelage import ExperimentConfig, auto, probe, run
from tutelage.demo.data import minilm
from tutelage.errors import TutelageError
from tutelage.sweeps.search_space import SearchPoint

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "methods"))  # pictures.py

SPLITS = 2
"""Hold-outs that settings are chosen by: their mean counts."""
FURTHER = 2
"""Strengths beyond an end of the grid, while the end is best."""
SEEDS = 5
STAGES: Mapping[str, tuple[str, ...]] = {
    "core": ("probe", "aft"),
    "auto": (),
    "auto labelled": (),
    "budgets": (),
    "others": ("kd", "rkd", "ft", "btuning"),
}
BUDGET, FOLDS = 40, 3
"""Of ``--auto``: runs, the two final ones included, and folds."""
BUDGETS = (10, 20)
"""A quarter and half of it."""


class OutOfTimeError(BaseException):
    """The time is over; no error of a run, so that nothing takes it for one."""


@dataclass
class Task:
    """A task's config, its grid, and the runs that are done.

    Attributes:
        config: Data, teachers and student.
        grid: The table ``[students]``.
        log: A line a run.
        until: No run starts after this.
        done: Scores by cell, rows and number.
        searches: What ``--auto`` chose.
        lengths: Steps of cells whose number is automatic.
    """

    config: ExperimentConfig
    grid: Mapping[str, Any]
    log: Path
    until: float
    done: dict[tuple[str, str, int], float | None] = field(default_factory=dict)
    searches: dict[str, dict[str, Any]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        for line in self.log.read_text().splitlines() if self.log.exists() else ():
            self._remember(json.loads(line))

    def score(self, cell: Cell | Found, *, rows: str, number: int) -> float | None:
        """The score of a cell on hold-out ``number``, or on the test rows with that seed."""
        key = cell.name, rows, number
        if key in self.done:
            return self.done[key]
        if time.time() > self.until:
            raise OutOfTimeError
        holdout = rows == "holdout"
        base = self.config.replace(cell.settings()) if isinstance(cell, Cell) else cell.config
        config = base.replace(
            {
                "data.evaluate": rows,
                "data.split_seed": number if holdout else 0,
                "seed": 0 if holdout else number,
                "output.dir": self.log.parent / "work" / f"{self.config.name}-{os.getpid()}",
                "output.overwrite": True,
            }
        )
        began, seconds, reason, steps = time.time(), 0.0, "", None
        try:
            result = run(config)
            score: float | None = result.metrics[rows][config.data.lead.name]
            seconds, steps = result.seconds["train"], result.config["train"]["steps"]
        except TutelageError as error:
            score, reason = None, str(error).splitlines()[0]
        shutil.rmtree(config.output.dir, ignore_errors=True)
        self.note(
            cell=cell.name,
            rows=rows,
            number=number,
            score=score,
            seconds=round(time.time() - began, 1),
            train_seconds=round(seconds, 1),
            steps=steps,
            **({"reason": reason} if reason else {}),
        )
        return score

    def held_out(self, cell: Cell, *, splits: int) -> float:
        """The mean score over the hold-outs; least of all where a run failed."""
        scores = [self.score(cell, rows="holdout", number=number) for number in range(splits)]
        return sum(-1.0 if one is None else one for one in scores) / splits

    def best(self, cells: list[Cell], *, splits: int = SPLITS) -> Cell:
        """The cell with the best mean over the hold-outs; of equal ones the first."""
        return max(cells, key=lambda cell: self.held_out(cell, splits=splits))

    def probe(self) -> None:
        """The score of the linear probe on all teachers' features."""
        if ("teachers", "test", 0) not in self.done:
            *_, last = probe(self.config)
            self.note(cell="teachers", rows="test", number=0, score=last.score)

    def note(self, **row: Any) -> None:
        """Write a line, and remember its score."""
        with self.log.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self._remember(row)
        print(self.config.name, json.dumps(row), flush=True)

    def _remember(self, row: dict[str, Any]) -> None:
        self.done[row["cell"], row["rows"], row["number"]] = row["score"]
        if row.get("steps"):
            self.lengths[row["cell"]] = row["steps"]
        if row["rows"] == "choice":
            self.searches[row["cell"]] = row

    # The ways to train, each chosen by hold-outs.

    def today(self, lr: float | None = None) -> Cell:
        """Fine-tuning from a random head at the settings that this repository's experiments had."""
        told = self.grid["today"]
        return Cell("stl", lr or told["lr"], told["steps"], head="random")

    def baseline(self) -> Cell:
        """The strongest fine-tuning: learning rate at the middle number of steps, then the steps."""
        rates, steps = self.grid["lr"], self.grid["steps"]
        middle = steps[len(steps) // 2]
        rate = self.best([Cell("stl", lr, middle) for lr in rates]).lr
        return self.best([Cell("stl", rate, number) for number in steps])

    def tuned(self, method: str, *, unlabelled: bool = False) -> Cell:
        """A method at its best strength, on top of the strongest fine-tuning's settings.

        Other people's methods have up to ``FURTHER`` strengths more at an end that nothing beats.
        """
        base = self.baseline()
        steps = self.grid["unlabelled_steps"] if unlabelled else base.steps
        splits = self.grid.get("splits", SPLITS)

        def at(strength: float) -> Cell:
            return Cell(method, base.lr, steps, strength, unlabelled=unlabelled)

        strengths = list(STRENGTHS[method][1])
        for _ in range(FURTHER if method in STAGES["others"] else 0):
            scores = [self.held_out(at(strength), splits=splits) for strength in strengths]
            strengths = outwards(strengths, scores)
        return self.best([at(strength) for strength in strengths], splits=splits)

    def chosen(self, stage: str) -> Iterator[tuple[str, Cell | Found]]:
        """The ways of a stage by their names in the table."""
        if stage == "core":
            yield "today", self.today()
            if self.grid.get("default_rate"):
                yield "today, lr 1e-4", self.today(lr=1e-4)
            yield "baseline", self.baseline()
        unlabelled = "unlabelled_steps" in self.grid
        if stage == "auto" and unlabelled:
            yield "auto + unlabelled", self.searched("auto + unlabelled")
        if stage == ("auto labelled" if unlabelled else "auto"):
            yield "auto", self.searched("auto")
        if stage == "budgets" and unlabelled:
            for budget in BUDGETS:
                found = self.searched("auto + unlabelled", budget=budget)
                yield found.name, found
        for method in STAGES[stage]:
            yield method, self.tuned(method)
            if stage == "core" and unlabelled:
                yield f"{method} + unlabelled", self.tuned(method, unlabelled=True)

    def searched(self, name: str, *, budget: int = BUDGET) -> Found:
        """What ``--auto`` chooses, with or without rows that have no label.

        It is ended where the time is over, and continues from its folder; a smaller budget has the
        folder of the whole, and so does not repeat its runs.
        """
        left = self.until - time.time()
        share = 0.5 if name.endswith("unlabelled") else 0.0
        folder = self.log.parent / "auto" / f"{self.config.name}-{name.replace(' + ', '-')}"
        config = self.config.replace(
            {
                "train.unlabelled_share": share,
                "tune.folds": FOLDS,
                "output.dir": folder,
            }
        )
        if budget != BUDGET:
            name = f"{name}, {budget} runs"
        if name not in self.searches:
            if left <= 0:
                raise OutOfTimeError
            with ending_after(left):
                choice = auto(config, budget=str(budget))
            tried = choice.named(choice.chosen)
            self.note(
                cell=name,
                rows="choice",
                number=0,
                score=tried.score.mean,
                method=tried.method,
                settings=dict(tried.settings),
                baseline=dict(choice.named(choice.baseline).settings),
                gain=None if choice.gain is None else [choice.gain.mean, choice.gain.error],
                runs=choice.spent.runs,
                seconds=round(sum(one.seconds for one in choice.tried), 1),
            )
        line = self.searches[name]
        point = SearchPoint(line["method"], line["settings"])
        return Found(name, point.method, point.settings, point.applied(config, folder=folder))

    def finish(self, stage: str) -> None:
        """Choose on the hold-outs, then read the test rows."""
        ways = dict(self.chosen(stage))
        self.probe()
        for seed in range(SEEDS):
            for cell in ways.values():
                self.score(cell, rows="test", number=seed)


def outwards(strengths: Sequence[float], scores: Sequence[float]) -> list[float]:
    """The strengths, and one more beyond each end that has the best of the scores.

    Nothing is added where all runs failed.
    """
    if max(scores) < 0:
        return list(strengths)
    low, high = strengths[0] ** 2 / strengths[1], strengths[-1] ** 2 / strengths[-2]
    lower = [low] if scores[0] == max(scores) else []
    higher = [high] if scores[-1] == max(scores) else []
    return [float(f"{one:.3g}") for one in (*lower, *strengths, *higher)]


@contextmanager
def ending_after(seconds: float) -> Iterator[None]:
    """Raise ``OutOfTimeError`` in what runs longer."""

    def end(*_: object) -> None:
        raise OutOfTimeError

    signal.signal(signal.SIGALRM, end)
    signal.alarm(math.ceil(min(seconds, 1e8)))
    try:
        yield
    finally:
        signal.alarm(0)


def open_task(name: str, *, out: Path, data: Path, models: Path, minutes: float | None) -> Task:
    """Read a task's file; folders and the packaged encoder are filled in."""
    text = (HERE / f"{name}.toml").read_text(encoding="utf-8")
    given = {"DATA": data.resolve(), "MODELS": models.resolve(), "MINILM": minilm()}
    for word, folder in given.items():
        text = text.replace(f'"{word}', f'"{folder.as_posix()}').replace(
            f'"hf:{word}', f'"hf:{folder.as_posix()}'
        )
    table = tomllib.loads(text)
    grid = table.pop("students")
    table["train"] |= {"checkpoint_every": 0, "workers": 0, "log_every": 100, "scored_rows": 16}
    table["cache"] = {"dir": str(out / "cache"), "workers": 0}
    until = time.time() + 60 * minutes if minutes else float("inf")
    return Task(ExperimentConfig.model_validate(table), grid, out / f"{name}.jsonl", until)
