"""Every method in two and in four processes against one process; run by ``test_ranks.py``.

Each process trains on its own rows with the objective over all rows, under DistributedDataParallel.
All must have the losses, gradients and final weights of a training on all rows in one process; and
so must several passes that are recomputed, of those of one pass with all their rows.
Processes are forked from one that has imported everything, so that they start at once.
"""

import copy
import importlib
import multiprocessing
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from tutelage import AFTLoss, FeatureTap, Objective
from tutelage.config import TrainConfig
from tutelage.ranks import gather_rows
from tutelage.registry import bind
from tutelage.regularizers import EachModality, Regularizer, Standardized, TrainingEvidence
from tutelage.regularizers.catalogue import METHOD_NAMES, METHODS, PROBE, parse_method
from tutelage.students import Student
from tutelage.tasks.single_label import CrossEntropy
from tutelage.tasks.soft_labels import SoftLabels
from tutelage.training.batches import Batch
from tutelage.training.learner import Learner
from tutelage.training.optimizers import Optimizers
from tutelage.training.recompute import RecomputedPasses, TwiceRun

TEACHERS, WIDTH, CLASSES, ROWS, STEPS = {"dino": 6, "clip": 3}, 6, 3, 16, 2
SIDES = {"dino": "image", "clip": "text"}
HALVES = {"image": 4, "text": 2}


class Rows:
    """Teachers' features in memory, as preparation reads them."""

    def __init__(self, features: dict[str, Tensor]) -> None:
        self.features = features
        self.widths = {name: tensor.shape[1] for name, tensor in features.items()}

    def __len__(self) -> int:
        return len(next(iter(self.features.values())))

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        return {name: tensor[indices] for name, tensor in self.features.items()}


class Small(Student):
    """A small student; dropout, where it is asked for, is in front of the features."""

    input, widths = None, {"": WIDTH}

    def __init__(self, dropout: float = 0.0) -> None:
        body = (nn.Linear(5, WIDTH), nn.Tanh(), nn.Dropout(dropout), nn.Linear(WIDTH, WIDTH))
        self.model = nn.Sequential(*body, nn.Tanh(), nn.Linear(WIDTH, CLASSES))
        self.tap = FeatureTap(self.model)
        self.width, self.parameters = WIDTH, 0

    def outputs(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.model(inputs["x"])


class Alone:
    """What the passes of a step ask an accelerator for, in one process."""

    autocast = staticmethod(nullcontext)

    def reduce(self, tensor: Tensor, reduction: str) -> Tensor:
        return tensor

    def no_sync(self, module: nn.Module):
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        loss.backward()


class Averaging(Alone):
    """The same in several."""

    def reduce(self, tensor: Tensor, reduction: str) -> Tensor:
        assert reduction == "mean"
        distributed.all_reduce(tensor)
        return tensor / distributed.get_world_size()

    def no_sync(self, module: nn.Module):
        return module.no_sync()


class Seen(list[Tensor]):
    """A log that keeps the terms."""

    def add(self, terms, right: Tensor) -> None:
        self += [terms.task.detach(), terms.transfer.detach()]


def draw(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def method(name: str) -> Regularizer:
    """A prepared method, as the program builds it."""
    spec = parse_method(name)
    given = {"student_width": WIDTH, "teacher_widths": TEACHERS, "classes": CLASSES}
    params = {**spec.params, "epochs": 2} if name == "ft" else spec.params
    term = bind(spec.regularizer_class(), given, params, where="transfer.params")
    evidence = TrainingEvidence(
        Rows({n: draw(40, w, seed=w).half() for n, w in TEACHERS.items()}),
        labels=torch.arange(40) % CLASSES,
        classes=CLASSES,
        student=lambda: draw(40, WIDTH, seed=1).float(),
        seed=0,
        device=torch.device("cpu"),
    )
    term.prepare(evidence)
    return term


def standardized(name: str) -> Regularizer:
    mean = {n: torch.full((w,), 0.3) for n, w in TEACHERS.items()}
    std = {n: torch.linspace(0.5, 3.0, w) for n, w in TEACHERS.items()}
    return Standardized(method(name), mean, std=std)


def remembering() -> Regularizer:
    return AFTLoss(WIDTH, TEACHERS, memory=4 * ROWS)


def product() -> Regularizer:
    assert METHODS["aft"].product is not None
    return METHODS["aft"].product(HALVES, TEACHERS, modalities=SIDES)


def each_modality() -> Regularizer:
    rkd = parse_method("rkd").regularizer_class()
    return EachModality(lambda width, some: rkd(width, some), HALVES, TEACHERS, modalities=SIDES)


WEIGHTED = CrossEntropy(weight=torch.tensor([1.0, 5.0, 0.2]), label_smoothing=0.1)
CASES: dict[str, tuple[Callable[[], Regularizer], nn.Module]] = {
    **{
        name: (lambda name=name: method(name), nn.CrossEntropyLoss(ignore_index=-100))
        for name in METHOD_NAMES
        if name != PROBE
    },
    **{f"standardized {n}": (lambda n=n: standardized(n), WEIGHTED) for n in ("aft", "cka", "vkd")},
    "soft labels": (lambda: method("aft"), SoftLabels(loss=WEIGHTED)),
    "memory": (remembering, nn.CrossEntropyLoss(ignore_index=-100)),
    "product": (product, nn.CrossEntropyLoss(ignore_index=-100)),
    "each modality": (each_modality, nn.CrossEntropyLoss(ignore_index=-100)),
}


def batch(step: int, part: int) -> Batch:
    """All rows of a pass; the last third has no label."""
    seed = 100 * step + 10 * part
    labels = torch.arange(ROWS) % CLASSES
    labels[-ROWS // 3 :] = -100
    teacher = {n: draw(ROWS, w, seed=seed + w) + 1 for n, w in TEACHERS.items()}
    return Batch(
        {"x": draw(ROWS, 5, seed=seed)}, labels, teacher, draw(ROWS, CLASSES, seed=seed + 9)
    )


def cut(whole: Batch, share: slice, *, soft: bool) -> Batch:
    inputs, teacher = (
        {name: rows[share] for name, rows in part.items()} for part in (whole.inputs, whole.teacher)
    )
    return Batch(inputs, whole.labels[share], teacher, whole.soft[share] if soft else None)


def merged(batches: list[Batch]) -> Batch:
    """One batch with the rows of several."""
    inputs, teacher = (
        {name: torch.cat([one[name] for one in parts]) for name in parts[0]}
        for parts in ([one.inputs for one in batches], [one.teacher for one in batches])
    )
    soft = None if batches[0].soft is None else torch.cat([one.soft for one in batches])
    return Batch(inputs, torch.cat([one.labels for one in batches]), teacher, soft)


def train(
    learner: Learner,
    share: slice,
    *,
    passes: int,
    several: bool,
    way: str = "accumulated",
    accelerator=None,
) -> list[Tensor]:
    """Train; return the losses of all passes, the gradients of all steps and the last weights.

    The passes of a step are accumulated, recomputed, or merged into one.
    """
    twice = TwiceRun(learner) if way == "recomputed" else None
    module = DistributedDataParallel(twice or learner) if several else (twice or learner)
    settings = TrainConfig(steps=STEPS, optimizer="sgd", lr=0.1)
    objective, soft = learner.objective, isinstance(learner.objective.task, SoftLabels)
    optimizers = Optimizers.of(
        learner.model, objective.regularizer, settings=settings, transfer_lr=0.05
    )
    seen = Seen()
    accelerator = accelerator or (Averaging() if several else Alone())
    common = {"optimizers": optimizers, "log": seen.add, "accelerator": accelerator}
    recomputed = twice and RecomputedPasses(module, twice, passes=passes, **common)
    for step in range(STEPS):
        optimizers.main.zero_grad()
        batches = [cut(batch(step, part), share, soft=soft) for part in range(passes)]
        if way == "merged":
            batches = [merged(batches)]
        if recomputed:
            assert [recomputed.take(one) for one in batches] == [False] * (passes - 1) + [True]
        else:
            for one in batches:
                last = one is batches[-1]
                with nullcontext() if last or not several else module.no_sync():
                    terms, right, features = module(one)
                    if optimizers.inner is not None and last:
                        transfer = optimizers.inner_updates(
                            objective, features, one.teacher, accelerator=accelerator
                        )
                        terms = objective.combined(terms.task, transfer)
                    (terms.total / len(batches)).backward()
                seen.add(terms, right)
        seen += [p.grad.clone() for p in learner.parameters() if p.grad is not None]
        optimizers.main.step()
    return seen + [p.detach().clone() for p in learner.parameters()]


def whole_learner(name: str) -> Learner:
    """A learner in float64 with the method of a case."""
    build, task = CASES[name]
    torch.manual_seed(0)
    return Learner(Small(), Objective(task, build(), beta=3.0)).double()


def copied(learner: Learner) -> Learner:
    """An equal learner, whose student has a tap of its own."""
    other = Learner(Small(), copy.deepcopy(learner.objective)).double()
    other.load_state_dict(learner.state_dict())
    return other


def same(found: list[Tensor], expected: list[Tensor], name: str) -> None:
    for one, other in zip(found, expected, strict=True):
        message = f"{name}: {{}}".format
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9, msg=message)


def compare(
    name: str, shares: list[slice], rank: int, *, passes: int, way: str = "accumulated"
) -> None:
    """Fail unless all processes have what one process has."""
    whole = whole_learner(name)
    own = copied(whole)
    own.objective.batch = "global"
    found = train(own, shares[rank], passes=passes, several=True, way=way)
    for one in gather_rows(*(value.flatten()[None] for value in found)):
        assert torch.equal(one, one[:1].expand_as(one)), name
    if rank == 0:
        way = "merged" if way == "recomputed" else way
        same(found, train(whole, slice(0, ROWS), passes=passes, several=False, way=way), name)


def local_differs(shares: list[slice], rank: int) -> None:
    """Kernels of the processes' own rows train something else: the comparison can fail."""
    whole = whole_learner("aft")
    own = copied(whole)
    expected = train(whole, slice(0, ROWS), passes=1, several=False)
    found = train(own, shares[rank], passes=1, several=True)
    assert abs(found[1] - expected[1]) > 1e-3, "the first term"


def dtypes(rank: int, processes: int) -> None:
    """Rows of any number and dtype arrive as they were; one process has none."""
    for dtype in (torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.float32):
        rows = torch.full((rank, 3), rank).to(dtype)
        numbers = torch.full((rank,), rank)
        gathered, all_numbers = gather_rows(rows, numbers)
        counted = [r for r in range(processes) for _ in range(r)]
        assert all_numbers.tolist() == counted
        assert gathered.dtype == dtype
        assert torch.equal(gathered, torch.tensor(counted)[:, None].expand(-1, 3).to(dtype))
    half = torch.ones(rank, 2, dtype=torch.bfloat16, requires_grad=True)
    weights = torch.arange(2.0 * sum(range(processes))).reshape(-1, 2)
    (gather_rows(half)[0].float() * weights).sum().backward()
    start = sum(range(rank))
    assert torch.equal(half.grad.float(), processes * weights[start : start + rank])


def work(rank: int, processes: int, folder: str) -> None:
    try:
        torch.set_num_threads(1)
        meeting = f"file://{folder}/{processes}"
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
        rows = ROWS // processes
        even = [slice(r * rows, (r + 1) * rows) for r in range(processes)]
        ends = [0, *(end + 1 for end in range(rows, ROWS, rows)), ROWS]
        uneven = [slice(ends[r], ends[r + 1]) for r in range(processes)]
        for name in CASES:
            compare(name, even, rank, passes=1)
        for name in ("aft", "aft-bilevel", "rkd", "product", "soft labels", "memory"):
            compare(name, uneven, rank, passes=2)
            compare(name, uneven, rank, passes=2, way="recomputed")
        local_differs(even, rank)
        dtypes(rank, processes)
        distributed.barrier()  # see examples/distributed.py
        distributed.destroy_process_group()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def main() -> None:
    importlib.import_module("torch._dynamo")  # once: DistributedDataParallel imports it
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        for processes in (2, 4):
            workers = [
                context.Process(target=work, args=(rank, processes, folder))
                for rank in range(processes)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(120)
            codes = [worker.exitcode for worker in workers]
            for worker in workers:
                worker.kill()
            assert codes == [0] * processes, codes
            print(f"{processes} processes: {len(CASES)} cases equal to one process")


if __name__ == "__main__":
    main()
