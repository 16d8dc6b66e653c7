"""The studies of the package: whole configs of models that their libraries know, and all run when small."""

from pathlib import Path

import pytest

from tutelage.backbones.timm import timm_mistakes
from tutelage.config import load_study, read_toml
from tutelage.errors import ConfigError
from tutelage.recipes import config_table
from tutelage.results.studies import read_study
from tutelage.studies import SCHEME, studies, study_table
from tutelage.tiny.timm_models import known_architecture
from tutelage.tiny.transformers_models import type_of

NAMES = sorted(studies())


def experiments(name):
    return load_study(study_table(f"{SCHEME}{name}")).experiments(
        Path("out"), table_of=config_table
    )


def test_there_is_one_for_each_figure_and_table():
    assert NAMES == [
        "fig1b", "fig2a", "fig2c", "fig3", "fig4a", "fig5", "fig6a", "fig6b", "fig7", "scarce",
        "table1", "table3",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_whole_configs_of_known_models(name):
    for config in experiments(name).values():
        assert config.compare.seeds == 3
        assert config.compare.methods[0] == "stl"
        students = config.compare.students or (config.student,)
        for model in (*config.teachers, *students):
            scheme, _, weights = model.source.partition(":")
            if scheme == "timm":
                assert timm_mistakes(weights) == []
                assert known_architecture(weights.partition(".")[0])
            elif scheme == "hf":
                assert type_of(weights, stated=model.params.get("model_type"))
            else:
                assert scheme in ("noise", "openclip")


def test_the_paper_where_it_is_known():
    vision = experiments("fig2a")
    assert len(vision) == 6
    rates = {s.source.partition(".")[0]: s.lr for s in vision["dtd"].compare.students}
    assert rates == {
        "timm:vit_small_patch16_224": 1e-4,
        "timm:mixer_b16_224": 1e-4,
        "timm:resnet50": 1e-3,
    }
    assert all(one.head == "random" for one in vision["dtd"].compare.students)
    language = experiments("fig4a")
    assert len(language) == 8
    assert len(language["rte"].compare.students) == 2
    both = experiments("fig1b")
    for name, config in (vision | language).items():
        for part in ("data", "teachers", "train", "compare", "tune", "transfer"):
            assert getattr(both[name], part) == getattr(config, part)
    assert len(both) == 14
    scarce = experiments("scarce")
    assert scarce["cifar100"].data.limit_per_class == 10
    assert scarce["boolq"].data.limit_per_class == 100


def test_the_command_lists_them(command):
    code, out, _ = command("list", "studies")
    assert code == 0
    for name, title in studies().items():
        assert f"{SCHEME}{name} " in out
        assert title[:40] in out


def test_names_that_there_are_not():
    with pytest.raises(ConfigError, match="there is no study 'fig8'"):
        study_table("paper:fig8")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_study_ends_at_the_tiny_scale(name, command, tmp_path):
    """Minutes each; 'make studies' runs them for a look at their pictures."""
    code, out, err = command("study", f"{SCHEME}{name}", "--scale", "tiny", "--out", "out")
    assert code == 0, err
    assert "TINY SCALE" in err
    study = read_study(tmp_path / "out")
    assert study.scale == "tiny"
    assert not study.failures
    for kind in read_toml(tmp_path / "out/study.toml")["figures"]:
        assert f"{kind}.svg" in out
        assert (tmp_path / f"out/{kind}.pdf").stat().st_size > 1000
