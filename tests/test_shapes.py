"""The shapes in the signatures are true: a run of the core with every one of them checked."""

import subprocess
import sys

PROGRAM = """
from jaxtyping import install_import_hook
CHECKED = ["tutelage.regularizers", "tutelage.objective", "tutelage.inputs"]
with install_import_hook(CHECKED, "beartype.beartype"):
    import tutelage
    from tutelage.inputs import ImageInput
    from tutelage.regularizers.catalogue import METHODS
    from tutelage.regularizers import Evidence
from tutelage.registry import import_object
import torch
from PIL import Image
from torch import nn

class Rows:
    widths = {"a": 4, "b": 3}

    def __len__(self):
        return 4

    def gather(self, indices):
        return {"a": torch.ones(4, 4).cumsum(0)[indices].half(), "b": torch.eye(4, 3)[indices]}

images = ImageInput.from_options(16)
row = Image.new("RGB", (20, 30), "red")
batch = images.finish(images.collate([images.prepare(row), images.augmented(row)]))["image"]
model = nn.Sequential(nn.Flatten(), nn.Linear(768, 5), nn.Linear(5, 2))
for settings in ({}, {"weights": "dense"}, {"kernel": "none"}, {"kernel": "rbf"}, {"weights": "identity"}):
    tap = tutelage.FeatureTap(model)
    term = tutelage.AFTLoss(5, {"a": 4, "b": 3}, **settings)
    objective = tutelage.Objective(nn.CrossEntropyLoss(), term, beta=1.0)
    teacher = {"a": torch.randn(2, 4).half(), "b": torch.randn(2, 3)}
    objective(model(batch), torch.tensor([0, 1]), tap.take(), teacher).total.backward()
    term.rho()
    tap.close()
student = torch.randn(4, 5, requires_grad=True)
teacher = {"a": torch.randn(4, 4).half(), "b": torch.randn(4, 3)}
for path in METHODS.values():
    method = import_object(path)
    given = {"classes": 2} if method.__name__ == "BTuning" else {}
    term = method(5, {"a": 4, "b": 3}, **given)
    if hasattr(term, "prepare"):
        labels, number = torch.tensor([0, 1, 0, 1]), torch.device("cpu")
        term.prepare(Evidence(Rows(), labels, 2, student.detach, 0, number))
    (term(student, teacher) + student.sum()).backward()
try:
    tutelage.kernel_distance(torch.ones(3), torch.ones(3, 2))
except Exception as error:
    print(type(error).__name__)
"""


def test_signatures_hold_and_are_checked():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "TypeCheckError"
