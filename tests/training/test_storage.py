"""Where decoded images are kept, by what is free."""

from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from tutelage.inputs import ImageInput, PairInput, TextInput
from tutelage.progress import Silent
from tutelage.training import storage
from tutelage.training.storage import choose_keep, share_memory

ROW = 3 * 32 * 32


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def free(monkeypatch):
    """Free memory and disk, in images of 32 pixels."""

    def state(memory: int, disk: int) -> None:
        monkeypatch.setattr(storage, "free_memory", lambda: memory * ROW)
        monkeypatch.setattr(storage, "_free_disk", lambda: disk * ROW)

    return state


@pytest.mark.parametrize(
    ("memory", "disk", "keep", "said"),
    [
        (20, 0, "memory", 0),
        (19, 20, "disk", 1),
        (19, 19, "none", 1),
        (10**6, 10**6, "memory", 0),
    ],
)
def test_the_first_of_memory_and_disk_whose_half_is_enough(free, memory, disk, keep, said):
    free(memory, disk)
    image, notes = ImageInput.from_options(32), Notes()
    assert choose_keep("auto", image, rows=10, progress=notes) == keep
    assert len(notes.said) == said
    if said:
        assert "10 decoded images take up to 30.7 kB" in notes.said[0]
        assert "train." in notes.said[0]


def test_memory_of_the_steps_is_not_free(free):
    free(40, 40)
    image = ImageInput.from_options(32)
    kept = [
        choose_keep("auto", image, rows=10, reserved=rows * ROW, progress=Silent())
        for rows in (20, 21, 99)
    ]
    assert kept == ["memory", "disk", "disk"]


def test_what_is_asked_for_is_done(free):
    free(0, 0)
    for keep in ("memory", "disk", "none"):
        assert choose_keep(keep, ImageInput.from_options(32), rows=9, progress=Silent()) == keep


def test_texts_count_with_the_most_tokens_and_pairs_with_both_sides(free):
    words = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[UNK]")
    text = TextInput(tokenizer, max_length=ROW // 12)  # three tensors, four bytes a token
    pair, notes = PairInput(ImageInput.from_options(32), text=text), Notes()
    for one, rows in ((text, 10), (pair, 5)):
        free(20, 0)
        assert choose_keep("auto", one, rows=rows, progress=notes) == "memory"
        free(19, 20)
        assert choose_keep("auto", one, rows=rows, progress=notes) == "disk"
    assert "10 decoded rows take up to 30.7 kB" in notes.said[0]


def test_processes_of_one_machine_share_it(free, monkeypatch):
    free(40, 0)
    image = ImageInput.from_options(32)
    monkeypatch.setattr(storage, "_processes", 1)
    share_memory(2)
    assert choose_keep("auto", image, rows=10, progress=Silent()) == "memory"
    share_memory(3)
    assert choose_keep("auto", image, rows=10, progress=Silent()) == "none"
    share_memory(1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert choose_keep("auto", image, rows=10, progress=Silent()) == "none"


def test_a_folder_of_temporary_files_that_lies_in_memory_is_no_disk(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    disk = SimpleNamespace(mountpoint="/", fstype="ext4")
    memory = SimpleNamespace(mountpoint=str(tmp_path.parent), fstype="tmpfs")
    monkeypatch.setattr("psutil.disk_partitions", lambda all: [disk])
    assert storage._free_disk() > 0
    monkeypatch.setattr("psutil.disk_partitions", lambda all: [disk, memory])
    assert storage._free_disk() == 0
