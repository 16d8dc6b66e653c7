"""``tutelage probe``: linear probes on the teachers' features, plain or under a run's weights."""

from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError, DataError
from tutelage.experiment.run import open_data
from tutelage.experiment.teacher_features import evaluated_rows, teacher_rows, teachers_features
from tutelage.probe import Probe, SideBySide, linear_probe
from tutelage.progress import Progress
from tutelage.report import print_table
from tutelage.report.units import ascii_only, score
from tutelage.results.result import read_rho
from tutelage.results.statistics import SampleMean

__all__ = ["probe_teachers"]


def probe_teachers(
    config: ExperimentConfig, *, weighted: Path | None, console: Console, progress: Progress
) -> None:
    """Fit and score a probe on each teacher, and on all together; with a run's rho, on ρψ too.

    Args:
        config: Data and teachers; ``data.evaluate`` says which rows are scored.
        weighted: Folder of a run whose learned weights the probe's columns are multiplied by.
        console: Gets the table.
        progress: Is told where it is.

    Raises:
        ConfigError: If there is no teacher.
        DataError: If the run has no weights, or those of other teachers.
    """
    if not config.teachers:
        raise ConfigError("there is no teacher to probe; add --teacher or [[teachers]]")
    data, splits = open_data(config)
    teachers = teachers_features(config, splits.pool, modality=data.modality, progress=progress)
    rows = teacher_rows(teachers, splits.training)
    held = evaluated_rows(config, teachers, splits, modality=data.modality, progress=progress)
    rho = {} if weighted is None else _weights(weighted, rows.widths)
    names = [teacher.name for teacher in teachers]
    sets = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
    table = Table(box=None, pad_edge=False)
    table.add_column("features")
    lead = config.data.lead
    table.add_column(f"{splits.evaluated.name} {lead.title}", justify="right")
    table.add_column("C", justify="right")
    probes = [(chosen, kind) for chosen in sets for kind in ("", "weighted")[: 2 if rho else 1]]
    with progress.track("probe", len(probes), unit="probes") as update:
        for done, (chosen, kind) in enumerate(probes, start=1):
            found: Probe = linear_probe(
                SideBySide(rows, names=chosen),
                splits.training.labels,
                test_features=SideBySide(held, names=chosen),
                test_labels=splits.evaluated.labels,
                kind=data.task,
                metric=lead,
                classes=len(data.classes),
                weights=torch.cat([rho[name] for name in chosen]) if kind else None,
                seed=config.data.split_seed,
            )
            label = " + ".join(chosen) + (", weighted by rho" if kind else "")
            reached = ascii_only(score(SampleMean(found.score, found.error, 1), lead))
            table.add_row(Text(label), reached.removesuffix(" %"), f"{found.c:g}")
            update(done)
    print_table(table, console=console)


def _weights(folder: Path, widths: dict[str, int]) -> dict[str, torch.Tensor]:
    rho = read_rho(folder)
    if not rho:
        raise DataError(
            f"{folder} has no learned weights; a run with --method aft leaves them in rho.safetensors"
        )
    if {name: len(weights) for name, weights in rho.items()} != dict(widths):
        raise DataError(
            f"the weights in {folder} are of {', '.join(rho)}, with other names or widths than the "
            f"teachers here ({', '.join(widths)}); give the run's own config"
        )
    return rho
