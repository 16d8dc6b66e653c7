"""The demo: a student with and without its teacher, over several seeds, and the truth about it."""

import os
import tomllib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from tutelage.config import ExperimentConfig, load_config
from tutelage.demo.data import minilm
from tutelage.experiment import open_data, run
from tutelage.probe import Probe, linear_probe
from tutelage.progress import Progress
from tutelage.report import print_result, write_report
from tutelage.result import Result
from tutelage.teachers import teachers_features

__all__ = ["BETAS", "SEEDS", "demo_config", "run_demo"]

BETAS = (3.0, 10.0, 30.0)
SEEDS = 5


def run_demo(
    folder: Path,
    *,
    console: Console,
    progress: Progress,
    seeds: int = SEEDS,
    settings: Sequence[str] = (),
) -> Path:
    """Choose beta on a hold-out, then train with and without the teacher on all training rows.

    A demo that was stopped goes on where it was. The test rows are read at the end of each training
    only, and choose nothing.

    Args:
        folder: Receives a folder a run, and ``report.html``.
        console: Gets the table.
        progress: Is told where the demo is.
        seeds: Runs of each kind.
        settings: Other settings for all runs, as ``path=value``.

    Returns:
        The report's path.
    """
    probe = _probe(demo_config(folder / "probe", settings=settings), progress)
    with _workers() as workers:
        configs = [
            demo_config(
                folder / "holdout" / f"beta-{b:g}", beta=b, evaluate="holdout", settings=settings
            )
            for b in BETAS
        ]
        chosen = _run_all(configs, workers, label="choose beta on a hold-out", progress=progress)
        held = {r.beta: r.metrics["holdout"]["accuracy"] for r in chosen}
        beta = max(held, key=lambda one: held[one])
        configs = [
            demo_config(
                folder / f"{method}-seed-{seed}",
                method=method,
                beta=beta,
                seed=seed,
                settings=settings,
            )
            for seed in range(seeds)
            for method in ("stl", "aft")
        ]
        _run_all(configs, workers, label=f"{seeds} seeds, without and with", progress=progress)
    folders = [config.output.dir for config in configs]

    tried = ", ".join(f"{b:g}: {accuracy:.2%}" for b, accuracy in held.items())
    notes = [
        f"Beta was chosen by accuracy on a hold-out of the training rows ({tried}); the test rows chose "
        "nothing.",
        "Student: one layer of 128 columns from a random start, as an architecture of one's own begins. "
        "With pre-trained weights a student may do better here without any teacher.",
    ]
    probes = {"MiniLM-L6": probe.accuracy}
    page = write_report(
        folders,
        path=folder / "report.html",
        title="The demo: a small reader under MiniLM",
        probes=probes,
        notes=notes,
    )
    print_result(folders, probes=probes, console=console)
    console.print(f"report   {page}", highlight=False, soft_wrap=True)
    return page


def _workers() -> ProcessPoolExecutor:
    """One process a core: runs this small do not gain from more threads, but from company."""
    cores = min(os.cpu_count() or 1, 8)
    return ProcessPoolExecutor(cores, get_context("spawn"), torch.set_num_threads, (1,))


def _run_all(
    configs: Sequence[ExperimentConfig],
    workers: ProcessPoolExecutor,
    *,
    label: str,
    progress: Progress,
) -> list[Result]:
    """Run experiments beside each other; those that are finished already are read."""
    waiting = [workers.submit(run, config, resume=True) for config in configs]
    with progress.track(label, len(configs), unit="runs") as update:
        for done, finished in enumerate(as_completed(waiting), start=1):
            finished.result()
            update(done)
    return [one.result() for one in waiting]


def demo_config(
    folder: Path,
    *,
    method: str = "aft",
    beta: float = BETAS[0],
    seed: int = 0,
    evaluate: str = "test",
    settings: Sequence[str] = (),
) -> ExperimentConfig:
    """Return the config of one of the demo's runs."""
    text = files("tutelage.demo").joinpath("demo.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text.replace("MINILM", minilm().as_posix()))
    chosen = {
        "seed": seed,
        "data": {"evaluate": evaluate},
        "transfer": {"method": method, "beta": beta},
        "output": {"dir": str(folder)},
    }
    return load_config([table, chosen], assignments=settings)


def _probe(config: ExperimentConfig, progress: Progress) -> Probe:
    """The teacher's linear probe on the rows that the students saw."""
    data, splits = open_data(config)
    train, test = (
        teachers_features(config, rows, modality=data.modality, progress=progress)[0].features
        for rows in (splits.pool, splits.evaluated)
    )
    return linear_probe(
        train, splits.pool.labels, test_features=test, test_labels=splits.evaluated.labels
    )
