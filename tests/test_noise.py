"""What noise among the teachers' columns costs: KD must predict it, AFT weighs it down."""

import statistics

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from torch import Tensor, nn

from tutelage import AFTLoss, FeatureTap, Objective
from tutelage.regularizers import KD

SEEDS = range(5)
NOISE = 512
LABELLED = 60


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor, Tensor]:
    """Handwritten digits, their labels, and what a network trained on 1,000 others makes of them."""
    pixels, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0)).numpy()
    pixels, labels = pixels[order] / 16, labels[order]
    network = MLPClassifier((128,), max_iter=60, random_state=0, alpha=1e-3, tol=0.0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        network.fit(pixels[:1000], labels[:1000])
    hidden = (pixels[1000:] @ network.coefs_[0] + network.intercepts_[0]).clip(0)
    kept = (pixels[1000:], labels[1000:], hidden)
    rows, classes, features = (torch.from_numpy(one) for one in kept)
    return rows.float(), classes, features.float()


def trained(digits, method, *, beta: float, noise: bool, seed: int) -> tuple[float, Tensor | None]:
    """Train a small network on some of the rows; its accuracy on the others, and the weights."""
    pixels, labels, features = digits
    if noise:
        generator = torch.Generator().manual_seed(seed)
        columns = torch.randn(len(features), NOISE, generator=generator) * features.std()
        features = torch.cat([features, columns], dim=1)
    torch.manual_seed(seed)
    student = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    tap = FeatureTap(student)
    term = method(32, [features.shape[1]])
    objective = Objective(nn.CrossEntropyLoss(), term, beta=beta)
    optimizer = torch.optim.Adam(
        [{"params": student.parameters()}, {"params": term.parameters(), "lr": 1e-2}], lr=3e-3
    )
    order = torch.Generator().manual_seed(seed)
    for _ in range(300):
        rows = torch.randperm(LABELLED, generator=order)
        optimizer.zero_grad()
        terms = objective(student(pixels[rows]), labels[rows], tap.take(), features[rows])
        terms.total.backward()
        optimizer.step()
    with torch.no_grad():
        right = student(pixels[LABELLED:]).argmax(1) == labels[LABELLED:]
    rho = term.column_weights()["teacher0"] if isinstance(term, AFTLoss) else None
    return right.double().mean().item(), rho


def over_seeds(digits, method, *, beta: float, noise: bool) -> tuple[float, float]:
    values = [trained(digits, method, beta=beta, noise=noise, seed=seed)[0] for seed in SEEDS]
    return statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5


def test_noise_columns_lose_weight(digits):
    _, rho = trained(digits, AFTLoss, beta=1.0, noise=True, seed=0)
    assert rho[128:].mean() < rho[:128].mean() - 0.1


def test_aft_does_not_pay_for_noise_and_kd_does(digits):
    plain, error = over_seeds(digits, AFTLoss, beta=1.0, noise=False)
    noisy, _ = over_seeds(digits, AFTLoss, beta=1.0, noise=True)
    assert noisy > plain - error
    kd, _ = over_seeds(digits, KD, beta=3.0, noise=False)
    noisy_kd, _ = over_seeds(digits, KD, beta=3.0, noise=True)
    assert noisy_kd < kd
