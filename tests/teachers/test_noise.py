"""Noise teachers: the same noise for a row wherever it stands, and normal."""

import pytest
import torch

from tutelage.data.base import Split
from tutelage.errors import SourceError
from tutelage.teachers import Precomputed, open_teacher
from tutelage.teachers.build import teacher_problems
from tutelage.teachers.noise import NoiseSource


class Nothing:
    """Rows whose content nobody reads."""

    modality = "text"

    def __len__(self) -> int:
        return 300

    def __getitem__(self, index: int):
        raise AssertionError("the content was read")

    def content(self, index: int) -> bytes:
        return b""

    def select(self, indices):
        return self


def split(name: str, ids) -> Split:
    return Split(
        name, Nothing(), [str(one) for one in ids], torch.zeros(len(ids), dtype=torch.long)
    )


def test_a_row_has_its_noise_wherever_it_stands():
    teacher = open_teacher("noise:5", modality="text")
    assert isinstance(teacher, Precomputed)
    noise = teacher.read(split("train", range(300)), range(300))
    assert noise.dtype == torch.float32
    assert torch.equal(teacher.read(split("train", [7, 290, 3]), [0, 1, 2]), noise[[7, 290, 3]])
    assert torch.equal(
        open_teacher("noise:5", modality="image").read(split("train", [4]), [0])[0], noise[4]
    )
    assert not torch.equal(teacher.read(split("test", range(300)), range(300)), noise)
    other = open_teacher("noise:5", modality="text", params={"seed": 1})
    assert not torch.equal(other.read(split("train", range(300)), range(300)), noise)
    assert other.identity() != teacher.identity()


def test_it_is_normal_and_independent():
    noise = NoiseSource("40").read(split("train", range(300)), range(300)).double()
    count = noise.numel()
    assert abs(noise.mean()) < 4 / count**0.5
    assert abs(noise.square().mean() - 1) < 4 * (2 / count) ** 0.5
    assert abs((noise**3).mean()) < 4 * (15 / count) ** 0.5
    between = torch.corrcoef(noise)
    between.fill_diagonal_(0)
    assert between.abs().max() < 0.85  # of 45,000 pairs of 40 numbers
    assert len(set(noise.flatten().tolist())) > 0.99 * count


@pytest.mark.parametrize("name", ["0", "-3", "many", "1.5", "", "99999999", "²"])
def test_numbers_of_columns_that_cannot_be(name):
    with pytest.raises(SourceError, match="needs a number of columns from 1 to"):
        NoiseSource(name)
    assert teacher_problems(f"noise:{name}", modality="text") != []


def test_a_probe_on_noise_is_at_chance(command, reviews):
    code, out, err = command(
        "probe", "--data", f"table:{reviews}", "--teacher", "noise:6", "--set", "train.device=cpu"
    )
    assert code == 0, err
    assert "noise-6" in out


def test_views_have_no_noise_of_their_own(command, digits):
    code, _, err = command(
        "train", "--data", f"folder:{digits}", "--student", "timm:test_resnet", "--teacher",
        "noise:6", "--set", "data.views=2", "--set", "student.params.weights=random",
    )  # fmt: skip
    assert code == 2
    assert "noise:6 holds those of the rows as they are" in err
