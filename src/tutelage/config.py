"""The one schema: what an experiment is, from TOML, the command line or Python.

A pluggable part is a ``source`` or ``method`` string and ``params``; the constructor that the
string names is the schema of its params (see ``registry.bind``), so no option is declared twice.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from tutelage.errors import ConfigError, did_you_mean
from tutelage.tasks import Kind, Metric, metric_of

__all__ = [
    "CacheConfig",
    "CompareConfig",
    "DataConfig",
    "ExperimentConfig",
    "InputConfig",
    "LoraSettings",
    "OutputConfig",
    "StudentConfig",
    "TeacherConfig",
    "TrainConfig",
    "TransferConfig",
    "TuneConfig",
    "load_config",
]

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: {error}") from None


Place = Annotated[Path, AfterValidator(_at_home)]


class Section(BaseModel):
    """A frozen part of the config; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(Section):
    """Where the rows come from and how they are split.

    Attributes:
        source: ``hub:NAME[/CONFIG]``, ``folder:DIR``, ``table:FILE_OR_DIR`` or
            ``python:module:function``.
        image: Column with an image or an image's path; found by itself if there is one.
        text: Column, or columns, with text.
        template: In place of ``text``: a prompt with columns' names in braces, as in
            ``"Question: {question}\\nAnswer:"``; ``{{`` and ``}}`` are braces themselves.
        task: ``"single-label"``, ``"multi-label"`` or ``"regression"``.
        metric: What chooses, and leads reports: a name in ``tasks.METRICS``; by default accuracy,
            average precision or R².
        label: Column with the label; in a folder the class folder's name is the label. Several
            columns: a regression target each, or a label each that is 0 or 1.
        label_separator: What stands between the names in a multi-label column of texts.
        id: Column with the row's id; without it the id is the row's number (table, hub) or the
            file's path relative to the folder.
        train: Name of the training split.
        test: Name of the test split; where the data has none, ``test_share`` of the training rows.
        validation: Name of the split that is the hold-out; where the data has none, ``holdout`` of
            the training rows.
        holdout: Share of the training rows that ``evaluate = "holdout"`` sets aside.
        test_share: Share of the training rows that become the test rows where the data has none.
        evaluate: ``"test"`` trains on all training rows and reports the test rows;
            ``"holdout"`` trains on the others and reports the hold-out: the test rows are not read.
        limit: At most so many training rows, drawn by ``split_seed``.
        split_seed: Draws hold-out, test share and limit; apart from ``seed``, so that runs with
            several seeds see the same rows.
        unlabelled: More rows to train on that have no label, as a ``source`` of its own; what labels
            it has are not read. Training rows whose label is empty are used likewise.
        unlabelled_split: The split of ``unlabelled`` to take, where that has several.
    """

    source: str
    image: str | None = None
    text: str | tuple[str, ...] | None = None
    template: str | None = None
    task: Kind = "single-label"
    metric: str | None = None
    label: str | Annotated[tuple[str, ...], Field(min_length=1)] = "label"
    label_separator: Annotated[str, Field(min_length=1)] | None = None
    id: str | None = None
    train: str = "train"
    test: str = "test"
    validation: str = "validation"
    holdout: Share = 0.1
    test_share: Share = 0.2
    evaluate: Literal["test", "holdout"] = "test"
    limit: Positive | None = None
    split_seed: int = 0
    unlabelled: str | None = None
    unlabelled_split: str = "train"
    params: dict[str, Any] = {}

    @property
    def lead(self) -> Metric:
        """The metric that chooses."""
        return metric_of(self.task, self.metric)

    @model_validator(mode="after")
    def _labels_fit_task(self) -> Self:
        metric_of(self.task, self.metric)
        if self.task == "single-label" and not isinstance(self.label, str):
            raise ValueError(
                "several label columns are several targets or labels; set task = 'regression' or "
                "'multi-label', or name one column"
            )
        if not isinstance(self.label, str) and len(set(self.label)) < len(self.label):
            raise ValueError(f"label names a column twice: {', '.join(self.label)}; name each once")
        if self.label_separator is not None and (
            self.task != "multi-label" or not isinstance(self.label, str)
        ):
            raise ValueError(
                "label_separator takes one column of names apart, with task = 'multi-label'; leave "
                "it out"
            )
        return self


class InputConfig(Section):
    """How an own model's input looks: an image's size and statistics, a tokenizer and length, or both."""

    image_size: Positive | None = None
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bicubic"
    crop: Annotated[float, Field(gt=0, le=1)] = 1.0
    tokenizer: str | None = None
    max_length: Positive | None = None

    @model_validator(mode="after")
    def _some_kind(self) -> Self:
        if self.image_size is None and self.tokenizer is None:
            raise ValueError(
                "give image_size (images), tokenizer (text), or both (images with texts)"
            )
        return self


class TeacherConfig(Section):
    """A frozen model, or array, that gives features.

    Attributes:
        source: ``timm:NAME``, ``hf:NAME_OR_DIR``, ``openclip:ARCH/WEIGHTS``, ``onnx:FILE``,
            ``features:FILE`` or ``python:module:factory``.
        name: How results call it; by default the source's last part.
        params: Options of the source (for example ``weights = "random"``, ``pooling = "mean"``).
        input: For ``python:`` and ``onnx:`` how the input looks.
        modality: Whether it reads the images or the texts of rows that have both; found by itself
            where the source reads one kind only.
        batch_size: Rows at once, or ``"auto"``: by the memory that is free.
    """

    source: str
    name: Annotated[str, Field(min_length=1)] | None = None
    params: dict[str, Any] = {}
    input: InputConfig | None = None
    modality: Literal["image", "text"] | None = None
    batch_size: Positive | Literal["auto"] = "auto"


class LoraSettings(Section):
    """Low-rank updates of the student's layers, in place of training all its weights.

    Attributes:
        rank: Of each update ``B A``.
        alpha: Updates are scaled by ``alpha / rank``.
        dropout: In front of each update.
        targets: Names, or ends of names, of the layers; by default all linear layers in front of
            the head, or, where there are none, all convolutions.
    """

    rank: Positive = 8
    alpha: Annotated[float, Field(gt=0)] = 16.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: tuple[str, ...] = ()


class StudentConfig(Section):
    """The small model.

    Attributes:
        source: ``timm:NAME``, ``hf:NAME_OR_DIR`` or ``python:module:factory``; for rows that are an
            image and a text also ``openclip:ARCH/WEIGHTS``, or two models joined by ``+``.
        params: Options of the source (for example ``layers = 2``); of two models, ``image`` and
            ``text`` with those of each.
        input: For ``python:`` how the input looks.
        tap: Path of the layer whose input are the features; found by itself where not given.
        frozen: Train the head alone.
        lora: Train the head, and low-rank updates of the layers in front of it; they are merged into
            the weights when the student is saved.
    """

    source: str
    params: dict[str, Any] = {}
    input: InputConfig | None = None
    tap: str | None = None
    frozen: bool = False
    lora: LoraSettings | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.frozen and self.lora is not None:
            raise ValueError(
                "frozen trains the head alone, lora more than that; leave one of them out"
            )
        return self


class TransferConfig(Section):
    """What the student learns from the teachers beside its own task.

    Attributes:
        method: A name of ``tutelage list methods``, or ``module:Class`` of one's own; with
            ``+probe`` behind it the student also learns the soft labels of the teachers' probe.
        beta: Strength of the transfer term; 0 or more.
        mix: Of methods with ``probe``: share of the soft labels in the task's loss, 0 to 1.
        temperature: Of methods with ``probe``: what both sides' logits are divided by.
        lr: Learning rate of the method's own parameters (AFT's rho); they have no weight decay.
        standardize: Bring each teacher's columns to mean 0 and deviation 1 (from cached statistics).
        params: Options of the method.
    """

    method: str = "aft"
    beta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0
    mix: Annotated[float, Field(ge=0, le=1)] = 0.7
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    lr: Annotated[float, Field(gt=0)] = 1e-2
    standardize: bool = False
    params: dict[str, Any] = {}


class TrainConfig(Section):
    """How the student is trained.

    Attributes:
        steps: Optimizer steps, exactly.
        epochs: So many whole epochs, in place of ``steps``.
        whole_epochs: Round ``steps`` up to whole epochs. An epoch is ``rows // batch`` batches, of the
            rows with a label; the result states the steps that it came to.
        batch_size: Examples in one pass; the kernel is taken over these.
        unlabelled_share: Share of a batch that are rows without a label, where there are such rows
            and the method learns from them; the labelled rows are the rest of the batch.
        class_weights: Weigh each class in the loss: ``"balanced"``, so that all count alike, or a
            table from names to weights; with several labels, where a label is 1.
        label_smoothing: Share of each label that is spread over all classes; single-label only.
        accumulate: Passes for one optimizer step.
        warmup: Steps of linear warm-up before the cosine.
        inputs: Keep each row's decoded input in ``memory``, on ``disk``, or decode it again each
            time (``none``, which augmentation implies).
        augment: ``none``, or ``invariant``: the student sees augmented views, the teachers'
            features stay those of the plain view.
        workers: Processes that decode images.
        checkpoint_every: Steps between checkpoints; 0 for none.
        log_every: Steps between lines of ``metrics.jsonl``.
        eval_every: Steps between evaluations on the hold-out where ``data.evaluate = "holdout"``
            (never on the test rows); 0 for none.
        tracker: One of accelerate's trackers.
    """

    steps: Positive = 5000
    epochs: Positive | None = None
    whole_epochs: bool = False
    batch_size: Annotated[int, Field(ge=2)] = 128
    unlabelled_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    class_weights: (
        Literal["balanced"] | dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None
    ) = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    accumulate: Positive = 1
    lr: Annotated[float, Field(gt=0)] = 1e-4
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: Annotated[int, Field(ge=0)] = 0
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"
    device: Literal["auto", "cpu"] = "auto"
    inputs: Literal["memory", "disk", "none"] = "memory"
    augment: Literal["none", "invariant"] = "none"
    workers: Annotated[int, Field(ge=0)] = 2
    checkpoint_every: Annotated[int, Field(ge=0)] = 500
    log_every: Positive = 10
    eval_every: Annotated[int, Field(ge=0)] = 0
    tracker: Literal["none", "tensorboard", "wandb", "mlflow", "trackio"] = "none"

    @field_validator("augment", mode="before")
    @classmethod
    def _only_invariant_views(cls, value: object) -> object:
        if isinstance(value, str) and value not in ("none", "invariant"):
            raise ValueError(
                f"{value!r} would need teachers' features of the changed inputs, and the cache holds "
                "those of the plain rows only; choose 'none', or 'invariant' for views whose target "
                "stays that of the plain row"
            )
        return value

    @model_validator(mode="after")
    def _warmup_ends(self) -> Self:
        if self.epochs is None and self.warmup >= self.steps and self.warmup > 0:
            raise ValueError(f"warmup ({self.warmup}) must end before the {self.steps} steps do")
        return self


class TuneConfig(Section):
    """What ``tutelage tune`` tries, on the hold-out of the training rows.

    Attributes:
        beta: Strengths; by default those that suit the method, see ``methods.BETAS``.
        mix: Shares of soft labels, for methods with ``probe``.
        temperature: Temperatures of soft labels, for methods with ``probe``.
        lr: Learning rates of the student; by default ``train.lr`` alone.
        teachers: Sets of teachers, each by names; by default all together.
        samples: Draw so many points between the least and the greatest of each list, on a log scale
            (shares on a plain one), in place of trying every combination.
        seeds: Runs of each point, from ``seed`` up; their mean counts.
        prune: End a point whose first run is, at a quarter, half or three quarters of its steps, below
            the median of those before it.
    """

    beta: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = ()
    mix: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)] = (
        0.5,
        0.7,
        0.9,
    )
    temperature: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (1.0,)
    lr: tuple[Annotated[float, Field(gt=0)], ...] = ()
    teachers: tuple[tuple[str, ...], ...] = ()
    samples: Positive | None = None
    seeds: Positive = 1
    prune: bool = False


class CompareConfig(Section):
    """What ``tutelage compare`` puts side by side: every combination of what is listed here.

    Attributes:
        methods: Their names; by default standard fine-tuning and the config's own.
        seeds: Runs of each combination, from ``seed`` up.
        tune: Choose each combination's settings by ``[tune]`` on a hold-out of its training rows first.
        students: By default the config's own.
        teachers: Sets of teachers, each by names; by default all together.
        fractions: Of the training rows; by default all of them.
    """

    methods: tuple[str, ...] = ()
    seeds: Positive = 1
    tune: bool = False
    students: tuple[StudentConfig, ...] = ()
    teachers: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = ()
    fractions: tuple[Annotated[float, Field(gt=0, le=1)], ...] = ()


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


def load_config(
    tables: Iterable[Mapping[str, Any]], *, assignments: Iterable[str] = ()
) -> ExperimentConfig:
    """Merge tables and ``path=value`` assignments, later ones winning, into a checked config.

    Args:
        tables: Nested mappings as TOML gives them.
        assignments: ``"train.lr=1e-3"``: a dotted path and a TOML value (a bare word is a string);
            ``teachers.0.params.pooling=mean`` reaches into a list.

    Raises:
        ConfigError: All mistakes at once, each with its path and the closest known key.
    """
    merged: dict[str, Any] = {}
    for table in tables:
        _merge(merged, table)
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path:
            raise ConfigError(
                f"--set takes path=value (for example train.lr=1e-3), not {assignment!r}"
            )
        _assign(merged, path.strip().split("."), _toml_value(value.strip()), assignment)
    try:
        return ExperimentConfig.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(_all_mistakes(error)) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content; one clear message where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no config file {path}; 'tutelage init' writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the config file {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _merge(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _assign(root: dict[str, Any], path: list[str], value: Any, assignment: str) -> None:
    target: Any = root
    for part in path[:-1]:
        if isinstance(target, list):
            if not part.isdigit() or int(part) >= len(target):
                raise ConfigError(
                    f"--set {assignment}: there is no entry {part!r} in a list of {len(target)}"
                )
            target = target[int(part)]
        elif isinstance(target, dict):
            target = target.setdefault(part, {})
        else:
            raise ConfigError(f"--set {assignment}: {part!r} is not a section")
    if isinstance(target, list):
        raise ConfigError(f"--set {assignment}: name an entry and a key, as in teachers.0.name")
    if not isinstance(target, dict):
        raise ConfigError(f"--set {assignment}: {path[-2]!r} is not a section")
    target[path[-1]] = value


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _all_mistakes(error: ValidationError) -> str:
    lines = []
    for mistake in error.errors():
        path = ".".join(str(part) for part in mistake["loc"])
        match mistake["type"]:
            case "extra_forbidden":
                known = _keys_at(mistake["loc"][:-1])
                hint = did_you_mean(str(mistake["loc"][-1]), known)
                lines.append(
                    f"unknown setting {path}{hint or ' (there are: ' + ', '.join(known) + ')'}"
                )
            case "missing":
                lines.append(f"setting {path} is missing")
            case "value_error":
                message = mistake["msg"].removeprefix("Value error, ")
                lines.append(f"{path}: {message}" if path else message)
            case _:
                lines.append(
                    f"{path} = {mistake['input']!r}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}"
                )
    return "\n".join(dict.fromkeys(lines))


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that a section of the schema knows."""
    model: Any = ExperimentConfig
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        while get_origin(annotation) is not None or not isinstance(annotation, type):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        model = annotation
    return list(model.model_fields) if issubclass(model, BaseModel) else []
