"""A published result tells nothing of this machine, and everything that the student needs."""

import pytest

from tutelage.publish.public import public_result, public_source
from tutelage.results.result import read_result


@pytest.mark.parametrize(
    ("source", "public"),
    [
        ("folder:/home/ada/flowers/", "folder:flowers"),
        ("folder:flowers/", "folder:flowers/"),
        ("/data/a b/flowers", "flowers"),
        ("~/flowers", "flowers"),
        ("table:../secret/a.csv", "table:a.csv"),
        (r"folder:C:\Users\ada\flowers", "folder:flowers"),
        ("python:/home/ada/model.py:build", "python:model.py:build"),
        ("python:my_module:build", "python:my_module:build"),
        ("hub:org/set/config", "hub:org/set/config"),
        ("timm:resnet18 + hf:/models/bert", "timm:resnet18 + hf:bert"),
        ("table:s3://key:secret@bucket/a.parquet?sign=1", "table:s3://bucket/a.parquet"),
        ("https://example.org/a.csv#x", "https://example.org/a.csv"),
        ("a plain value", "a plain value"),
    ],
)
def test_sources(source, public):
    assert public_source(source) == public


def test_folders_of_a_command_may_have_an_equals_sign(taught_run):
    command = "tutelage train /home/ada/lr=0.1/x.toml --out=/home/ada/b=2/c --set data.source=folder:/home/d=1/y"
    public = public_result(read_result(taught_run).model_copy(update={"command": command}))
    assert public.command == "tutelage train x.toml --out=c --set data.source=folder:y"


def test_a_result_keeps_what_decides_inputs_and_outputs(taught_run):
    result = read_result(taught_run)
    template = "/m/0abc {text} ~/x"
    config = result.config | {
        "data": result.config["data"] | {"template": template, "label": "/label"},
        "compare": {"methods": ["/home/ada/secret:Method"]},
    }
    changed = result.model_copy(
        update={
            "config": config,
            "classes": ["/m/0abc", "../b", "c"],
            "command": "tutelage train /home/ada/x.toml --set data.source=folder:/home/ada/y",
        }
    )
    public = public_result(changed)
    assert public.config["data"]["template"] == template
    assert public.config["data"]["label"] == "/label"
    assert public.classes == changed.classes
    assert public.command == "tutelage train x.toml --set data.source=folder:y"
    assert public.metrics == result.metrics
    text = public.model_dump_json()
    for private in ("/home", "secret:", str(taught_run.parent), taught_run.parent.name):
        assert private not in text
    assert all(name.startswith("student/") for name in public.files)
    assert public.files
