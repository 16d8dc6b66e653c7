"""Agreement of answers by hand, and with a probe on the teachers of a run."""

import shutil
from dataclasses import dataclass, replace

import pytest
import torch
from PIL import Image

from tutelage.deploy.agreement import agreement, probe_outputs
from tutelage.deploy.saved import SavedRun
from tutelage.errors import ConfigError, DataError
from tutelage.experiment.probe import probe
from tutelage.progress import Silent
from tutelage.tasks import MultiLabel, SingleLabel


@dataclass(frozen=True)
class Notes(Silent):
    told: list[str]

    def note(self, message: str) -> None:
        self.told.append(message)


def test_by_hand():
    draw = torch.Generator().manual_seed(0)
    student, other = (torch.randn(40, 3, generator=draw) for _ in range(2))
    labels = torch.randint(3, (40,), generator=draw)
    one = agreement(SingleLabel.numbered(3), student, other, labels)
    counts = {"same": 0, "both": 0, "student": 0, "probe": 0}
    for mine, theirs, label in zip(student.tolist(), other.tolist(), labels.tolist(), strict=True):
        a, b = mine.index(max(mine)), theirs.index(max(theirs))
        counts["same"] += a == b
        counts["both"] += a == b == label
        counts["student"] += a == label != b
        counts["probe"] += b == label != a
    assert (one.rows, one.same, one.both) == (40, counts["same"] / 40, counts["both"] / 40)
    assert (one.student, one.probe) == (counts["student"] / 40, counts["probe"] / 40)
    assert one.neither == pytest.approx(1 - one.both - one.student - one.probe)


def test_of_several_labels_each_that_is_known_counts():
    student, other = torch.tensor([[1.0, -1.0]]), torch.tensor([[-1.0, -1.0]])
    one = agreement(MultiLabel.numbered(2), student, other, torch.tensor([[1.0, torch.nan]]))
    assert (one.rows, one.same, one.student) == (1, 0.0, 1.0)


def test_the_probe_is_that_of_tutelage_probe(digit_run):
    run = SavedRun.open(digit_run)
    ids = [f"test/{name}/{n}.jpg" for name in ("five", "eight", "three") for n in range(20, 28)]
    outputs = probe_outputs(run, ids, progress=Silent())
    labels = torch.tensor([run.task.names.index(name.split("/")[1]) for name in ids])
    (known,) = probe(run.config)
    assert run.task.scores(outputs, labels)["accuracy"] == pytest.approx(known.score)
    with pytest.raises(DataError, match="the data of the run has changed"):
        probe_outputs(run, ["other"], progress=Silent())


def test_a_run_without_teachers(review_run):
    with pytest.raises(ConfigError, match="has no teachers to compare with"):
        probe_outputs(SavedRun.open(review_run), [], progress=Silent())


def test_classes_added_to_the_data_since_training(digit_run, digits, tmp_path):
    """A class that comes first renumbers all others; the run's order counts."""
    run, notes = SavedRun.open(digit_run), Notes([])
    ids = [f"test/{name}/{n}.jpg" for name in ("five", "eight", "three") for n in range(20, 28)]
    labels = torch.tensor([run.task.names.index(name.split("/")[1]) for name in ids])
    before = probe_outputs(run, ids, progress=notes)
    shutil.copytree(digits, tmp_path / "digits")
    first = tmp_path / "digits/train/eight"
    first.with_name("a new class").mkdir()
    for number in range(20):
        picture = Image.new("RGB", (32, 32), (8 * number, 0, 200))
        picture.save(first.with_name("a new class") / f"{number}.png")
    changed = replace(run, config=run.config.replace({"data.source": f"folder:{tmp_path}/digits"}))
    outputs = probe_outputs(changed, ids, progress=notes)
    assert outputs.shape == before.shape
    same = agreement(run.task, outputs, before, labels).same
    assert same > 0.8
    assert (
        sum("'a new class', which the run was not trained with" in one for one in notes.told) == 1
    )
    shutil.rmtree(tmp_path / "digits/train/three")
    shutil.rmtree(tmp_path / "digits/test/three")
    with pytest.raises(DataError, match=r"no training row .* has 'three' any longer"):
        probe_outputs(changed, ids[:16], progress=notes)
