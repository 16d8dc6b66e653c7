"""A packaged demo: fine-tuning, AFT as published, and the student of ``--auto``, over several seeds."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from tutelage.config import ExperimentConfig, TuneConfig
from tutelage.demo.demos import Demo
from tutelage.experiment.plan import Plan
from tutelage.experiment.run import run
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.experiment.teacher_probe import ProbedRows, teacher_probe
from tutelage.extraction.devices import cores
from tutelage.progress import Progress
from tutelage.report import print_comparison, write_page, write_report
from tutelage.report.account import how_chosen, title_of, what_was_tried
from tutelage.report.units import amount
from tutelage.results.folders import read_run
from tutelage.results.grouping import compare_runs
from tutelage.results.unlabelled import learns_from_unlabelled
from tutelage.sweeps.auto import auto
from tutelage.sweeps.choice import Choice
from tutelage.sweeps.processes import process_pool
from tutelage.sweeps.search_space import SearchPoint
from tutelage.sweeps.tune import tune

__all__ = ["SEEDS", "run_demo", "students_of"]

SEEDS = 5


def run_demo(
    demo: Demo,
    folder: Path,
    *,
    console: Console,
    progress: Progress,
    seeds: int = SEEDS,
    jobs: int | None = None,
    settings: Sequence[str] = (),
) -> Path:
    """Search on folds of the training rows, then train what was found with several seeds.

    The students: standard fine-tuning at its best settings; AFT as published; what ``tutelage train
    --auto`` chooses, and, if that learns from rows without a label, the same without them. An
    interrupted demo resumes. The test rows are read only at the end of each run, and select nothing.

    Args:
        demo: Which demo.
        folder: Receives ``report.html``, and ``auto`` with the search and all runs.
        console: Receives the table.
        progress: Receives progress reports.
        seeds: Runs of each student.
        jobs: Processes; by default one a core, at most 8.
        settings: Other settings for all runs, as ``path=value``.

    Returns:
        The report's path.
    """
    jobs = jobs or min(cores(), 8)
    config = demo.config(folder / "auto", settings=settings)
    probe = _probe(config, progress)  # caches the features of the test rows, which pages then show
    search = config.replace({"tune.beta": TuneConfig().beta})  # that of AFT as published alone
    choice = auto(search, budget=demo.budget, jobs=jobs, progress=progress)
    students = students_of(config, choice, aft=partial(_published, jobs=jobs, progress=progress))
    configs = [_with_seed(student, seed) for student in students for seed in range(seeds)]
    _train(configs[::-1], jobs=jobs, label=f"{seeds} seeds", progress=progress)

    comparison = compare_runs(
        [read_run(one.output.dir) for one in configs],
        picked=choice.result,
        probes={demo.teacher: probe},
        tuned=True,
    )
    page = write_page(
        comparison, path=folder / "report.html", title=demo.title, notes=_notes(demo, choice)
    )
    print_comparison(comparison, console=console)
    for name, path in {"search": write_report([config.output.dir]), "report": page}.items():
        console.print(f"{name}   {path}", highlight=False, markup=False, soft_wrap=True)
    return page


def students_of(
    config: ExperimentConfig, choice: Choice, *, aft: Callable[[ExperimentConfig], ExperimentConfig]
) -> list[ExperimentConfig]:
    """Return the students that are compared, each once, in the order of the table.

    Args:
        config: Of the search.
        choice: What it found.
        aft: Returns AFT as published for the config of standard fine-tuning.

    Returns:
        Standard fine-tuning, AFT, and, if it is another, what was chosen, below the same without
        unlabelled rows.
    """

    def trained(name: str) -> ExperimentConfig:
        one, place = choice.named(name), "chosen" if name == choice.chosen else "baseline"
        point = SearchPoint(one.method, one.settings)
        return point.applied(config, folder=config.output.dir / place)

    plain, chosen = trained(choice.baseline), trained(choice.chosen)
    students = [plain, aft(plain)]
    if choice.result is not None and learns_from_unlabelled(choice.result):
        labelled = {"train.unlabelled_share": 0.0, "output.dir": chosen.output.dir.parent / "alone"}
        students.append(chosen.replace(labelled))
    once: dict[str, ExperimentConfig] = {}
    for student in [*students, chosen]:
        once.setdefault(student.digest(), student)
    return list(once.values())


def _published(plain: ExperimentConfig, *, jobs: int, progress: Progress) -> ExperimentConfig:
    """AFT on labelled rows, at the settings of standard fine-tuning; beta is chosen on the folds."""
    folder = plain.output.dir.parent
    labelled = {"transfer.method": "aft", "train.unlabelled_share": 0.0}
    config = plain.replace(labelled | {"output.dir": folder / "beta"})
    best = tune(config, jobs=jobs, retrain=False, progress=progress).best
    return SearchPoint(best.method, best.settings).applied(config, folder=folder / "aft")


def _with_seed(student: ExperimentConfig, seed: int) -> ExperimentConfig:
    """The same with another seed, in a folder of its own."""
    if seed == student.seed:
        return student
    folder = student.output.dir
    return student.replace(
        {"seed": seed, "output.dir": folder.with_name(f"{folder.name}-seed-{seed}")}
    )


def _train(
    configs: Sequence[ExperimentConfig], *, jobs: int, label: str, progress: Progress
) -> None:
    """Run experiments in parallel; finished ones are left as they are."""
    with (
        process_pool(jobs) as processes,
        progress.track(label, len(configs), unit="runs") as update,
    ):
        for done, _ in enumerate(processes.run(partial(run, resume=True), configs), start=1):
            update(done)


def _probe(config: ExperimentConfig, progress: Progress) -> float:
    """The teacher's linear probe, fitted on the training rows."""
    plan, runtime = Plan.of(config), Runtime.of(config, progress)
    rows = ProbedRows.of(plan, extract_features(plan, runtime), runtime)
    return teacher_probe(plan, rows, runtime).score


def _notes(demo: Demo, choice: Choice) -> list[str]:
    """Paragraphs on how settings were chosen, on the rows, and on the student."""
    ahead = (
        "" if choice.gain is None else f", {amount(choice.gain, choice.metric)} on held-out rows"
    )
    results = filter(None, (choice.result, choice.baseline_result))
    rows = {name: count for result in results for name, count in result.rows.items()}
    return [
        f"tutelage train --auto chose {title_of(choice.named(choice.chosen))}{ahead}, by "
        f"{choice.folds} folds of the {rows['train']:,} labelled training rows. "
        + " ".join([*what_was_tried(choice), *how_chosen(choice)])
        + " auto/report.html has the search.",
        "AFT is as published: labelled rows alone, the learning rate and patience of standard "
        "fine-tuning, β chosen on the same folds. "
        f"“+ unlabelled” marks what also learns from {rows.get('unlabelled', 0):,} rows without a label.",
        demo.student,
    ]
