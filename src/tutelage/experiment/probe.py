"""Linear probes on each teacher's features and on all together, plain or under a run's weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError, DataError
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.experiment.teacher_probe import ProbedRows, teacher_probe
from tutelage.progress import Progress
from tutelage.results.result import read_rho
from tutelage.tasks import Metric

__all__ = ["ProbeResult", "probe"]


@dataclass(frozen=True)
class ProbeResult:
    """A linear probe on a set of teachers' features.

    Attributes:
        teachers: Names of the teachers whose features were read side by side.
        weighted: Whether columns were multiplied by a run's learned weights.
        evaluated: The split that was scored.
        metric: The metric of the score.
        score: Its value on the evaluated rows, at most 1.
        error: Standard error of the score.
        c: The inverse strength of the probe's penalty, chosen on training rows.
    """

    teachers: tuple[str, ...]
    weighted: bool
    evaluated: str
    metric: Metric
    score: float
    error: float | None
    c: float


def probe(
    config: ExperimentConfig, *, weighted: Path | None = None, progress: Progress | None = None
) -> list[ProbeResult]:
    """Fit and score a linear probe on each teacher's features, and on all together.

    Args:
        config: Data and teachers; ``data.evaluate`` says which rows are scored.
        weighted: Folder of a run; each probe is fitted once more with its columns multiplied by the
            run's learned weights rho.
        progress: Receives progress reports. Silent by default.

    Returns:
        A result for each teacher, then one for all together where there are several; with
        ``weighted``, each is followed by the result of its weighted probe.

    Raises:
        ConfigError: If there is no teacher.
        DataError: If the run has no weights, or those of other teachers.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/"},
        ...     "teachers": [{"source": "timm:vit_giant_patch14_dinov2.lvd142m"}],
        ... })
        >>> dino, = probe(config)  # doctest: +SKIP
        >>> dino.evaluated  # doctest: +SKIP
        'test'
    """
    if not config.teachers:
        raise ConfigError("there is no teacher to probe; add --teacher or [[teachers]]")
    plan, runtime = Plan.of(config, trains=False, probes=True), Runtime.of(config, progress)
    plan.tell(runtime.progress)
    teachers = extract_features(plan, runtime)
    rows = ProbedRows.of(plan, teachers, runtime)
    rho = {} if weighted is None else _weights(weighted, rows.training.widths)
    names = [teacher.name for teacher in teachers]
    sets = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
    wanted = [(chosen, use) for chosen in sets for use in ((False, True) if rho else (False,))]
    results = []
    with runtime.progress.track("probe", len(wanted), unit="probes") as update:
        for chosen, use_rho in wanted:
            weights = torch.cat([rho[name] for name in chosen]) if use_rho else None
            fitted = teacher_probe(plan, rows, runtime, names=chosen, weights=weights)
            results.append(
                ProbeResult(
                    teachers=chosen,
                    weighted=use_rho,
                    evaluated=plan.evaluated.name,
                    metric=plan.task.lead,
                    score=fitted.score,
                    error=fitted.error,
                    c=fitted.c,
                )
            )
            update(len(results))
    return results


def _weights(folder: Path, widths: Mapping[str, int]) -> dict[str, Tensor]:
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
