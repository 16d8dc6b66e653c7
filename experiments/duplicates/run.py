"""Weights ρ of AFT under a teacher half of whose columns are repeated, on scikit-learn's digits.

python experiments/duplicates/run.py
"""

import json
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from tutelage.regularizers import AFTLoss
from tutelage.results.sparsity import sparsity
from tutelage.results.statistics import sample_mean

COPIES = (1, 2, 4, 8)
SEEDS = 3
STEPS = 1000
BETA = 3.0
TRAIN = 1000
BATCH = 128
FOLDER = Path(__file__).parent


def main() -> None:
    """Print a line for each number of copies, and write ``result.json``."""
    torch.set_num_threads(1)
    images, digits = load_digits(return_X_y=True)
    rows, labels = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(digits)
    results = {}
    for copies in COPIES:
        runs = [one_run(rows, labels, copies=copies, seed=seed) for seed in range(SEEDS)]
        means = {name: sample_mean(run[name] for run in runs) for name in runs[0]}
        print(copies, {name: f"{one.mean:.3f} ± {one.error:.3f}" for name, one in means.items()})
        results[copies] = {
            name: {"mean": one.mean, "error": one.error} for name, one in means.items()
        }
    text = json.dumps({"seeds": SEEDS, "copies": results}, indent=2)
    (FOLDER / "result.json").write_text(text + "\n", encoding="utf-8")


def one_run(rows: Tensor, labels: Tensor, *, copies: int, seed: int) -> dict[str, float]:
    """Train a student under a teacher whose first half of columns is there ``copies`` times."""
    torch.manual_seed(seed)
    order = torch.randperm(len(rows))
    train, test = order[:TRAIN], order[TRAIN:]
    features = teacher_features(rows, labels, train)
    width, half = features.shape[1], features.shape[1] // 2
    features = torch.cat([features, *[features[:, :half]] * (copies - 1)], dim=1)
    features = (features - features[train].mean(0)) / features[train].std(0)

    torch.manual_seed(100 + seed)
    body, head = nn.Sequential(nn.Linear(64, 32), nn.ReLU()), nn.Linear(32, 10)
    transfer = AFTLoss(32, [features.shape[1]])
    student = {"params": [*body.parameters(), *head.parameters()], "lr": 1e-3}
    weights = {"params": transfer.parameters(), "lr": 1e-2, "weight_decay": 0}
    optimizer = torch.optim.AdamW([student, weights])
    for _ in range(STEPS):
        batch = train[torch.randint(TRAIN, (BATCH,))]
        hidden = body(rows[batch])
        task = nn.functional.cross_entropy(head(hidden), labels[batch])
        optimizer.zero_grad()
        (task + BETA * transfer(hidden, features[batch])).backward()
        optimizer.step()

    (rho,) = transfer.column_weights().values()
    repeated = torch.cat([rho[:half], rho[width:]]).view(copies, half)
    spread = sparsity(rho)
    assert spread is not None
    right = head(body(rows[test])).argmax(1) == labels[test]
    return {
        "rho_repeated": float(repeated.mean()),
        "rho_single": float(rho[half:width].mean()),
        "largest_difference_of_copies": float((repeated.amax(0) - repeated.amin(0)).max()),
        "top_tenth": spread.top,
        "effective_share": spread.effective / len(rho),
        "accuracy": float(right.float().mean()),
    }


def teacher_features(rows: Tensor, labels: Tensor, train: Tensor) -> Tensor:
    """Hidden units of a small network trained on the training rows; those that vary."""
    network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(rows[train]), labels[train]).backward()
        optimizer.step()
    with torch.no_grad():
        features: Tensor = network[:2](rows)
    return features[:, features.std(0) > 1e-3]


if __name__ == "__main__":
    main()
