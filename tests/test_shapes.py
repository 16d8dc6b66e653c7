"""The shapes in the signatures are true: a run of the core with every one of them checked."""

import subprocess
import sys

PROGRAM = """
from jaxtyping import install_import_hook
CHECKED = ["tutelage.regularizers", "tutelage.objective", "tutelage.inputs"]
with install_import_hook(CHECKED, "beartype.beartype"):
    import tutelage
    from tutelage.inputs import ImageInput
    from tutelage.regularizers import TrainingEvidence
    from tutelage.regularizers.catalogue import METHODS
    from tutelage.registry import bind
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
for settings in ({}, {"weights": "dense"}, {"kernel": "rbf"}, {"weights": "identity"}):
    tap = tutelage.FeatureTap(model)
    term = tutelage.AFTLoss(5, {"a": 4, "b": 3}, **settings)
    objective = tutelage.Objective(nn.CrossEntropyLoss(), term, beta=1.0)
    teacher = {"a": torch.randn(2, 4).half(), "b": torch.randn(2, 3)}
    objective(model(batch), torch.tensor([0, 1]), tap.take(), teacher).total.backward()
    term.column_weights()
    tap.close()
student = torch.randn(4, 5, requires_grad=True)
teacher = {"a": torch.randn(4, 4).half(), "b": torch.randn(4, 3)}
given = {"student_width": 5, "teacher_widths": {"a": 4, "b": 3}, "classes": 2}
evidence = TrainingEvidence(
    Rows(), torch.tensor([0, 1, 0, 1]), 2, student.detach, 0, torch.device("cpu")
)
for row in METHODS.values():
    term = bind(row.regularizer, given, {}, where="transfer.params")
    term.prepare(evidence)
    term.column_weights()
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
