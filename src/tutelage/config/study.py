"""Settings of a study: one comparison on several data sets, and the picture that it draws."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from tutelage.config.load import load_config
from tutelage.config.mistakes import all_mistakes
from tutelage.config.schema import ExperimentConfig
from tutelage.config.section import Section
from tutelage.errors import ConfigError, did_you_mean

__all__ = ["Figure", "Scale", "StudyConfig", "load_study"]

Figure = Literal[
    "normalized-error",
    "students",
    "scores",
    "teachers",
    "probe",
    "fractions",
    "noise",
    "weights",
    "epochs",
]
"""Kinds of pictures; ``report.study_plots`` draws them."""
Scale = Literal["full", "tiny"]


class StudyConfig(Section):
    """A study: what ``tutelage compare`` does, on several data sets.

    Attributes:
        title: Its name in words.
        shows: What it shows, in one sentence.
        source: The figure or table of a paper that it repeats.
        data: Data sets, each by ``recipe:NAME`` or the path of a config file, relative to the study's.
        experiment: Settings on top of each data set's: teachers, students, training, ``compare``,
            ``tune`` and others.
        each: Settings of single data sets on top of these, by the data set's name.
        figures: The pictures. ``normalized-error``: a bar a method, the mean over data sets and students;
            ``students``: the same for each student; ``scores``: the metric, by data set; ``teachers``: the
            metric by set of teachers; ``probe``: the metric against the probe of the teachers;
            ``fractions``: the normalized error by the share of the training rows; ``noise``: the metric by
            the number of columns of ``noise:`` teachers; ``weights``: the learned weights of each
            teacher's columns; ``epochs``: seconds of an epoch.
        tiny: Settings on top of all others at the tiny scale.
        scale: ``"full"``, or ``"tiny"``: small random models and generated rows stand in for those of
            the study, so that it runs in minutes on a CPU, offline; its numbers mean nothing.
    """

    title: Annotated[str, Field(min_length=1)]
    shows: str = ""
    source: str = ""
    data: Annotated[tuple[str, ...], Field(min_length=1)]
    experiment: dict[str, Any] = Field(default_factory=dict)
    each: dict[str, dict[str, Any]] = Field(default_factory=dict)
    figures: Annotated[tuple[Figure, ...], Field(min_length=1)] = ("normalized-error",)
    tiny: dict[str, Any] = Field(default_factory=dict)
    scale: Scale = "full"

    def experiments(
        self, folder: Path, *, table_of: Callable[[str], Mapping[str, Any]]
    ) -> dict[str, ExperimentConfig]:
        """Return the config of each data set's comparison, by the data set's name.

        Args:
            folder: The study's folder; each comparison has one of its own in it.
            table_of: Returns what a place in ``data`` says.

        Raises:
            ConfigError: The mistakes of all data sets at once.
        """
        names = [_name(place) for place in self.data]
        mistakes = [
            f"data has two sets of the name {name!r}; rename one file"
            for name in dict.fromkeys(names)
            if names.count(name) > 1
        ]
        mistakes += [
            f"each.{name} is no data set of this study{did_you_mean(name, names)} (there are: "
            f"{', '.join(names)})"
            for name in self.each
            if name not in names
        ]
        configs = {}
        for name, place in zip(names, self.data, strict=True):
            own = {"output": {"dir": str(folder / name)}}
            try:
                tables = [table_of(place), self.experiment, self.each.get(name, {}), own]
                configs[name] = load_config(tables)
            except ConfigError as error:
                mistakes += [f"{place}: {line}" for line in str(error).splitlines()]
        if mistakes:
            raise ConfigError("\n".join(dict.fromkeys(mistakes)))
        return configs


def load_study(table: Mapping[str, Any]) -> StudyConfig:
    """Return a checked study.

    Args:
        table: As TOML has it.

    Raises:
        ConfigError: All mistakes at once, each with its path and the closest known key.

    Example:
        >>> load_study({"title": "Two sets", "data": ["recipe:dtd", "recipe:pets"]}).figures
        ('normalized-error',)
    """
    try:
        return StudyConfig.model_validate(table)
    except ValidationError as error:
        raise ConfigError(all_mistakes(error, StudyConfig)) from None


def _name(place: str) -> str:
    """``recipe:dtd`` and ``configs/dtd.toml`` are both ``dtd``."""
    return Path(place.rpartition(":")[2]).stem
