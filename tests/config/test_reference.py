"""Every setting, with what its section's docstring says of it."""

from tutelage.config import load_config
from tutelage.config.reference import attributes, sections, settings_of


def test_every_setting_is_described():
    for path, section, _ in sections():
        described = attributes(section)
        assert set(described) == set(section.model_fields), path
        assert all(described.values()), path


def test_kinds_and_defaults_are_those_of_toml():
    found = {
        f"{path} {one.name}": one
        for path, section, decides in sections()
        for one in settings_of(section, decides=decides)
    }
    steps = found["[train] steps"]
    assert (steps.kind, steps.default, steps.decides) == ('integer or "auto"', '"auto"', True)
    assert found["[train] log_every"].decides is False
    assert found["[[teachers]] source"].required
    assert found["[teachers.input] mean"].default == "[0.485, 0.456, 0.406]"
    assert found["[data] limit"].default == "", "None is not written"
    assert found[" teachers"].kind == "list of sections"


def test_the_command_lists_paths_as_set_takes_them(command):
    status, said, _ = command("list", "settings")
    assert status == 0
    listed = [line.split() for line in said.splitlines()[2:]]
    given = [
        f"{path}={default}"
        for path, default, *_ in listed
        if default.startswith('"') or default.isdigit()
    ]
    assert {"seed=0", 'train.optimizer="adam"', 'teachers.0.input.interpolation="bicubic"'} <= {
        *given
    }
    model = {"source": "timm:x", "input": {"image_size": 8}}
    tables = {"data": {"source": "folder:x"}, "student": model, "teachers": [model]}
    load_config([tables | {"compare": {"students": [model]}}], assignments=given)
