"""Linear probes on each teacher's features and on all together, plain or under a run's weights."""

from collections.abc import Mapping, Sequence
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
from tutelage.probes import Probe
from tutelage.progress import Progress
from tutelage.results.result import read_rho
from tutelage.results.statistics import sample_mean
from tutelage.tasks import Metric

__all__ = ["ProbeResult", "probe"]


@dataclass(frozen=True)
class ProbeResult:
    """A linear probe on a set of teachers' features.

    Attributes:
        teachers: Names of the teachers whose features were read side by side.
        weighted: Whether columns were multiplied by a run's learned weights; of several runs, each has
            a probe of its own.
        evaluated: The split that was scored.
        metric: The metric of the score.
        score: Its value on the evaluated rows, at most 1; the mean over runs where there are several.
        error: Standard error of the score: over runs where there are several, else that which the
            number of rows leaves.
        c: The inverse strength of the probe's penalty, chosen on training rows; of several runs, that of
            the first.
        runs: Number of runs whose weights were used.
    """

    teachers: tuple[str, ...]
    weighted: bool
    evaluated: str
    metric: Metric
    score: float
    error: float | None
    c: float
    runs: int = 0


def probe(
    config: ExperimentConfig,
    *,
    weighted: Path | Sequence[Path] = (),
    progress: Progress | None = None,
) -> list[ProbeResult]:
    """Fit and score a linear probe on each teacher's features, and on all together.

    Args:
        config: Data and teachers; ``data.evaluate`` says which rows are scored.
        weighted: Folders of runs; each probe is fitted once more for each of them, with its columns
            multiplied by the run's learned weights rho.
        progress: Receives progress reports. Silent by default.

    Returns:
        A result for each teacher, then one for all together where there are several; with
        ``weighted``, each is followed by the result of its weighted probes.

    Raises:
        ConfigError: If there is no teacher.
        DataError: If a run has no weights, or those of other teachers.

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
    folders = [weighted] if isinstance(weighted, Path) else list(weighted)
    rhos = [_weights(folder, rows.training.widths) for folder in folders]
    names = [teacher.name for teacher in teachers]
    sets = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
    results, done = [], 0
    with runtime.progress.track("probe", len(sets) * (1 + len(rhos)), unit="probes") as update:

        def fitted(names: tuple[str, ...], rho: Mapping[str, Tensor] | None = None) -> Probe:
            nonlocal done
            weights = None if rho is None else torch.cat([rho[name] for name in names])
            one = teacher_probe(plan, rows, runtime, names=names, weights=weights)
            done += 1
            update(done)
            return one

        for chosen in sets:
            results.append(_result(plan, chosen, [fitted(chosen)]))
            if rhos:
                under = [fitted(chosen, rho) for rho in rhos]
                results.append(_result(plan, chosen, under, runs=len(rhos)))
    return results


def _result(
    plan: Plan, names: tuple[str, ...], fitted: Sequence[Probe], *, runs: int = 0
) -> ProbeResult:
    mean = sample_mean(one.score for one in fitted)
    return ProbeResult(
        teachers=names,
        weighted=runs > 0,
        evaluated=plan.evaluated.name,
        metric=plan.task.lead,
        score=mean.mean,
        error=mean.error if len(fitted) > 1 else fitted[0].error,
        c=fitted[0].c,
        runs=runs,
    )


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
