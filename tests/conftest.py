"""Real data and small models that the tests share; nothing is downloaded, nothing is left behind."""

import json
import logging
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, one a core
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.pop("COLUMNS", None)  # readline gives them to processes that run tests side by side
os.environ.pop("LINES", None)

import jaxtyping
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from tutelage import cli
from tutelage.demo.data import minilm, snippets
from tutelage.files import with_digest
from tutelage.results.choice import Choice, ProbeCurve, ProbePoint, Spent, Tried
from tutelage.results.result import Result, StudentInfo, TeacherInfo, read_result
from tutelage.results.statistics import sample_mean
from tutelage.results.tuning import Trial, Tuning
from tutelage.tasks import SingleLabel


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that need a GPU where there is none."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Switch off the check of annotations, as it is for users: the library's own message is tested."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    """A folder of JPEG files: handwritten threes, fives and eights of scikit-learn, 32 pixels wide."""
    folder = tmp_path_factory.mktemp("digits")
    source = load_digits()
    names = {3: "three", 5: "five", 8: "eight"}
    counts = dict.fromkeys(names, 0)
    for image, target in zip(source.images, source.target, strict=True):
        if target not in names or counts[target] == 28:
            continue
        split = "train" if counts[target] < 20 else "test"
        place = folder / split / names[target]
        place.mkdir(parents=True, exist_ok=True)
        pixels = Image.fromarray((image * 15.9).astype(np.uint8)).resize((32, 32))
        pixels.save(place / f"{counts[target]:02d}.jpg", quality=95)
        counts[target] += 1
    return folder


@pytest.fixture(scope="session")
def reviews(tmp_path_factory) -> Path:
    """A folder of tables: 60 and 24 critics' snippets with the columns id, text and label."""
    folder = tmp_path_factory.mktemp("reviews")
    for split, rows in snippets(60, test=24).items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory) -> Path:
    """A BERT of 2 layers and 32 columns that knows the reviews' word pieces, its weights drawn once.

    MiniLM's tokenizer without the other pieces: all 30,522 take a third of a short run's time.
    """
    from transformers import AutoTokenizer, BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("bert")
    whole = AutoTokenizer.from_pretrained(minilm())
    rows = snippets(60, test=24).values()
    used = {piece for split in rows for row in split for piece in whole.tokenize(row["text"])}
    kept = [
        piece
        for piece in sorted(whole.get_vocab(), key=whole.get_vocab().__getitem__)
        if piece in used or piece in whole.all_special_tokens or len(piece.lstrip("#")) <= 1
    ]
    torch.manual_seed(1)
    config = BertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        vocab_size=len(kept),
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizer(
        vocab={piece: number for number, piece in enumerate(kept)},
        model_max_length=whole.model_max_length,
    ).save_pretrained(folder)
    return folder


@pytest.fixture
def command(tmp_path, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command in this process, in an empty folder with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["tutelage", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


HOLDS = """
import sys, time
from pathlib import Path
from filelock import FileLock
path = Path(sys.argv[1])
path.parent.mkdir(parents=True, exist_ok=True)
lock = FileLock(path)
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def stopped_holder() -> Iterator[Callable[[Path], "subprocess.Popen[str]"]]:
    """A function that starts another process, which holds the lock of a file and is stopped (Ctrl-Z)."""
    started = []

    def hold(path: Path) -> "subprocess.Popen[str]":
        words = [sys.executable, "-c", HOLDS, str(path)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGSTOP)
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def once_told() -> Iterator[Callable[[Callable[[str], None]], None]]:
    """A function that has another called with each line of the library's own log."""
    log, handlers = logging.getLogger("tutelage"), []

    def call(act: Callable[[str], None]) -> None:
        handlers.append(logging.Handler())
        handlers[-1].emit = lambda record: act(record.getMessage())  # type: ignore[method-assign]
        log.addHandler(handlers[-1])

    yield call
    for handler in handlers:
        log.removeHandler(handler)


TEACHERS = {"mpnet": (768, 109_486_464), "glove": (50, None)}


@pytest.fixture(name="write_run", scope="session")
def _write_run() -> Callable[..., Path]:
    """A function that writes a run's folder as a finished training leaves it, with made-up numbers."""
    return write_run


def write_run(
    folder: Path,
    *,
    method: str = "aft",
    seed: int = 0,
    accuracy: float = 0.78,
    beta: float = 3.0,
    steps: int = 400,
    teachers: dict[str, tuple[int, int | None]] | None = None,
    name: str = "snippets",
    history: bool = True,
    rho: bool = True,
    split: str = "test",
    rows: int = 2000,
    unlabelled: int = 0,
    config: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Write ``result.json``, ``metrics.jsonl`` and ``rho.safetensors``; STL has no teachers."""
    teachers = (TEACHERS if teachers is None else teachers) if method != "stl" else {}
    generator = torch.Generator().manual_seed(seed)
    folder.mkdir(parents=True)
    weights = {
        t: torch.sigmoid(torch.randn(width, generator=generator) * 0.8 - 0.4 * index)
        for index, (t, (width, _)) in enumerate(teachers.items())
    }
    result = Result(
        name=name,
        method=method,
        beta=beta if method != "stl" else 0.0,
        seed=seed,
        steps=steps,
        metrics={
            "train": {"accuracy": 0.98, "loss": 0.07},
            split: {"accuracy": accuracy, "loss": 0.6},
        },
        rows={"train": 1000, split: rows} | ({"unlabelled": unlabelled} if unlabelled else {}),
        classes=["fresh", "rotten"],
        student=StudentInfo(
            source="hf:models/minilm-l6", parameters=15_500_000, width=384, tap="classifier"
        ),
        teachers=[
            TeacherInfo(
                name=t,
                source=f"hf:models/{t}",
                width=width,
                parameters=parameters,
                cache_key={"train": "ab12", split: "cd34"},
                bytes=width * 2 * 3000,
                rho_mean=float(weights[t].mean()) if rho else None,
                share=(0.9 if index == 0 else 0.1)
                if rho and len(teachers) > 1
                else (1.0 if rho else None),
            )
            for index, (t, (width, parameters)) in enumerate(teachers.items())
        ],
        seconds={"extract": 61.2, "prepare": 1.4, "train": 48.0 + seed, "evaluate": 3.1},
        versions={
            "tutelage": "0.1.0",
            "python": "3.11.9",
            "torch": "2.9.0",
            "transformers": "5.0.0",
        },
        device="cpu",
        started=f"2025-06-0{1 + seed % 9}T10:00:00+00:00",
        command="tutelage train config.toml",
        config=config
        or {
            "name": name,
            "seed": seed,
            "data": {"source": "table:data/snippets", "evaluate": split, "split_seed": 0},
            "teachers": [{"source": f"hf:models/{t}"} for t in teachers],
            "student": {"source": "hf:models/minilm-l6", "params": {"layers": 2}},
            "transfer": {
                "method": method,
                "beta": beta,
                "lr": 0.01,
                "standardize": False,
                "params": {},
            },
            "train": {
                "steps": steps,
                "batch_size": 64,
                "lr": 1e-4,
                "optimizer": "adam",
                "schedule": "cosine",
                "augment": "none",
            },
            "output": {"dir": folder.name},
        },
    ).model_copy(update=changes)
    (folder / "result.json").write_text(result.model_dump_json(indent=2), encoding="utf-8")
    if history:
        lines = [
            {
                "step": step,
                "task": 0.68 * math.exp(-step / 120)
                + 0.05
                + 0.05 * torch.rand(1, generator=generator).item(),
                "transfer": 0.0 if method == "stl" else 0.25 + 0.3 * math.exp(-step / 90),
                "total": 1.0,
                "accuracy": 1
                - 0.45 * math.exp(-step / 100)
                - 0.04 * torch.rand(1, generator=generator).item(),
                "lr": 1e-4,
            }
            for step in range(10, steps + 1, 10)
        ]
        (folder / "metrics.jsonl").write_text(
            "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
        )
    if weights and rho:
        save_file(weights, folder / "rho.safetensors")
    return folder


@pytest.fixture(name="write_search")
def _write_search() -> Callable[..., tuple[Path, Tuning]]:
    """A function that writes a search's folder as ``tutelage tune`` leaves it, with made-up numbers."""
    return write_search


def write_search(
    folder: Path, points: dict[str, list[float]], *, rows: int | None = 300, accuracy: float = 0.78
) -> tuple[Path, Tuning]:
    """Write ``tune.json`` and the chosen run; points are ``aft beta=3``, with their runs' scores.

    A point without scores failed.
    """
    trials = []
    for point, values in points.items():
        method, *settings = point.split()
        mean = sample_mean(values) if values else None
        trials.append(
            Trial(
                name=point.replace(" ", "-").replace("=", "-"),
                method=method,
                settings={name: float(value) for name, value in (s.split("=") for s in settings)},
                teachers=(),
                score=mean and mean.mean,
                error=mean and mean.error,
                values=tuple(values),
                state="finished" if values else "failed",
                reason="" if values else "the loss is nan at step 12",
            )
        )
    best = max((one for one in trials if one.score is not None), key=lambda one: one.score)
    search = Tuning(trials=tuple(trials), chosen=best.name, rows=rows)
    write_run(folder / "chosen", method=best.method, accuracy=accuracy)
    text = with_digest(json.loads(search.model_dump_json()))
    (folder / "tune.json").write_text(text, encoding="utf-8")
    return folder, search


@pytest.fixture(name="choice_of")
def _choice_of() -> Callable[..., Choice]:
    """A function that makes the record of ``train --auto``, with made-up numbers."""
    return choice_of


def choice_of(
    points: dict[str, list[float]],
    *,
    chosen: str | None = None,
    student: dict[int, list[float]] | None = None,
    teachers: dict[int, list[float]] | None = None,
    **changes: Any,
) -> Choice:
    """Points are ``aft beta=3``, with their scores by fold; curves are scores by number of rows.

    A point without scores failed. The baseline is the highest ``stl`` of those on most folds, the best
    and by default the chosen the highest of all.
    """
    tried = [
        Tried(
            name=point.replace(" ", "-").replace("=", "-"),
            method=point.split()[0],
            settings={
                name: float(value) if value[0].isdigit() else value
                for name, value in (setting.split("=") for setting in point.split()[1:])
            },
            scores=tuple(values),
            seconds=10.0 * len(values),
            reason="" if values else "the loss is nan at step 12",
        )
        for point, values in points.items()
    ]
    finished = [one for one in tried if one.scores]
    best = max(finished, key=lambda one: (len(one.scores), one.score.mean)).name
    curves = [
        ProbeCurve(
            of=of,
            points=tuple(ProbePoint(rows=n, scores=tuple(values)) for n, values in curve.items()),
        )
        for of, curve in (("student", student), ("teachers", teachers))
        if curve is not None
    ]
    runs = sum(len(one.scores) for one in tried)
    settings: dict[str, Any] = {
        "metric": SingleLabel.metric(),
        "folds": 3,
        "repeats": 3,
        "tried": tuple(tried),
        "baseline": max(
            (one for one in finished if one.method == "stl"),
            key=lambda one: (len(one.scores), one.score.mean),
        ).name,
        "best": best,
        "chosen": best if chosen is None else chosen,
        "spent": Spent(runs=runs, seconds=10.0 * runs, budget="40", used_up=False),
        "curves": tuple(curves),
    }
    return Choice(**(settings | changes))


@pytest.fixture(name="write_choice")
def _write_choice() -> Callable[..., Path]:
    """A function that writes a folder as ``train --auto`` leaves it, with made-up numbers."""
    return write_choice


def write_choice(folder: Path, choice: Choice, *, accuracy: float = 0.78) -> Path:
    """Write ``auto.json``, the chosen run and the baseline's, two points below."""
    chosen = write_run(
        folder / "chosen", method=choice.named(choice.chosen).method, accuracy=accuracy
    )
    base = write_run(folder / "baseline", method="stl", accuracy=accuracy - 0.02)
    results = {"result": read_result(chosen), "baseline_result": read_result(base)}
    text = choice.model_copy(update=results).model_dump_json()
    (folder / "auto.json").write_text(with_digest(json.loads(text)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def cluster(request) -> Iterator[None]:
    """A Ray cluster of this machine with two cores, whose processes import the folders ``IMPORTED``."""
    pytest.importorskip("ray", reason="ray is not installed")
    patch = pytest.MonkeyPatch()
    folders = [*getattr(request.module, "IMPORTED", ()), os.environ.get("PYTHONPATH", "")]
    patch.setenv("PYTHONPATH", os.pathsep.join(map(str, folders)))
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setenv("RAY_worker_niceness", "0")  # else they wait for all tests that run beside them
    patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    ray.cloudpickle.register_pickle_by_value(request.module)
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, logging_level="ERROR")
    yield
    ray.shutdown()
    patch.undo()
