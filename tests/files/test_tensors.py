"""A changed byte of a tensor file is noticed, whichever it is; files of other writers are read."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tutelage.files.tensors import DamagedTensorsError, read_tensors, write_tensors

TENSORS = {
    "weights": torch.randn(3, 5, generator=torch.Generator().manual_seed(0)),
    "half": torch.ones(2, 2, dtype=torch.bfloat16),
    "steps": torch.tensor(7),
    "mask": torch.tensor([True, False]),
    "none": torch.empty(0, 4),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_tensors(tmp_path / "a.safetensors", TENSORS, metadata={"about": "ü"})
    return tmp_path / "a.safetensors"


def test_what_is_written_is_read(path):
    tensors, texts = read_tensors(path)
    assert texts == {"about": "ü"}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())
    assert all(tensors[name].dtype == value.dtype for name, value in TENSORS.items())
    assert list(path.parent.iterdir()) == [path]


def test_a_view_of_another_layout_has_the_same_digest(tmp_path):
    square = torch.arange(6.0).view(2, 3)
    write_tensors(tmp_path / "a.safetensors", {"x": square.T})
    assert torch.equal(read_tensors(tmp_path / "a.safetensors")[0]["x"], square.T)


def test_every_changed_byte_is_noticed(path):
    content = path.read_bytes()
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    name = content.index(b'"digest"')
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        if name <= place < name + len(b'"digest"'):
            continue  # the digest's own name: the file is then one of another writer
        try:
            tensors, texts = read_tensors(path)
        except DamagedTensorsError:
            continue
        assert place < 8 + len(header), f"byte {place} changed unnoticed"
        assert texts == {"about": "ü"}  # what is left is blank space, and the like
        assert all(torch.equal(tensors[n], value) for n, value in TENSORS.items())


def test_a_file_of_another_writer_is_read(path):
    save_file({"x": torch.ones(2)}, path, metadata={"format": "pt"})
    assert read_tensors(path)[1] == {"format": "pt"}


def test_a_missing_file_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none.safetensors")


def test_metadata_is_covered(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(json.dumps("ü", ensure_ascii=False).encode(), b'"  "'))
    with pytest.raises(DamagedTensorsError, match="not what was written"):
        read_tensors(path)
