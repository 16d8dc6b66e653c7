"""What the kernels know of the task, before any student is trained; see README.md.

    PYTHONPATH=.:MODELS python neighbours.py

For features of held-out and labelled rows: accuracy of the 10 labelled rows that are nearest by the
kernel, the kernel's alignment with that of the labels, and its effective dimension.
"""

import numpy as np
import torch
from jaxtyping import Float, Int64
from mobilenet_v1_025 import mobilenet_v1_025
from torch import Tensor
from turned import Turned

from tutelage.probes import linear_probe
from tutelage.regularizers import TrainingEvidence
from tutelage.tasks import SingleLabel

LABELLED = {"clothes": 300, "news": 2000}
HELD = {"clothes": 1000, "news": 2000}


class Table:
    """The teacher's features as a regularizer reads them."""

    def __init__(self, features: Tensor) -> None:
        self.features, self.widths = features, {"teacher": features.shape[1]}

    def __len__(self) -> int:
        return len(self.features)

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        """Return rows."""
        return {"teacher": self.features[indices]}


def main() -> None:
    """Print a table a task."""
    for task, count in LABELLED.items():
        with np.load(f"{task}.npz") as file:
            features = torch.from_numpy(file["features"]).float()
            names, numbers = np.unique(file["labels"], return_inverse=True)
            pictures = torch.from_numpy(file["pictures"]) if "pictures" in file else None
        labels = torch.from_numpy(numbers)
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))
        test, train = order[: HELD[task]], order[HELD[task] :]
        known = labels[train].clone()
        known[count:] = -100
        evidence = TrainingEvidence(
            Table(features[train]),
            labels=known,
            classes=len(names),
            student=lambda: torch.empty(0),
            seed=0,
            device=torch.device("cpu"),
        )
        probe = linear_probe(
            features[train[:count]],
            known[:count],
            test_features=features[test],
            test_labels=labels[test],
            task=SingleLabel.of(names.tolist(), known[:count]),
        )
        print(f"{task}: the teacher's probe {probe.score:.1%}")
        for about, axes, start in (
            ("as given", "given", "even"),
            ("principal axes, by use to the probe", "principal", "useful"),
            ("span of the probe at 0.95, rest 0.05", "probe", "probe"),
            ("the probe's outputs", "outputs", "even"),
        ):
            turned = Turned(8, evidence.teachers.widths, classes=len(names), axes=axes, start=start)
            turned.prepare(evidence)
            columns = ((features - turned.mean) @ turned.axis) * turned.scores.detach().sigmoid()
            if axes == "probe":
                part = (features - turned.mean) @ turned.axis[:, : len(names) - 1]
                whole = (features - turned.mean).square().sum()
                print(f"share of variance in the probe's span: {part.square().sum() / whole:.1%}")
                print_row("span of the probe alone", part, labels, train[:count], test)
            print_row(about, columns, labels, train[:count], test)
        if pictures is not None:
            student = mobilenet_v1_025(len(names)).eval()
            with torch.no_grad():
                blocks = (pictures.permute(0, 3, 1, 2) / 127.5 - 1).split(256)
                own = torch.cat([student.body(block).mean((2, 3)) for block in blocks])
            print_row("the student, before training", own, labels, train[:count], test)


def print_row(
    about: str,
    features: Float[Tensor, "rows width"],
    labels: Int64[Tensor, " rows"],
    train: Int64[Tensor, " train"],
    test: Int64[Tensor, " test"],
) -> None:
    """Print a line of the table."""
    kernel = cosines(features)
    top = kernel[test][:, train].topk(10, dim=1)
    votes = torch.zeros(len(test), int(labels.max()) + 1)
    votes.scatter_add_(1, labels[train][top.indices], top.values.clamp_min(0))
    accuracy = (votes.argmax(dim=1) == labels[test]).float().mean()
    one_hot = torch.nn.functional.one_hot(labels[test]).float()
    same, other = cosines(features[test]), cosines(one_hot)
    alignment = (same * other).sum() / same.norm() / other.norm()
    centered = (features - features.mean(dim=0)).double()
    values = torch.linalg.eigvalsh(centered.T @ centered)
    effective = values.sum().square() / values.square().sum()
    print(f"{about:40s} {accuracy:6.1%} {alignment:7.2f} {effective:7.1f}", flush=True)


def cosines(features: Float[Tensor, "rows width"]) -> Float[Tensor, "rows rows"]:
    """The kernel of AFT over all rows."""
    rows = features - features.mean(dim=0)
    rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-8)
    return rows @ rows.T


if __name__ == "__main__":
    main()
