"""The whole of an experiment."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tutelage.config.data import DataConfig
from tutelage.config.models import StudentConfig, TeacherConfig
from tutelage.config.section import Place, Section
from tutelage.config.sweeps import CompareConfig, TuneConfig
from tutelage.config.training import TrainConfig, TransferConfig

__all__ = [
    "CacheConfig",
    "ExperimentConfig",
    "OutputConfig",
]


class CacheConfig(Section):
    """Where teachers' features are kept, and how precisely.

    Attributes:
        dir: By default ``$TUTELAGE_CACHE``, else ``~/.cache/tutelage``.
        dtype: ``float16`` (half the size) or ``float32``.
        workers: Processes that decode images during extraction.
    """

    dir: Place | None = None
    dtype: Literal["float16", "float32"] = "float16"
    workers: Annotated[int, Field(ge=0)] = 2


class OutputConfig(Section):
    """Where the run leaves its files."""

    dir: Place = Path("runs/run")
    overwrite: bool = False


class ExperimentConfig(Section):
    """One experiment: data, teachers, a student (extraction needs none), a method, how to train."""

    name: str = "run"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: DataConfig
    teachers: tuple[TeacherConfig, ...] = ()
    student: StudentConfig | None = None
    transfer: TransferConfig = TransferConfig()
    train: TrainConfig = TrainConfig()
    cache: CacheConfig = CacheConfig()
    output: OutputConfig = OutputConfig()
    tune: TuneConfig = TuneConfig()
    compare: CompareConfig = CompareConfig()

    @model_validator(mode="after")
    def _teachers_fit_method(self) -> Self:
        if self.transfer.method != "stl" and not self.teachers:
            raise ValueError(
                f"method {self.transfer.method!r} needs at least one teacher; "
                "add [[teachers]] with a source, or choose method 'stl'"
            )
        return self

    @model_validator(mode="after")
    def _quarters_are_known(self) -> Self:
        if self.tune.prune and self.train.epochs is not None and not self.train.eval_every:
            raise ValueError(
                "tune.prune looks at quarters of train.steps, which train.epochs replaces; set "
                "train.eval_every to the steps between looks, or leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _loss_fits_task(self) -> Self:
        task, train = self.data.task, self.train
        if train.label_smoothing and task != "single-label":
            raise ValueError(
                f"train.label_smoothing spreads one class over all, which {task} has not; leave it out"
            )
        if train.class_weights is not None and task == "regression":
            raise ValueError(
                "train.class_weights weighs classes, which regression has not; leave it out"
            )
        temperatures = {self.transfer.temperature, *self.tune.temperature}
        if task == "regression" and temperatures != {1.0}:
            raise ValueError(
                "transfer.temperature and tune.temperature divide logits, which regression has not; "
                "leave them out"
            )
        return self
