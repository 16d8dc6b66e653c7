"""The config of a whole experiment, with the sections of cache and output."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from tutelage.config.data import DataConfig
from tutelage.config.mistakes import all_mistakes
from tutelage.config.models import StudentConfig, TeacherConfig, short_name
from tutelage.config.paths import assign
from tutelage.config.section import FolderPath, NoEffect, Section, without_password
from tutelage.config.sweeps import CompareConfig, TuneConfig
from tutelage.config.training import TrainConfig, TransferConfig
from tutelage.errors import ConfigError
from tutelage.tasks import TASKS

__all__ = [
    "CacheConfig",
    "ExperimentConfig",
    "OutputConfig",
]

KEYS = "give it as the file system's library reads it: by environment variables or its own files"


class CacheConfig(Section):
    """The cache of the teachers' features.

    Attributes:
        dir: Cache folder; by default ``$TUTELAGE_CACHE``, else ``~/.cache/tutelage``.
        dtype: Precision of stored features: ``float16`` (half the size) or ``float32``.
        workers: Worker processes that decode images during extraction.
        remote: URL of a folder that finished features are fetched from and put to, such as
            ``s3://bucket/features``, ``gs://bucket/features`` or another that fsspec knows; ``dir``
            keeps a copy, which is mapped.
        engine: Who computes missing features: ``local``, the processes of this job, or ``ray``, a cluster
            (``$RAY_ADDRESS``, else this machine).
        on_device: Keep the features of the training rows on the device during training. ``"auto"``:
            on CUDA, if they take at most a quarter of its free memory.
    """

    dir: Annotated[FolderPath | None, NoEffect] = None
    dtype: Literal["float16", "float32"] = "float16"
    remote: Annotated[Annotated[str, Field(min_length=1)] | None, NoEffect] = None
    workers: Annotated[int, Field(ge=0, le=1024), NoEffect] = 2
    engine: Annotated[Literal["local", "ray"], NoEffect] = "local"
    on_device: Annotated[bool | Literal["auto"], NoEffect] = "auto"

    @field_validator("dir", mode="before")
    @classmethod
    def _mapped_here(cls, value: object) -> object:
        if isinstance(value, str) and "://" in value:
            raise ValueError(
                f"{value!r} is no folder of this machine, which features are mapped from; set "
                f"cache.remote = {value!r}, and leave cache.dir out or name a local folder"
            )
        return value

    @field_validator("remote")
    @classmethod
    def _a_place(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme, colon, rest = value.partition(":")
        if colon and scheme.isalnum() and len(scheme) > 1:
            place = rest.removeprefix("//").strip("/")
            slashes = rest.startswith(("//", ":")) or scheme in ("file", "local", "memory")
            if not (place and slashes):  # fsspec would take it for a path in the current folder
                raise ValueError(f"{value!r} names no folder; write {scheme}://{place or 'folder'}")
        return without_password(value, advice=KEYS)


class OutputConfig(Section):
    """The output folder of a run.

    Attributes:
        dir: Folder of the run.
        overwrite: Replace a run that the folder already holds.
        examples: Rows that the folder keeps for the report, of those on which the student is most wrong
            and of those whose label is most doubted each: small copies of pictures, the beginnings of
            texts. 0 keeps none.
    """

    dir: FolderPath = Path("runs/run")
    overwrite: bool = False
    examples: Annotated[int, Field(ge=0, le=100)] = 24


class ExperimentConfig(Section):
    """One experiment: data, teachers, a student (extraction needs none), a method, how to train.

    Attributes:
        name: Name of the experiment in results and trackers.
        seed: Random seed of the new head, the order of rows, and dropout.
        data: Rows and labels.
        teachers: Frozen models or arrays, one table each.
        student: The model to train; not needed for extraction, probes and rankings.
        transfer: What the student learns from the teachers.
        train: How the student is trained.
        cache: Where teachers' features are kept.
        output: Where the run leaves its files.
        tune: What ``tutelage tune`` tries.
        compare: What ``tutelage compare`` runs.

    Example:
        >>> config = ExperimentConfig.model_validate(
        ...     {"data": {"source": "folder:flowers"}, "teachers": [{"source": "timm:vit"}]}
        ... )
        >>> config.replace({"train.lr": 1e-3, "seed": 3}).train.lr
        0.001
    """

    name: Annotated[str, NoEffect] = "run"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: DataConfig
    teachers: tuple[TeacherConfig, ...] = ()
    student: StudentConfig | None = None
    transfer: TransferConfig = TransferConfig()
    train: TrainConfig = TrainConfig()
    cache: CacheConfig = CacheConfig()
    output: Annotated[OutputConfig, NoEffect] = OutputConfig()
    tune: Annotated[TuneConfig, NoEffect] = TuneConfig()
    compare: Annotated[CompareConfig, NoEffect] = CompareConfig()

    @property
    def teacher_names(self) -> list[str]:
        """The teachers' names in results: as they are named, else the last part of the source."""
        return [teacher.name or short_name(teacher.source) for teacher in self.teachers]

    @property
    def recomputes(self) -> bool:
        """Whether the student runs twice on each row of a step, for one loss of all of them."""
        return self.transfer.batch == "step" and self.train.accumulate > 1

    def replace(self, changes: Mapping[str, Any]) -> Self:
        """Return the config with other values at dotted paths, checked like any config.

        Args:
            changes: New values by path: ``{"train.lr": 1e-3, "teachers.0.name": "dino"}``.

        Raises:
            ConfigError: All mistakes at once, as from a file.
        """
        table = self.model_dump()
        for path, value in changes.items():
            assign(table, path, value, where=f"{path} = {value!r}")
        try:
            return type(self).model_validate(table)
        except ValidationError as error:
            raise ConfigError(all_mistakes(error, type(self))) from None

    def digest(self) -> str:
        """Return a digest of every setting that decides the run's numbers."""
        text = json.dumps(self.deciding(self.model_dump(mode="json")), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @model_validator(mode="before")
    @classmethod
    def _head_of_a_student_to_come(cls, table: Any) -> Any:
        """A recipe says how the head begins of students that are chosen later."""
        if not isinstance(table, Mapping) or not isinstance(table.get("student"), Mapping):
            return table
        given = table["student"]
        if set(given) != {"head"}:
            return table
        rest = {name: value for name, value in table.items() if name != "student"}
        compared = rest.get("compare")
        if isinstance(compared, Mapping) and isinstance(compared.get("students"), list | tuple):
            students = [
                {**given, **student} if isinstance(student, Mapping) else student
                for student in compared["students"]
            ]
            rest["compare"] = {**compared, "students": students}
        return rest

    @model_validator(mode="after")
    def _teacher_names_differ(self) -> Self:
        names = self.teacher_names
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"several teachers are called {', '.join(repeated)}; give each a separate name in "
                "teachers.N.name"
            )
        return self

    @model_validator(mode="after")
    def _teachers_fit_method(self) -> Self:
        if self.transfer.method != "stl" and not self.teachers:
            raise ValueError(
                f"method {self.transfer.method!r} needs at least one teacher; "
                "add [[teachers]] with a source, or choose method 'stl'"
            )
        return self

    @model_validator(mode="after")
    def _patience_counts(self) -> Self:
        if self.tune.patience and (self.train.epochs is not None or self.train.steps != "auto"):
            raise ValueError(
                "tune.patience multiplies train.steps = 'auto', and train states the number of steps "
                "or epochs; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _second_run_repeats(self) -> Self:
        if self.recomputes and self.train.compile == "inductor":
            raise ValueError(
                "transfer.batch = 'step' runs the student twice, and inductor's code with gradients draws "
                "other random numbers (dropout) than that without; set train.compile = 'none', or "
                "transfer.batch = 'global'"
            )
        return self

    @model_validator(mode="after")
    def _loss_fits_task(self) -> Self:
        task, train = TASKS[self.data.task], self.train
        try:
            task.refuse_loss_settings(
                class_weights=train.class_weights, label_smoothing=train.label_smoothing
            )
        except ConfigError as error:
            raise ValueError(f"train.{error}") from error
        temperatures = {self.transfer.temperature, *self.tune.temperature}
        if not task.has_classes and temperatures != {1.0}:
            raise ValueError(
                "transfer.temperature and tune.temperature divide logits, which "
                f"{task.kind} has not; leave them out"
            )
        return self
