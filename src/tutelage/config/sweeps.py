"""Settings of ``tutelage tune`` and ``tutelage compare``."""

from typing import Annotated

from pydantic import Field, field_validator

from tutelage.config.models import StudentConfig
from tutelage.config.section import Positive, Section, without_password

__all__ = [
    "CompareConfig",
    "ComparedStudent",
    "TuneConfig",
]

PASSWORDS = "give it by PGPASSWORD or ~/.pgpass (PostgreSQL), or ?read_default_file=FILE (MySQL)"


class TuneConfig(Section):
    """The values that ``tutelage tune`` tries on the hold-out of the training rows.

    Attributes:
        beta: Strengths; by default four that suit the method.
        mix: Shares of soft labels, for methods with ``probe``.
        temperature: Temperatures of soft labels, for methods with ``probe``.
        lr: Learning rates of the student; by default ``train.lr`` alone.
        patience: Values of ``train.patience``; by default the config's alone.
        teachers: Sets of teachers, each by names; by default all together.
        samples: Number of points drawn between the least and the greatest of each list, on a log scale
            (shares on a plain one), instead of every combination.
        seeds: Runs of each point, from ``seed`` up; their mean counts.
        folds: Parts of the training rows, each held out in a run of its own, in place of the
            hold-out of ``data``; the mean over all counts. One run on few rows chooses badly.
        prune: End a point whose first run is, at a quarter, half or three quarters of its steps, below
            the median of those before it.
        storage: Where machines without a common folder share the search: the URL of a database
            (``postgresql://user@host/name``, ``mysql://``, ``sqlite:///FILE``), or the path of a
            journal file. By default a journal in ``output.dir``. Each machine has an ``output.dir``
            of its own, or they share one. The settings name the study.
    """

    beta: tuple[Annotated[float, Field(ge=0)], ...] = ()
    mix: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)] = (
        0.5,
        0.7,
        0.9,
    )
    temperature: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (1.0,)
    lr: tuple[Annotated[float, Field(gt=0)], ...] = ()
    patience: tuple[Annotated[float, Field(gt=0)], ...] = ()
    teachers: tuple[tuple[str, ...], ...] = ()
    samples: Positive | None = None
    seeds: Positive = 1
    folds: Annotated[int, Field(ge=2)] | None = None
    prune: bool = False
    storage: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("storage")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        return value if value is None else without_password(value, advice=PASSWORDS)


class ComparedStudent(StudentConfig):
    """A student of a comparison.

    Attributes:
        lr: Its learning rate; by default ``train.lr``.
    """

    lr: Annotated[float, Field(gt=0)] | None = None

    @property
    def student(self) -> StudentConfig:
        """The student's own settings."""
        return StudentConfig.model_validate(self.model_dump(exclude={"lr"}))


class CompareConfig(Section):
    """What ``tutelage compare`` runs: every combination of the lists below.

    Attributes:
        methods: Names of methods; by default standard fine-tuning and the config's own.
        seeds: Runs of each combination, from ``seed`` up.
        tune: Choose each combination's settings by ``[tune]`` on a hold-out of its training rows first.
        students: Students to train, each with an ``lr`` of its own if need be; by default the
            config's own student.
        teachers: Sets of teachers, each by names; by default all together.
        fractions: Shares of the training rows; by default all rows.
    """

    methods: tuple[str, ...] = ()
    seeds: Positive = 1
    tune: bool = False
    students: tuple[ComparedStudent, ...] = ()
    teachers: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = ()
    fractions: tuple[Annotated[float, Field(gt=0, le=1)], ...] = ()
