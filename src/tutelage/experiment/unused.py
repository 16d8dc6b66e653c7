"""Settings that a run does not use, although they were set."""

from tutelage.config import CacheConfig, DataConfig, ExperimentConfig, TuneConfig
from tutelage.config.training import TrainConfig, TransferConfig
from tutelage.experiment.plan import Plan
from tutelage.ranks import process_count
from tutelage.regularizers import Regularizer
from tutelage.results.folders import CHOSEN
from tutelage.students import Student, trains_features

__all__ = ["unused_settings"]


def unused_settings(
    plan: Plan,
    regularizer: Regularizer | None,
    *,
    asked: ExperimentConfig,
    student: Student | None = None,
) -> list[str]:
    """Return a sentence for each setting that was changed from its default and decides nothing.

    Layers that LoRA leaves out are told with them.

    A sentence begins with the setting's path.

    Args:
        plan: The run.
        regularizer: Its transfer term, which may learn parameters or not; None where it is not known.
        asked: The settings as the user gave them; the plan's have defaults resolved.
        student: The student as it is trained; None where it is not known.
    """
    return [
        f"{setting} = {value!r} is not used: {reason}"
        for setting, value, reason in (
            *_of_the_data(plan, asked),
            *_of_the_transfer(plan, regularizer, asked.transfer, student),
            *_of_the_labels(plan, asked),
            *_of_the_training(plan, asked.train),
            *_of_the_cache(plan, asked.cache),
        )
    ] + _left_out(student)


def _of_the_data(plan: Plan, asked: ExperimentConfig) -> list[tuple[str, object, str]]:
    data, default = asked.data, DataConfig(source=asked.data.source)
    why: dict[str, str] = {}
    if data.evaluate == "test" and not _is_searched(asked):
        reports = "data.evaluate = 'test' holds out no training rows; searches and 'rank' do"
        why |= {"holdout": reports, "folds": reports}
    elif data.evaluate == "holdout" and data.folds is not None:
        why["holdout"] = "data.folds decides which rows are held out"
    elif data.evaluate == "holdout" and "validation" in plan.data.splits:
        why["holdout"] = "the validation split is the hold-out"
    if plan.data.has_test or "test" in plan.data.splits:
        why["test_share"] = "the data has test rows"
    if plan.data.modality == "text":
        why |= dict.fromkeys(("background", "white", "max_pixels"), "the rows are texts")
    if data.unlabelled is None:
        none = "data.unlabelled names no rows"
        why |= {"unlabelled_split": none, "unlabelled_params": none}
    elif not plan.unlabelled:
        why["unlabelled"] = (
            "train.unlabelled_share = 0 leaves these rows out"
            if plan.method.needs_teachers
            else f"{plan.method.name} learns from labelled rows alone"
        )
    return [
        (f"data.{name}", value, reason)
        for name, reason in why.items()
        if (value := getattr(data, name)) != getattr(default, name)
    ]


def _is_searched(asked: ExperimentConfig) -> bool:
    """Whether a search holds out rows by these settings: one of ``[tune]``, or the run's own."""
    folder = asked.output.dir
    if asked.compare.tune or asked.tune != TuneConfig():
        return True
    return folder.name == CHOSEN and (folder.parent / "trials").is_dir()


def _of_the_transfer(
    plan: Plan,
    regularizer: Regularizer | None,
    asked: TransferConfig,
    student: Student | None,
) -> list[tuple[str, object, str]]:
    method, default = plan.method, TransferConfig()
    found: list[tuple[str, object, str]] = []
    if not method.has_transfer_term:
        why = f"{method.name} has no transfer term"
        if asked.beta != default.beta:
            found.append(("transfer.beta", asked.beta, why))
        if asked.memory:
            found.append(("transfer.memory", asked.memory, why))
        if asked.standardize is True:
            found.append(("transfer.standardize", True, why))
    elif asked.beta == 0:
        found.append(
            ("transfer.method", asked.method, "transfer.beta = 0 leaves its term without effect")
        )
    elif plan.config.student is not None and plan.config.student.frozen:
        found.append(
            (
                "transfer.beta",
                asked.beta,
                "the term acts on what enters the head, and student.frozen trains the head alone; "
                "student.lora trains more",
            )
        )
    elif student is not None and not trains_features(student):
        found.append(
            (
                "transfer.beta",
                asked.beta,
                f"the term acts on what enters {student.tap.path!r}, and no parameter that is trained "
                "reaches it: the model freezes or detaches the layers in front, or student.tap is at "
                "its input",
            )
        )
    learns = regularizer is None or any(True for _ in regularizer.parameters())
    if asked.lr is not None and not learns:
        found.append(("transfer.lr", asked.lr, f"{method.name} learns no parameters of its own"))
    if (
        method.regularizer == "btuning"
        and not plan.weighs_teachers
        and "temperature" in asked.params
    ):
        why = "it decides the shares of several teachers, and there is one for these features"
        found.append(("transfer.params.temperature", asked.params["temperature"], why))
    if asked.batch == "local" and process_count() == 1:
        found.append(("transfer.batch", asked.batch, "one process trains"))
    if asked.batch == "step" and plan.config.train.accumulate == 1:
        found.append(("transfer.batch", asked.batch, "train.accumulate = 1 is one pass a step"))
    if not method.uses_soft_labels:
        why = f"{method.name} learns no soft labels; a method with +probe does"
        if asked.mix != default.mix:
            found.append(("transfer.mix", asked.mix, why))
        if asked.temperature != default.temperature:
            found.append(("transfer.temperature", asked.temperature, why))
    elif asked.mix == 0 and asked.temperature != default.temperature:
        why = "transfer.mix = 0 leaves the soft labels out"
        found.append(("transfer.temperature", asked.temperature, why))
    return found


def _left_out(student: Student | None) -> list[str]:
    """Layers that LoRA leaves as they are, although they lie in front of the head."""
    layers: tuple[str, ...] = getattr(student, "left_out", ())
    if student is None or not layers:
        return []
    model = type(student.model).__name__
    if len(layers) == 1:
        return [
            f"student.lora.targets = () leaves the layer {layers[0]!r} as it is: {model} uses its weight "
            "without calling it"
        ]
    return [
        f"student.lora.targets = () leaves {len(layers)} layers as they are, such as {layers[0]!r}: "
        f"{model} uses their weights without calling them"
    ]


def _of_the_labels(plan: Plan, asked: ExperimentConfig) -> list[tuple[str, object, str]]:
    """What changes the loss on given labels, where soft labels take their place."""
    if not plan.method.uses_soft_labels or asked.transfer.mix < 1:
        return []
    default = TrainConfig()
    why = "transfer.mix = 1 leaves the given labels out"
    return [
        (f"train.{name}", value, why)
        for name in ("label_smoothing", "class_weights")
        if (value := getattr(asked.train, name)) != getattr(default, name)
    ]


def _of_the_training(plan: Plan, asked: TrainConfig) -> list[tuple[str, object, str]]:
    default = TrainConfig()
    found: list[tuple[str, object, str]] = []
    if asked.momentum != default.momentum and asked.optimizer != "sgd":
        found.append(("train.momentum", asked.momentum, f"it is for sgd, not {asked.optimizer}"))
    if asked.memory_format == "channels_last" and plan.data.modality == "text":
        found.append(("train.memory_format", asked.memory_format, "the rows are texts"))
    if asked.gradient_checkpointing and plan.config.student and plan.config.student.frozen:
        why = "student.frozen trains the head alone, and keeps nothing of the blocks"
        found.append(("train.gradient_checkpointing", True, why))
    if asked.epochs is not None:
        if asked.steps != default.steps:
            found.append(("train.steps", asked.steps, "train.epochs decides the steps"))
        if asked.whole_epochs:
            found.append(("train.whole_epochs", True, "train.epochs are whole"))
    if asked.patience != default.patience and plan.rule is None:
        why = "it multiplies train.steps = 'auto', and the number of steps or epochs is given"
        found.append(("train.patience", asked.patience, why))
    if asked.eval_every and plan.evaluated.name != "holdout":
        why = (
            "the test rows are evaluated once, at the end; set data.evaluate = 'holdout' to follow a "
            "hold-out during training"
        )
        found.append(("train.eval_every", asked.eval_every, why))
    if asked.unlabelled_share != default.unlabelled_share and not plan.splits.unlabelled:
        why = "there are no unlabelled rows (data.unlabelled, or empty labels)"
        found.append(("train.unlabelled_share", asked.unlabelled_share, why))
    return found


def _of_the_cache(plan: Plan, asked: CacheConfig) -> list[tuple[str, object, str]]:
    found: list[tuple[str, object, str]] = []
    if plan.teachers:
        if asked.on_device is True and not plan.method.has_transfer_term:
            why = f"{plan.method.name} compares no features in training"
            found.append(("cache.on_device", True, why))
        if asked.remote is not None and asked.remote.startswith("memory:"):
            why = "memory: is of this process alone, and lost with it"
            found.append(("cache.remote", asked.remote, why))
        return found
    default, why = CacheConfig(), f"{plan.method.name} needs no teachers' features"
    return [
        (f"cache.{name}", value, why)
        for name in ("remote", "engine", "on_device")
        if (value := getattr(asked, name)) not in (getattr(default, name), False)
    ]
