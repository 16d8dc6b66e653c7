"""Run folders as a finished training leaves them, with made-up numbers."""

import json
import math
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch
from safetensors.torch import save_file

from tutelage.results.result import Result, StudentInfo, TeacherInfo

TEACHERS = {"mpnet": (768, 109_486_464), "glove": (50, None)}


class WriteRun(Protocol):
    """Writes a run's folder and returns it."""

    def __call__(self, folder: Path, **settings: Any) -> Path: ...


@pytest.fixture(name="write_run")
def _write_run() -> WriteRun:
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
        rows={"train": 1000, split: rows},
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
