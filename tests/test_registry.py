"""From names to objects, and what a signature refuses."""

import sys

import pytest

from tutelage.errors import ConfigError, DataError, MissingExtraError, TutelageError
from tutelage.registry import bind, import_object, lookup, naming_user_code, split_scheme


def part(width: int, *, depth: int = 1) -> tuple[int, int]:
    return width, depth


@pytest.mark.parametrize("code", [0, None, 2])
def test_user_code_does_not_end_the_command(code, tmp_path, monkeypatch):
    """``sys.exit(0)``, for example of a script that is imported, would end it as if all were done."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"exits{code}.py").write_text(f"import sys\nsys.exit({code})\n")
    with pytest.raises(ConfigError, match=rf"importing 'exits{code}' .* raises SystemExit"):
        import_object(f"exits{code}:Student")
    says = r"^a:b raises SystemExit: "
    with pytest.raises(DataError, match=says), naming_user_code("a:b", kind=DataError):
        sys.exit(code)


def test_finds_by_name_by_path_and_in_the_current_folder(tmp_path, monkeypatch):
    assert lookup("counter", {"counter": "collections:Counter"}, kind="thing")("aa") == {"a": 2}
    assert import_object("os:path.join")("a", "b")
    (tmp_path / "lying_here.py").write_text("answer = 42\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    assert import_object("lying_here:answer") == 42


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("os", "not of the form"),
        ("os:pth", "did you mean 'path'"),
        ("no.such:x", "cannot import 'no.such'"),
    ],
)
def test_paths_that_name_nothing(path, message):
    with pytest.raises(ConfigError, match=message):
        import_object(path)


def test_unknown_names_list_what_there_is():
    with pytest.raises(ConfigError, match=r"unknown thing 'con'.*There are: counter"):
        lookup("con", {"counter": "collections:Counter"}, kind="thing")


def test_a_signature_is_the_schema():
    assert bind(part, {"width": 3, "unused": 1}, {"depth": 2}, where="p") == (3, 2)
    with pytest.raises(ConfigError) as caught:
        bind(part, {}, {"dept": 2}, where="p")
    assert str(caught.value).splitlines() == [
        "unknown p.dept; did you mean 'depth'? (it takes: width, depth)",
        "p.width is missing",
    ]
    with pytest.raises(ConfigError, match="filled in by tutelage"):
        bind(part, {"width": 3}, {"width": 4}, where="p")


def test_user_code_is_named_but_not_blamed_for_full_memory():
    said = pytest.raises(DataError, match=r"^a:b raises StopIteration: StopIteration$")
    with said as caught, naming_user_code("a:b", kind=DataError):
        next(iter(()))
    assert isinstance(caught.value.__cause__, StopIteration)
    for passed in (MemoryError(), RuntimeError("CUDA out of memory."), ConfigError("said already")):
        with pytest.raises(type(passed)), naming_user_code("a:b", kind=DataError):
            raise passed


@pytest.mark.parametrize("text", ["resnet18", "timmm:x", "timm:"])
def test_schemes(text):
    with pytest.raises(ConfigError, match="timm"):
        split_scheme(text, {"timm": "a:b"}, kind="student")


def test_errors_are_one_tree():
    error = MissingExtraError("onnxruntime", extra="onnx", purpose="onnx: teachers")
    assert isinstance(error, TutelageError)
    assert isinstance(error, ImportError)
    assert "pip install '.[onnx]' in a clone" in str(error)
    assert issubclass(ConfigError, ValueError)
