"""The linear probe of a config's teachers, on the rows that its students are evaluated on."""

from functools import partial

import torch

from tutelage.cache import Features, TeacherRows
from tutelage.cache.derived import derived
from tutelage.cache.key import canonical, digest_of
from tutelage.cache.place import default_root
from tutelage.config import ExperimentConfig
from tutelage.experiment import open_data
from tutelage.machine import computing_device
from tutelage.probe import SideBySide, linear_probe
from tutelage.progress import Progress, Silent
from tutelage.teachers import teachers_features

__all__ = ["probe_accuracy"]


def probe_accuracy(config: ExperimentConfig, *, progress: Progress | None = None) -> float:
    """Return how much of the task can be read off the teachers' features, side by side.

    The probe is fitted on the training rows, and scored on the rows that the config evaluates. It is
    kept in the cache. Evaluated rows choose nothing in it, and it must choose nothing either.

    Args:
        config: Whose teachers, and whose rows.
        progress: Is told where the extraction is.

    Returns:
        Accuracy on the evaluated rows, 0 to 1.

    Raises:
        TutelageError: If a teacher or the rows cannot be used.
    """
    data, splits = open_data(config)
    training, evaluated = splits.training, splits.evaluated
    features = partial(
        teachers_features, config, modality=data.modality, progress=progress or Silent()
    )
    seen, unseen = (
        {teacher.name: teacher.features for teacher in features(rows)}
        for rows in (splits.pool, evaluated)
    )
    about = {
        "what": "accuracy of a linear probe",
        "version": 1,
        "seed": config.data.split_seed,
        "features": [_digests(seen), _digests(unseen)],
        "rows": digest_of(
            canonical([[list(s.ids), s.labels.tolist()] for s in (training, evaluated)])
        ),
    }

    def fit() -> torch.Tensor:
        probe = linear_probe(
            SideBySide(TeacherRows(seen, training.ids)),
            training.labels,
            test_features=SideBySide(TeacherRows(unseen, evaluated.ids)),
            test_labels=evaluated.labels,
            classes=len(data.classes),
            seed=config.data.split_seed,
            device=computing_device(config),
        )
        return torch.tensor(probe.accuracy, dtype=torch.float64)

    return derived(config.cache.dir or default_root(), about, compute=fit).item()


def _digests(features: dict[str, Features]) -> list[str]:
    return [one.key.digest for one in features.values()]
