"""The table of methods, and the methods of names."""

import sys
from pathlib import Path

import pytest

import tutelage.regularizers
from tutelage import AFTLoss, Regularizer
from tutelage.errors import ConfigError
from tutelage.registry import bind
from tutelage.regularizers import (
    PreparedRegularizer,
    ProductAFT,
    RegularizerWrapper,
    RelationalRegularizer,
)
from tutelage.regularizers.catalogue import METHOD_NAMES, METHODS, label_of, parse_method


@pytest.mark.parametrize("name", METHODS)
def test_every_row_is_a_documented_regularizer(name):
    row = METHODS[name]
    assert issubclass(row.regularizer, Regularizer)
    assert row.regularizer.__doc__
    assert row.label
    assert list(row.betas) == sorted(row.betas)
    assert all(beta > 0 for beta in row.betas)


def test_every_regularizer_of_the_package_has_a_row():
    public = {getattr(tutelage.regularizers, name) for name in tutelage.regularizers.__all__}
    methods = {kind for kind in public if isinstance(kind, type) and issubclass(kind, Regularizer)}
    methods -= {Regularizer, PreparedRegularizer, RegularizerWrapper, RelationalRegularizer}
    methods -= {tutelage.regularizers.Standardized, tutelage.regularizers.EachModality}
    listed = {row.regularizer for row in METHODS.values()}
    assert methods <= listed | {row.product for row in METHODS.values()}


def test_every_method_has_a_test_of_its_own():
    tests = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    modules = {row.regularizer.__module__.rpartition(".")[2] for row in METHODS.values()}
    assert {f"test_{module}" for module in modules - {"none"}} <= tests


@pytest.mark.parametrize(
    ("name", "term", "soft", "teachers"),
    [
        ("stl", False, False, False),
        ("aft", True, False, True),
        ("probe", False, True, True),
        ("kd+probe", True, True, True),
        ("mine:Loss", True, False, True),
        ("mine:Loss+probe", True, True, True),
    ],
)
def test_a_name_says_what_a_method_needs(name, term, soft, teachers):
    method = parse_method(name)
    assert method.has_transfer_term == term
    assert method.uses_soft_labels == soft
    assert method.needs_teachers == teachers
    assert method.is_custom == (":" in name)
    assert bool(method.betas) == term


def test_variants_are_settings_of_their_method():
    assert set(METHOD_NAMES) >= {
        "aft-identity",
        "aft-dense",
        "aft-rbf",
        "aft-bilevel",
        "aft-turned",
    }
    rbf = parse_method("aft-rbf")
    assert rbf.regularizer_class() is AFTLoss
    assert rbf.product is ProductAFT
    assert rbf.betas == METHODS["aft"].betas
    for name, row in METHODS.items():
        for variant, params in row.variants.items():
            assert parse_method(f"{name}-{variant}").params == params
            given = {"student_width": 4, "teacher_widths": {"dino": 3}, "classes": 2}
            bind(row.regularizer, given, params, where="transfer.params")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("atf", "did you mean 'aft'"),
        ("aft-rbff", "did you mean 'aft-rbf'"),
        ("+probe", "unknown"),
        ("probe+probe", "'probe\\+probe' learns the soft labels .* twice; write 'probe'"),
        ("mine:Loss+probe+probe", r"twice; write 'mine:Loss\+probe'"),
    ],
)
def test_unknown_names_are_told_the_closest(name, says):
    with pytest.raises(ConfigError, match=says):
        parse_method(name)


@pytest.mark.parametrize(
    ("name", "params", "undone"),
    [
        ("aft-rbf", {"kernel": "linear"}, "kernel = 'linear'"),
        ("aft-identity+probe", {"weights": "dense", "kernel": "rbf"}, "weights = 'dense'"),
        ("aft-turned", {"axes": "given"}, "axes = 'given'"),
        ("aft-bilevel", {"inner_steps": 0}, "inner_steps = 0"),
        ("aft-bilevel", {"inner_steps": 3}, None),
        ("aft-rbf", {"kernel": "rbf", "weights": "dense"}, None),
        ("aft", {"kernel": "linear"}, None),
        ("btuning", {"temperature": 2.0}, None),
    ],
)
def test_settings_that_undo_a_variant_are_named(name, params, undone):
    found = parse_method(name).contradictions(params)
    plain = name.partition("-")[0] + ("+probe" if "+" in name else "")
    assert len(found) == (undone is not None)
    for line in found:
        assert line.startswith(f"transfer.params.{undone} contradicts method '{name}', which is")
        assert line.endswith(f"choose method '{plain}' with it")


def test_a_custom_class_must_be_a_regularizer(tmp_path, monkeypatch):
    (tmp_path / "plain_module.py").write_text("from torch import nn\nclass Plain(nn.Module): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"no regularizer; subclass tutelage\.Regularizer"):
        parse_method("plain_module:Plain").regularizer_class()
    sys.modules.pop("plain_module")


def test_labels_are_the_written_names():
    labels = {name: label_of(name) for name in METHOD_NAMES}
    assert len(set(labels.values())) == len(labels)
    assert labels["aft-nokernel"] == "AFT, nokernel"
    assert labels["probe"] == "Probe distillation"
    assert label_of("cospress+probe") == "CosPress + probe"
    assert label_of("a.b:Mine+probe") == "Mine + probe"
    assert label_of("gone") == "gone"
