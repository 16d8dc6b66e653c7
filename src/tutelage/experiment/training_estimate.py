"""Estimate of a run before it starts: hours by phase, memory and devices, from a few timed rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.config import ExperimentConfig
from tutelage.experiment.extract import ExtractionEstimate, estimate_teachers
from tutelage.experiment.head_start import head_of
from tutelage.experiment.plan import Plan
from tutelage.experiment.rehearsal import Rehearsal, Times, rehearse
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.unused import unused_settings
from tutelage.extraction.devices import Devices, devices_of_job
from tutelage.extraction.ranks import processes
from tutelage.progress import Progress
from tutelage.training.loop import told_where_memory_lacks

__all__ = ["Phase", "TrainingEstimate", "estimate_training", "phases_of", "rehearsed"]


@dataclass(frozen=True)
class Phase:
    """A part of a run.

    Attributes:
        name: As in ``Result.seconds``.
        seconds: Estimated time.
        words: What is done.
    """

    name: str
    seconds: float
    words: str


@dataclass(frozen=True)
class TrainingEstimate:
    """What a run takes.

    Attributes:
        teachers: The extraction of each teacher's features.
        phases: The parts of the run, the extraction first.
        rehearsal: What was measured of the training.
        devices: The devices that train.
    """

    teachers: tuple[ExtractionEstimate, ...]
    phases: tuple[Phase, ...]
    rehearsal: Rehearsal
    devices: Devices

    @property
    def seconds(self) -> float:
        """Time of all parts."""
        return sum(phase.seconds for phase in self.phases)


def estimate_training(
    config: ExperimentConfig, *, progress: Progress | None = None
) -> TrainingEstimate:
    """Time each teacher on a few batches and the student on a few steps, and extrapolate.

    Nothing is left on disk. Not counted are loading of models and data, probes (of the head's start and
    of soft labels), and what a method learns before training.

    Args:
        config: The run.
        progress: Receives progress reports. Silent by default.

    Raises:
        TutelageError: What would end the run before or in its first steps.
    """
    runtime = Runtime.of(config, progress)
    plan = Plan.of(config, processes=processes())
    plan.tell(runtime.progress)
    teachers, widths = [], []
    for expected, source in estimate_teachers(plan, runtime):
        teachers.append(expected)
        widths.append(source.width)
        del source  # its memory is the next one's
    with told_where_memory_lacks(config.train):
        rehearsal = rehearse(plan, widths)
    regularizer, student = rehearsal.objective.regularizer, rehearsal.student
    for line in unused_settings(plan, regularizer, asked=config, student=student):
        runtime.progress.note(line)
    devices = devices_of_job(rehearsal.device)
    return TrainingEstimate(
        tuple(teachers), phases_of(plan, teachers, rehearsal), rehearsal, devices
    )


def rehearsed(plan: Plan, widths: Sequence[int]) -> Rehearsal:
    """Rehearse a run; a lack of memory is told as in a run.

    Args:
        plan: The run.
        widths: Columns of each teacher, in the plan's order.
    """
    with told_where_memory_lacks(plan.config.train):
        return rehearse(plan, widths)


def phases_of(
    plan: Plan, teachers: Sequence[ExtractionEstimate], measured: Times
) -> tuple[Phase, ...]:
    """Return the parts of a run, the extraction of these teachers first.

    Args:
        plan: The run.
        teachers: What their extraction takes.
        measured: Times of a run of the same student and batches, of any length.
    """
    train, student = plan.config.train, plan.config.student
    assert student is not None
    training, evaluated, looks = len(plan.training), len(plan.evaluated), len(plan.looks)
    probed = training if head_of(student, modality=plan.data.modality) == "probe" else 0
    scored = training if train.scored_rows == "all" else min(training, train.scored_rows)
    looked = plan.evaluated.name == "holdout" and train.eval_every > 0
    looks_at = train.known_steps // train.eval_every * evaluated if looked else 0
    extracted = sum(one.estimate.rows - one.estimate.cached for one in teachers)
    prepare = [f"decode {looks + evaluated:,} rows"] if measured.decode else []
    prepare += [f"read {probed:,} features of the student"] if probed else []
    steps = f"{train.known_steps:,} steps of {measured.step:.3g} s"
    return (
        Phase(
            "extract",
            sum(one.estimate.seconds for one in teachers),
            f"{extracted:,} rows" if extracted else "nothing",
        ),
        Phase(
            "prepare",
            measured.decode * (looks + evaluated) + measured.forward * probed,
            ", ".join(prepare) or "nothing",
        ),
        Phase(
            "train",
            measured.step * train.known_steps + measured.forward * looks_at,
            f"{steps}, {looks_at:,} rows evaluated" if looks_at else steps,
        ),
        Phase("evaluate", measured.forward * (scored + evaluated), f"{scored + evaluated:,} rows"),
    )
