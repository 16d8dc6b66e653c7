"""What a linear probe costs: fitting 50,000 rows of 1,536 columns and 100 classes, beside scikit-learn.

    python benchmarks/probe.py [--c 0.001 0.01] [--rows 50000] [--columns 1536] [--classes 100]

Both sides minimize the same function of the same rows, in as many threads. Made-up features resemble
cached ones: classes lie in a few directions, the spectrum decays, columns differ in mean and scale,
numbers are float16. Each side starts at the features as they lie in memory: standardizing counts on
both. Losses are computed in float64. For each C one JSON line; where the machine is shared,
OMP_NUM_THREADS=1 and the ratio of processor time tell more.
Expected: a ratio of at least 3, accuracies within 0.2 points.
"""

import argparse
import json
import time

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional as F

from tutelage.probes import LinearProbe, fit_probe
from tutelage.tasks import SingleLabel

TEST_ROWS = 10_000
CLASS_DIRECTIONS = 30


def main() -> None:
    """Fit both sides at each C, and print one JSON line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--c", type=float, nargs="+", default=[1e-3, 1e-2])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=1536)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--gap", type=float, default=0.15, help="how far apart classes lie")
    options = parser.parse_args()
    features, labels = made_up(
        options.rows + TEST_ROWS, options.columns, options.classes, gap=options.gap
    )
    train, test = slice(None, options.rows), slice(options.rows, None)
    warm_up(options.columns, options.classes)
    for c in options.c:
        began = clocks()
        ours = fit_probe(
            features[train], labels[train], task=SingleLabel.numbered(options.classes), c=c
        )
        between = clocks()
        theirs, iterations = scikit_learn(features[train], labels[train], c=c)
        (seconds, cpu), (their_seconds, their_cpu) = between - began, clocks() - between
        measured = {
            "c": c,
            "rows": options.rows,
            "columns": options.columns,
            "classes": options.classes,
            "threads": torch.get_num_threads(),
            "seconds": round(seconds, 2),
            "sklearn_seconds": round(their_seconds, 2),
            "ratio": round(their_seconds / seconds, 2),
            "cpu_ratio": round(their_cpu / cpu, 2),
            "sklearn_iterations": iterations,
            "accuracy": accuracy(ours, features[test], labels[test]),
            "sklearn_accuracy": accuracy(theirs, features[test], labels[test]),
            "train_accuracy": accuracy(ours, features[train], labels[train]),
            "loss": objective(ours, features[train], labels[train], c=c),
            "sklearn_loss": objective(theirs, features[train], labels[train], c=c),
        }
        print(json.dumps(measured), flush=True)


def made_up(rows: int, columns: int, classes: int, *, gap: float) -> tuple[Tensor, Tensor]:
    """Return float16 features and labels; ``gap`` is the classes' spread over that within each."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (rows,), generator=draw)
    spectrum = torch.arange(1, columns + 1).float().rsqrt()
    basis = torch.linalg.qr(torch.randn(columns, columns, generator=draw)).Q
    directions = torch.randn(CLASS_DIRECTIONS, columns, generator=draw) / CLASS_DIRECTIONS**0.5
    centres = gap * torch.randn(classes, CLASS_DIRECTIONS, generator=draw) @ directions
    scale = 0.5 + torch.rand(columns, generator=draw)
    mean = torch.randn(columns, generator=draw)
    features = torch.empty(rows, columns, dtype=torch.float16)
    for some in torch.arange(rows).split(4096):
        noise = torch.randn(2, len(some), columns, generator=draw)
        latent = (centres[labels[some]] + noise[0]) * spectrum
        features[some] = ((latent @ basis + 0.02 * noise[1]) * scale + mean).half()
    return features, labels


def clocks() -> NDArray[np.float64]:
    """Return seconds on the wall and of the processor; the latter tell more on a busy machine."""
    return np.array([time.perf_counter(), time.process_time()])


def warm_up(columns: int, classes: int) -> None:
    """Let both sides load what they load at first."""
    features, labels = torch.randn(1000, columns), torch.arange(1000) % classes
    fit_probe(features, labels, task=SingleLabel.numbered(classes), c=1e-5)
    scikit_learn(features, labels, c=1e-5)


def scikit_learn(features: Tensor, labels: Tensor, *, c: float) -> tuple[LinearProbe, int]:
    """Return scikit-learn's probe, in float32 and at its default tolerance, and its iterations."""
    scaler = StandardScaler()
    columns = scaler.fit_transform(features.float().numpy())
    found = LogisticRegression(C=c, max_iter=10_000).fit(columns, labels.numpy())
    probe = LinearProbe(
        weight=torch.from_numpy(found.coef_).float(),
        bias=torch.from_numpy(found.intercept_).float(),
        mean=torch.from_numpy(scaler.mean_).float(),
        scale=torch.from_numpy(scaler.scale_).float(),
    )
    return probe, int(found.n_iter_[0])


def accuracy(probe: LinearProbe, features: Tensor, labels: Tensor) -> float:
    """Return the share of rows whose class the probe finds."""
    return round((probe.predict(features) == labels).double().mean().item(), 5)


def objective(probe: LinearProbe, features: Tensor, labels: Tensor, *, c: float) -> float:
    """Return what both sides minimize."""
    losses = F.cross_entropy(probe.outputs(features).double(), labels, reduction="sum")
    return round(c * losses.item() + probe.weight.double().square().sum().item() / 2, 6)


if __name__ == "__main__":
    main()
