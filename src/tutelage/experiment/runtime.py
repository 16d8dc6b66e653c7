"""Device, cache and progress of a run: one argument in place of several."""

from dataclasses import dataclass

import torch

from tutelage.cache import FeatureStore
from tutelage.cache.place import default_root
from tutelage.cache.remote import RemoteCache
from tutelage.config import ExperimentConfig
from tutelage.extraction.ray_engine import check_ray
from tutelage.progress import Progress, Silent
from tutelage.training.accelerator import computing_device

__all__ = ["Runtime"]


@dataclass(frozen=True)
class Runtime:
    """Device, feature cache and progress of a run.

    Attributes:
        device: The accelerator that is there, unless ``train.device`` says ``cpu``; teachers,
            probes, rankings and soft labels all compute here.
        cache: The teachers' features.
        progress: Receives progress reports.
    """

    device: torch.device
    cache: FeatureStore
    progress: Progress

    @classmethod
    def of(cls, config: ExperimentConfig, progress: Progress | None = None) -> "Runtime":
        """Take device and cache from a config; progress is silent by default.

        Raises:
            MissingExtraError: If the engine of the extraction, or the package for the URL of the
                remote cache, is not installed.
            ConfigError: If the remote cache is at no URL that is known.
        """
        check_ray(config.cache.engine)
        remote = None if config.cache.remote is None else RemoteCache(config.cache.remote)
        store = FeatureStore(config.cache.dir or default_root(), remote=remote)
        return cls(computing_device(config.train.device), store, progress or Silent())
