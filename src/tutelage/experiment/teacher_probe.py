"""The linear probe of a config's teachers, on the rows that its students are evaluated on."""

import torch

from tutelage.cache import rows_digest
from tutelage.cache.derived import derived
from tutelage.cache.place import default_root
from tutelage.config import ExperimentConfig
from tutelage.experiment.run import open_data
from tutelage.experiment.teacher_features import evaluated_rows, teacher_rows, teachers_features
from tutelage.probe import SideBySide, linear_probe
from tutelage.progress import Progress, Silent
from tutelage.tasks.base import as_list
from tutelage.training.accelerator import computing_device

__all__ = ["probe_score"]


def probe_score(config: ExperimentConfig, *, progress: Progress | None = None) -> float:
    """Return how much of the task can be read off the teachers' features, side by side.

    The probe is fitted on the training rows, and scored on the rows that the config evaluates. It is
    kept in the cache. Evaluated rows choose nothing in it, and it must choose nothing either.

    Args:
        config: Whose teachers, and whose rows.
        progress: Is told where the extraction is.

    Returns:
        The config's metric on the evaluated rows, at most 1.

    Raises:
        TutelageError: If a teacher or the rows cannot be used.
    """
    progress = progress or Silent()
    data, splits = open_data(config)
    training, evaluated = splits.training, splits.evaluated
    teachers = teachers_features(config, splits.pool, modality=data.modality, progress=progress)
    seen = teacher_rows(teachers, training)
    unseen = evaluated_rows(config, teachers, splits, modality=data.modality, progress=progress)
    lead = config.data.lead
    about = {
        "what": f"{lead.name} of a linear probe",
        "version": 1,
        "seed": config.data.split_seed,
        "features": [teacher.features.key.digest for teacher in teachers],
        "rows": [[rows_digest(s), as_list(s.labels)] for s in (training, evaluated)],
    }

    def fit() -> dict[str, torch.Tensor]:
        probe = linear_probe(
            SideBySide(seen),
            training.labels,
            test_features=SideBySide(unseen),
            test_labels=evaluated.labels,
            kind=data.task,
            metric=lead,
            classes=len(data.classes),
            seed=config.data.split_seed,
            device=computing_device(config),
        )
        return {lead.name: torch.tensor(probe.score, dtype=torch.float64)}

    return derived(config.cache.dir or default_root(), about, compute=fit)[lead.name].item()
