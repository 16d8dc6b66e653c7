"""Notes that float16 cannot hold an entry's features."""

from tutelage.cache.refusals import note_refusal, refusal


def test_the_reason_is_read_back(tmp_path):
    assert refusal(tmp_path / "entry") is None
    (tmp_path / "entry").mkdir()
    assert refusal(tmp_path / "entry") is None
    note_refusal(tmp_path / "entry", "the row 'é' has a value of 1e+06")
    assert refusal(tmp_path / "entry") == "the row 'é' has a value of 1e+06"


def test_a_damaged_note_is_none(tmp_path):
    note_refusal(tmp_path, "large")
    (note,) = tmp_path.iterdir()
    note.write_bytes(b"\xff\xfe\xff")
    assert refusal(tmp_path) is None
