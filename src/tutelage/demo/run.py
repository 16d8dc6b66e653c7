"""The demo: a student with and without its teacher, over several seeds, and the truth about it."""

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from tutelage.config import ExperimentConfig, load_config
from tutelage.demo.data import minilm
from tutelage.experiment import open_data, run, teachers_features
from tutelage.probe import Probe, linear_probe
from tutelage.progress import Progress
from tutelage.report import print_result, write_report

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
    progress.note("choosing beta on a hold-out of the training rows")
    held: dict[float, float] = {}
    for beta in BETAS:
        place = folder / "holdout" / f"beta-{beta:g}"
        config = demo_config(place, beta=beta, evaluate="holdout", settings=settings)
        result = run(config, progress=progress, resume=True)
        held[beta] = result.metrics["holdout"]["accuracy"]
        progress.note(f"beta {beta:g}: {held[beta]:.2%} of the hold-out")
    beta = max(held, key=lambda one: held[one])

    folders = []
    for seed in range(seeds):
        for method in ("stl", "aft"):
            progress.note(f"{method.upper()}, seed {seed}, all training rows")
            place = folder / f"{method}-seed-{seed}"
            config = demo_config(place, method=method, beta=beta, seed=seed, settings=settings)
            run(config, progress=progress, resume=True)
            folders.append(place)
    probe = _probe(demo_config(folder / "probe", settings=settings), progress)

    tried = ", ".join(f"{b:g}: {accuracy:.2%}" for b, accuracy in held.items())
    notes = [
        f"Beta was chosen by accuracy on a hold-out of the training rows ({tried}); the test rows chose "
        "nothing.",
        "Student: one layer of 128 columns from a random start. A student with pre-trained weights is better "
        "here with and without a teacher; this one is what an architecture of one's own begins with.",
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
        torch.cat(
            list(
                teachers_features(config, rows, modality=data.modality, progress=progress)[
                    0
                ].features.blocks()
            )
        )
        for rows in (splits.pool, splits.evaluated)
    )
    return linear_probe(
        train, splits.pool.labels, test_features=test, test_labels=splits.evaluated.labels
    )
