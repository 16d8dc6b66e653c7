"""What a study takes before it starts: the comparison of each data set, and features that they share once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tutelage.config import ExperimentConfig, StudyConfig
from tutelage.errors import ConfigError, TutelageError
from tutelage.progress import Progress, Silent
from tutelage.results.studies import MEANS_NOTHING
from tutelage.sweeps.comparison_folder import is_begun
from tutelage.sweeps.estimates import FailingRow, SweepEstimate
from tutelage.sweeps.studies import (
    STAND_INS,
    experiments_of,
    refuse_without_comparisons,
    tiny_experiments,
)
from tutelage.sweeps.study_folder import refuse_edited, refuse_other_study
from tutelage.sweeps.sweep_estimate import estimate_comparison
from tutelage.tiny import is_saved, save_model

__all__ = ["StudyEstimate", "estimate_study"]


@dataclass(frozen=True)
class StudyEstimate:
    """What a study takes.

    Attributes:
        data: What the comparison of each data set takes, by its name; features that several share are
            those of the first.
        missing: Why a data set would be missing in the study, by its name.
    """

    data: Mapping[str, SweepEstimate]
    missing: Mapping[str, str]

    @property
    def extraction(self) -> float:
        """Seconds to extract what is not cached."""
        return sum(one.extraction for one in self.data.values())

    @property
    def disk(self) -> int:
        """Bytes of the features that are not cached."""
        return sum(each.estimate.bytes_left for one in self.data.values() for each in one.teachers)

    @property
    def training(self) -> float:
        """Seconds of all runs that are left, one after the other."""
        return sum(runs.seconds for one in self.data.values() for runs in one.runs)

    @property
    def passes(self) -> bool:
        """Whether no row would fail, and no data set be missing."""
        return not self.missing and not any(one.failing for one in self.data.values())


def estimate_study(
    config: StudyConfig,
    *,
    out: Path,
    beside: Path | None = None,
    seeds: int | None = None,
    progress: Progress | None = None,
) -> StudyEstimate:
    """Return what ``study`` of the same arguments would take; nothing is written in its folder.

    Each data set is estimated as ``compare`` would be. Stand-ins of the tiny scale that the study has
    not written yet lie in a temporary folder meanwhile.

    Raises:
        ConfigError: If a setting of a data set cannot be used, or the folder holds another study.
        TrainingError: If no run could be finished on any data set.
    """
    progress = progress or Silent()
    configs = experiments_of(config, out=out, beside=beside)
    refuse_other_study(config, out)
    with TemporaryDirectory(prefix="tutelage-") as aside:
        if config.scale == "tiny":
            progress.note(MEANS_NOTHING)
            configs = _tiny(config, configs, out / STAND_INS, Path(aside))
        else:
            refuse_edited(configs.values())
        moved = _Moved(aside, str(out / STAND_INS))
        return _estimate(configs, seeds=seeds, moved=moved, progress=progress)


@dataclass(frozen=True)
class _Moved:
    """Names stand-ins in messages by their place in the study, in which they will be."""

    aside: str
    place: str

    def words(self, message: str) -> str:
        return message.replace(self.aside, self.place)

    def rows(self, failing: Sequence[FailingRow]) -> tuple[FailingRow, ...]:
        return tuple(replace(row, reason=self.words(row.reason)) for row in failing)


def _tiny(
    config: StudyConfig, configs: Mapping[str, ExperimentConfig], place: Path, aside: Path
) -> dict[str, ExperimentConfig]:
    """The same comparisons of stand-ins: of those in the study's folder, else of others aside."""

    def nowhere(folder: Path, kind: str, *, seed: int) -> Path:
        return folder

    def somewhere(folder: Path, kind: str, *, seed: int) -> Path:
        return folder if is_saved(folder) else save_model(aside / folder.name, kind, seed=seed)

    named = tiny_experiments(configs, settings=config.tiny, folder=place, save=nowhere)
    refuse_edited(named.values())
    usable = tiny_experiments(configs, settings=config.tiny, folder=place, save=somewhere)
    for name, one in usable.items():
        if one != named[name] and is_begun(one):
            raise ConfigError(
                f"{place} lacks stand-ins that {one.output.dir} was begun with, and --dry-run writes "
                "none; repeat the command without it, which writes them again"
            )
    return usable


def _estimate(
    configs: Mapping[str, ExperimentConfig],
    *,
    seeds: int | None,
    moved: _Moved,
    progress: Progress,
) -> StudyEstimate:
    data: dict[str, SweepEstimate] = {}
    missing: dict[str, str] = {}
    counted: set[str] = set()
    for number, (name, one) in enumerate(configs.items(), start=1):
        progress.note(f"data set {number} of {len(configs)}: {name}")
        try:
            expected = estimate_comparison(one, seeds=seeds, progress=progress)
        except TutelageError as error:
            missing[name] = moved.words(str(error))
            continue
        expected = replace(expected, failing=moved.rows(expected.failing))
        data[name] = _without(expected, counted)
        counted.update(key for each in expected.teachers for key in each.estimate.keys)
    if not data:
        refuse_without_comparisons(missing)
    return StudyEstimate(data, missing)


def _without(expected: SweepEstimate, counted: set[str]) -> SweepEstimate:
    """The estimate without features that earlier data sets have."""
    own = [each for each in expected.teachers if not counted.issuperset(each.estimate.keys)]
    return replace(expected, teachers=tuple(own))
