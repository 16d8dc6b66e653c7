"""Digests of content."""

import json

import pytest

from tutelage.files import canonical, digest_of, file_digest, with_digest, without_digest


def test_canonical_text_and_digest_are_the_same_as_ever() -> None:
    """They are part of cache keys."""
    text = canonical({"b": [1, 2.5, None, True], "a": "é"})
    assert text == '{"a":"é","b":[1,2.5,null,true]}'.encode()
    assert digest_of(text) == "929cc39d314ab8cb209b11b9fec9ac70"
    assert json.loads(text) == {"a": "é", "b": [1, 2.5, None, True]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


def test_a_changed_text_is_noticed(tmp_path):
    text = with_digest({"a": 1})
    assert without_digest(text) == {"a": 1}
    with pytest.raises(ValueError, match="does not match its digest"):
        without_digest(text.replace("1", "2"))
    (tmp_path / "file").write_bytes(b"abc")
    assert file_digest(tmp_path / "file") == digest_of(b"abc")
