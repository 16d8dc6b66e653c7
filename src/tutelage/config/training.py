"""Settings of training and of the transfer term."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from tutelage.config.section import NoEffect, Positive, Section

__all__ = [
    "TrainConfig",
    "TransferConfig",
]


class TransferConfig(Section):
    """The transfer term: method, strength and options.

    Attributes:
        method: A name of ``tutelage list methods``, or your own ``module:Class``; with
            ``+probe`` added, the student also learns the soft labels of the teachers' probe.
        beta: Strength of the transfer term; 0 or more.
        mix: Share of the soft labels in the task's loss, 0 to 1, for methods with ``probe``.
        temperature: Divides the logits of both sides, for methods with ``probe``.
        lr: Learning rate of the method's own parameters, which have no weight decay; by default 0.01
            for weights of the teachers' columns (AFT's rho), and ``train.lr`` for the layers of KD
            and FT.
        standardize: Bring each teacher's columns to mean 0 and deviation 1 over the labelled
            training rows, so that all count alike. ``"auto"``: where several teachers are compared
            with the same features of the student, for else the one with the largest numbers decides.
        batch: Rows that are compared with each other: ``global``, those of a pass of all processes, so
            that N processes with ``batch_size`` rows each train as one with N times as many;
            ``local``, those of a pass of each process; or ``step``, those of all ``train.accumulate``
            passes of a step, too, for which the student runs twice on each row (GradCache): the loss
            of a larger batch in the memory of one pass. The task's loss is taken over the same rows.
        memory: Rows of recent batches that each batch is compared with, too, as they were then, for
            methods that compare rows with rows (``aft``, ``rkd``, ``cka``); 0 for none. Useful where a
            batch is small; see ``regularizers.memory.RelationalRegularizer``.
        params: Options of the method.
    """

    method: str = "aft"
    beta: Annotated[float, Field(ge=0)] = 10.0
    mix: Annotated[float, Field(ge=0, le=1)] = 0.7
    temperature: Annotated[float, Field(gt=0)] = 1.0
    lr: Annotated[float, Field(gt=0)] | None = None
    standardize: bool | Literal["auto"] = "auto"
    batch: Literal["global", "local", "step"] = "global"
    memory: Annotated[int, Field(ge=0)] = 0
    params: dict[str, Any] = Field(default_factory=dict)


class TrainConfig(Section):
    """The training of the student.

    Attributes:
        steps: Number of optimizer steps. ``"auto"``: by the rows that the run learns from, those of a
            step, and whether teachers are learned from; see ``training.lengths.StepRule``. The
            result states the number.
        patience: Multiplies the number of steps of ``steps = "auto"``.
        epochs: Number of whole epochs, instead of ``steps``.
        whole_epochs: Round ``steps`` up to whole epochs. An epoch is ``rows // batch`` batches of
            labelled rows; the result states the number of steps.
        batch_size: Examples in one pass of a process; the kernel is taken over those of all
            processes, see ``transfer.batch``.
        unlabelled_share: Share of unlabelled rows in a batch, if there are such rows and the method
            learns from them; the rest are labelled rows, more where fewer unlabelled ones are there.
        class_weights: Weight of each class in the loss: ``"balanced"``, so that all count alike, or a
            table from names to weights; with several labels, the weight of a label that is 1.
        label_smoothing: Share of each label that is spread over all classes; single-label only.
        accumulate: Forward passes for one optimizer step, each with a loss of its own rows, unless
            ``transfer.batch = "step"``.
        lr: Learning rate of the student.
        optimizer: ``adam``, ``adamw`` or ``sgd``.
        weight_decay: Weight decay of the student's parameters.
        momentum: Momentum of ``sgd``.
        schedule: Learning rate after the warm-up: ``cosine`` to 0, or ``constant``.
        warmup: Steps of linear warm-up of the learning rate.
        clip_norm: Maximum norm of the student's gradient; not clipped by default.
        mixed_precision: ``no``, ``fp16`` (GPU only) or ``bf16``: the student computes under autocast,
            the transfer term in float32. ``auto``: ``bf16`` on a CUDA device that has it, else ``no``;
            the run's folder states which, and a resume in the other is refused.
        compile: Backend of ``torch.compile`` for student and loss during training: ``inductor``, which
            needs a C++ compiler on the CPU and Triton on a GPU; ``aot_eager``, which compiles nothing
            and shows whether a student can be traced; or ``none``. Changes numbers by rounding alone.
        gradient_checkpointing: Keep only what enters the blocks of a ``timm:`` or ``hf:`` student and
            compute the rest again in the backward pass: less memory, one more forward pass, the same
            gradients.
        memory_format: Format of images in memory: ``channels_last`` or ``contiguous``. ``auto``:
            ``channels_last`` for students of convolutions in half precision on CUDA. Changes numbers by
            rounding alone.
        device: ``auto`` (an accelerator if there is one) or ``cpu``; also for teachers and probes.
        inputs: Keep decoded inputs in ``memory`` or on ``disk``, or decode them each time (``none``, which
            augmentation implies). ``auto``: the first of these that takes at most half of what is
            free.
        augment: ``none``, or ``invariant``: the student sees augmented images, while the teachers'
            features stay those of the original image.
        workers: Processes that decode images.
        checkpoint_every: Steps between checkpoints; 0 for none. A checkpoint is also written when the
            last one is more than two minutes old.
        log_every: Steps between lines of ``metrics.jsonl``.
        eval_every: Steps between evaluations on the hold-out where ``data.evaluate = "holdout"``
            (never on the test rows); 0 for none.
        scored_rows: Training rows with a label that are evaluated after training, for the result's
            metrics of the training rows: a sample of at most so many, drawn by ``data.split_seed``,
            or ``"all"``.
        tracker: Experiment tracker of accelerate that receives the log.
    """

    steps: Positive | Literal["auto"] = "auto"
    patience: Annotated[float, Field(gt=0)] = 1.0
    epochs: Positive | None = None
    whole_epochs: bool = False
    batch_size: Annotated[int, Field(ge=2)] = 128
    unlabelled_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    accumulate: Positive = 1
    lr: Annotated[float, Field(gt=0)] = 1e-4
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: Annotated[int, Field(ge=0)] = 0
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    mixed_precision: Literal["auto", "no", "fp16", "bf16"] = "auto"
    compile: Annotated[Literal["none", "inductor", "aot_eager"], NoEffect] = "none"
    gradient_checkpointing: Annotated[bool, NoEffect] = False
    memory_format: Annotated[Literal["auto", "channels_last", "contiguous"], NoEffect] = "auto"
    device: Literal["auto", "cpu"] = "auto"
    inputs: Annotated[Literal["auto", "memory", "disk", "none"], NoEffect] = "auto"
    augment: Literal["none", "invariant"] = "none"
    workers: Annotated[int, Field(ge=0, le=1024), NoEffect] = 2
    checkpoint_every: Annotated[int, Field(ge=0), NoEffect] = 500
    log_every: Annotated[Positive, NoEffect] = 10
    eval_every: Annotated[int, Field(ge=0), NoEffect] = 0
    scored_rows: Annotated[Positive | Literal["all"], NoEffect] = 10_000
    tracker: Annotated[Literal["none", "tensorboard", "wandb", "mlflow", "trackio"], NoEffect] = (
        "none"
    )

    @field_validator("augment", mode="before")
    @classmethod
    def _only_invariant_views(cls, value: object) -> object:
        if isinstance(value, str) and value not in ("none", "invariant"):
            raise ValueError(
                f"{value!r} would need teachers' features of the changed inputs, and the cache holds "
                "those of the plain rows only; choose 'none', or 'invariant' for views whose target "
                "stays that of the plain row, or set data.views for views that teachers see, too"
            )
        return value

    @field_validator("device", mode="before")
    @classmethod
    def _only_known_devices(cls, value: object) -> object:
        if isinstance(value, str) and value not in ("auto", "cpu"):
            raise ValueError(
                f"{value!r} is no choice; 'auto' takes the GPU where there is one, else the CPU "
                "(CUDA_VISIBLE_DEVICES=1 before the command takes the second GPU), and 'cpu' takes none"
            )
        return value

    @model_validator(mode="after")
    def _warmup_ends(self) -> Self:
        steps = self.steps if self.epochs is None else "auto"
        if steps != "auto" and self.warmup >= steps and self.warmup > 0:
            raise ValueError(f"warmup ({self.warmup}) must end before the {steps} steps do")
        return self

    @property
    def known_steps(self) -> int:
        """The number of steps.

        Raises:
            ValueError: If it depends on the rows; ``Plan.of`` returns settings that state it.
        """
        if self.steps == "auto":
            raise ValueError(
                "train.steps = 'auto' is a number only once the rows are known; give a number"
            )
        return self.steps
