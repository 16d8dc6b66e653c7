"""Agreement of answers by hand, and with a probe on the teachers of a run."""

import pytest
import torch

from tutelage.deploy.agreement import agreement, probe_outputs
from tutelage.deploy.saved import SavedRun
from tutelage.errors import ConfigError, DataError
from tutelage.experiment.probe import probe
from tutelage.progress import Silent
from tutelage.tasks import MultiLabel, SingleLabel


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
