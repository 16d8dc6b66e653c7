"""The packaged demo: one student, several methods, five seeds."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path

from rich.console import Console

from tutelage.config import ExperimentConfig, load_config
from tutelage.demo.data import minilm
from tutelage.experiment.plan import Plan
from tutelage.experiment.run import run
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.experiment.teacher_probe import ProbedRows, teacher_probe
from tutelage.probes import Probe
from tutelage.progress import Progress
from tutelage.regularizers.catalogue import label_of
from tutelage.report import print_result, write_report
from tutelage.results.result import Result
from tutelage.sweeps.processes import Pool, cores, process_pool
from tutelage.sweeps.search_space import SearchPoint
from tutelage.sweeps.tune import extract_first

__all__ = ["SEEDS", "TRIED", "DemoMethod", "demo_config", "run_demo"]

SEEDS = 5
HEADLINE = "The demo: a small text classifier under MiniLM"


@dataclass(frozen=True, eq=False)
class DemoMethod:
    """A method with its settings, and the rows that it learns from.

    Attributes:
        method: Name of the method.
        settings: Its strengths, by name.
        unlabelled: Whether it also learns from rows without a label.
    """

    method: str
    settings: Mapping[str, float] = field(default_factory=dict)
    unlabelled: bool = False

    @property
    def name(self) -> str:
        """A name for its folders."""
        return SearchPoint(self.method, self.settings).name + (
            "-unlabelled" if self.unlabelled else ""
        )

    @property
    def label(self) -> str:
        """A name for people: ``Probe distillation + unlabelled, mix 0.7``."""
        parts = [label_of(self.method) + (" + unlabelled" if self.unlabelled else "")]
        parts += [f"{name} {value:g}" for name, value in self.settings.items()]
        return ", ".join(parts)


TRIED = (
    *(DemoMethod("aft", {"beta": beta}) for beta in (1.0, 3.0)),
    *(DemoMethod("probe", {"mix": mix}) for mix in (0.7, 0.9)),
    DemoMethod("aft", {"beta": 3.0}, unlabelled=True),
    *(DemoMethod("probe", {"mix": mix}, unlabelled=True) for mix in (0.7, 0.9)),
    DemoMethod("aft+probe", {"beta": 1.0, "mix": 0.9}, unlabelled=True),
)
"""What the hold-out chooses from: AFT, probe distillation, and the method of the headline."""


def run_demo(
    folder: Path,
    *,
    console: Console,
    progress: Progress,
    seeds: int = SEEDS,
    tried: Sequence[DemoMethod] = TRIED,
    settings: Sequence[str] = (),
) -> Path:
    """Choose on a hold-out, then train in each chosen way on all training rows, with several seeds.

    An interrupted demo resumes. The test rows are read only at the end of each run, and select
    nothing.

    Args:
        folder: Receives a folder a run, and ``report.html``.
        console: Receives the table.
        progress: Receives progress reports.
        seeds: Runs of each kind.
        tried: What the hold-out chooses from.
        settings: Other settings for all runs, as ``path=value``.

    Returns:
        The report's path.
    """
    config = partial(demo_config, settings=settings)
    extract_first(
        config(folder, DemoMethod("aft", unlabelled=True)), methods=["aft"], progress=progress
    )
    probe = _probe(config(folder, DemoMethod("aft")), progress)
    with process_pool(min(cores(), 8)) as processes:
        trials = [config(folder / "holdout" / way.name, way, evaluate="holdout") for way in tried]
        found = _run_all(trials, processes, label="choose on a hold-out", progress=progress)
        held = {
            way: result.metrics["holdout"]["accuracy"]
            for way, result in zip(tried, found, strict=True)
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

    probes = {"MiniLM-L6": probe.score}
    page = write_report(
        folders,
        path=folder / "report.html",
        title=HEADLINE,
        probes=probes,
        notes=_notes(held, results),
        picked=picked,
    )
    print_result(folders, probes=probes, picked=picked, console=console)
    console.print(f"report   {page}", highlight=False, markup=False, soft_wrap=True)
    return page


def demo_config(
    folder: Path,
    way: DemoMethod,
    *,
    seed: int = 0,
    evaluate: str = "test",
    settings: Sequence[str] = (),
) -> ExperimentConfig:
    """Return the config of one of the demo's runs."""
    text = files("tutelage.demo").joinpath("demo.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text.replace("MINILM", minilm().as_posix()))
    chosen = {
        "seed": seed,
        "data": {"evaluate": evaluate},
        "transfer": {"method": way.method, **way.settings},
        "output": {"dir": str(folder)},
    }
    if not way.unlabelled:
        chosen["train"] = {"unlabelled_share": 0.0}
    return load_config([table, chosen], assignments=settings)


def _chosen(held: Mapping[DemoMethod, float]) -> list[DemoMethod]:
    """The best AFT and the best probe distillation on labelled rows, and the best of all."""

    def best(methods: Sequence[DemoMethod]) -> list[DemoMethod]:
        return [max(methods, key=held.__getitem__)] if methods else []

    alone = [
        best([way for way in held if way.method == method and not way.unlabelled])
        for method in ("aft", "probe")
    ]
    return list(dict.fromkeys([*alone[0], *alone[1], *best(list(held))]))


def _notes(held: Mapping[DemoMethod, float], results: Sequence[Result]) -> list[str]:
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
        "The student is a one-layer Transformer encoder of width 128, randomly initialized. A "
        "pre-trained student may do better here without any teacher.",
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
