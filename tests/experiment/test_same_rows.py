"""A finished run is not returned where its data has changed since."""

import json
import shutil

import pytest

from tutelage import run
from tutelage.errors import TrainingError
from tutelage.files import with_digest, without_digest
from tutelage.progress import Silent


class Notes(Silent):
    """Keeps what is reported as text."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def test_a_finished_run_on_other_rows_is_refused(small, digits, tmp_path):
    data = tmp_path / "copy"
    shutil.copytree(digits, data)
    config = small.replace({"data.source": f"folder:{data}", "transfer.method": "stl"})
    first = run(config)
    assert set(first.row_digests) == {"train", "test"}
    assert run(config, resume=True) == first

    picture = data / "test" / "three" / "20.jpg"
    picture.rename(data / "test" / "five" / "other.jpg")
    with pytest.raises(TrainingError, match="a finished run on other test rows than the data has"):
        run(config, resume=True)
    assert run(config, resume=True, check_rows=False) == first

    shutil.rmtree(data)
    notes = Notes()
    assert run(config, resume=True, progress=notes) == first
    assert any("cannot be read" in note for note in notes.notes)

    file = config.output.dir / "result.json"  # as an earlier version left it
    table = {**without_digest(file.read_bytes())}
    del table["row_digests"]
    file.write_text(with_digest(json.loads(json.dumps(table))))
    assert run(config, resume=True).metrics == first.metrics
