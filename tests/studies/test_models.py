"""The paper's models: each can be given to a student or teacher option as it is listed."""

import pytest

from tutelage.students.build import student_problems
from tutelage.studies import paper_models
from tutelage.teachers.build import teacher_problems

MODELS = paper_models()


@pytest.mark.parametrize("model", MODELS, ids=[f"{one.role}-{one.source}" for one in MODELS])
def test_its_name_is_known_where_lists_tell(model):
    """Of timm and OpenCLIP that is checked by their own lists; the hub is not asked."""
    modality = "text" if model.source.startswith("hf:") else "image"
    if model.source.startswith("openclip:"):
        modality = "image+text"
    given = {"modality": modality, "params": {}}
    if model.role == "teacher":
        wrong = teacher_problems(model.source, **given)
    else:
        wrong = student_problems(model.source, **given)
    assert [one for one in wrong if "HF_HUB_OFFLINE" not in one] == []


def test_the_command_lists_them(command):
    code, out, _ = command("list", "models")
    assert code == 0
    assert "timm:vit_giant_patch14_dinov2.lvd142m" in out
    assert len({(one.role, one.source) for one in MODELS}) == len(MODELS)
    assert all(one.studies for one in MODELS)
