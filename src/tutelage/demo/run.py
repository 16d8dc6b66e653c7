"""A packaged demo: one student, several methods, several seeds."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from tutelage.config import ExperimentConfig
from tutelage.demo.demos import Demo, DemoMethod
from tutelage.experiment.plan import Plan
from tutelage.experiment.run import run
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.experiment.teacher_probe import ProbedRows, teacher_probe
from tutelage.probes import Probe
from tutelage.progress import Progress
from tutelage.report import print_result, write_report
from tutelage.results.result import Result
from tutelage.sweeps.processes import Pool, cores, process_pool
from tutelage.sweeps.tune import extract_first

__all__ = ["SEEDS", "run_demo"]

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
    """Choose on a hold-out, then train in each chosen way on all training rows, with several seeds.

    An interrupted demo resumes. The test rows are read only at the end of each run, and select
    nothing.

    Args:
        demo: Which demo.
        folder: Receives a folder a run, and ``report.html``.
        console: Receives the table.
        progress: Receives progress reports.
        seeds: Runs of each kind.
        jobs: Processes; by default one a core, at most 8.
        settings: Other settings for all runs, as ``path=value``.

    Returns:
        The report's path.
    """
    config = partial(demo.config, settings=settings)
    extract_first(
        config(folder, DemoMethod("aft", unlabelled=True)), methods=["aft"], progress=progress
    )
    probe = _probe(config(folder, DemoMethod("aft")), progress)
    with process_pool(jobs or min(cores(), 8)) as processes:
        trials = [
            config(folder / "holdout" / way.name, way, evaluate="holdout") for way in demo.tried
        ]
        found = _run_all(trials, processes, label="choose on a hold-out", progress=progress)
        held = {
            way: result.metrics["holdout"]["accuracy"]
            for way, result in zip(demo.tried, found, strict=True)
        }
        methods = _chosen(held)
        configs = [
            config(folder / f"{way.name}-seed-{seed}", way, seed=seed)
            for seed in range(seeds)
            for way in (DemoMethod("stl"), *methods)
        ]
        results = _run_all(configs, processes, label=f"{seeds} seeds", progress=progress)
    folders = [one.output.dir for one in configs]
    picked = folder / f"{max(held, key=held.__getitem__).name}-seed-0"

    probes = {demo.teacher: probe.score}
    page = write_report(
        folders,
        path=folder / "report.html",
        title=demo.title,
        probes=probes,
        notes=_notes(demo, held, results),
        picked=picked,
    )
    print_result(folders, probes=probes, picked=picked, console=console)
    console.print(f"report   {page}", highlight=False, markup=False, soft_wrap=True)
    return page


def _chosen(held: Mapping[DemoMethod, float]) -> list[DemoMethod]:
    """The best AFT and the best probe distillation on labelled rows, and the best of all."""

    def best(methods: Sequence[DemoMethod]) -> list[DemoMethod]:
        return [max(methods, key=held.__getitem__)] if methods else []

    alone = [
        best([way for way in held if way.method == method and not way.unlabelled])
        for method in ("aft", "probe")
    ]
    return list(dict.fromkeys([*alone[0], *alone[1], *best(list(held))]))


def _notes(demo: Demo, held: Mapping[DemoMethod, float], results: Sequence[Result]) -> list[str]:
    scores = "; ".join(f"{tried.label}: {accuracy:.1%}" for tried, accuracy in held.items())
    labelled, unlabelled = (
        max(result.rows.get(kind, 0) for result in results) for kind in ("train", "unlabelled")
    )
    rows = f"{labelled:,} training examples have a label."
    if unlabelled:
        rows += f" Methods marked “+ unlabelled” also use {unlabelled:,} unlabelled examples."
    return [
        f"Methods and strengths were selected by their accuracy on a hold-out of the training examples "
        f"({scores}). The test examples were never used for selection.",
        rows,
        demo.student,
    ]


def _run_all(
    configs: Sequence[ExperimentConfig], processes: Pool, *, label: str, progress: Progress
) -> list[Result]:
    """Run experiments in parallel; finished ones are read."""
    results: dict[int, Result] = {}
    with progress.track(label, len(configs), unit="runs") as update:
        for number, result in processes.run(partial(run, resume=True), configs):
            results[number] = result
            update(len(results))
    return [results[number] for number in range(len(configs))]


def _probe(config: ExperimentConfig, progress: Progress) -> Probe:
    """The teacher's linear probe on the rows that the students saw."""
    plan, runtime = Plan.of(config), Runtime.of(config, progress)
    rows = ProbedRows.of(plan, extract_features(plan, runtime), runtime)
    return teacher_probe(plan, rows, runtime)
