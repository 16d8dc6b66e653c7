"""Small models of timm: of the architecture's class, the same each time, others for other names."""

import pytest
import timm
import torch

from tutelage.errors import SourceError
from tutelage.registry import import_object
from tutelage.tiny import timm_models
from tutelage.tiny.timm_models import SMALL, build, known_architecture

EXAMPLES = {
    "convnext": "convnext_tiny",
    "mlp_mixer": "mixer_b16_224",
    "resnet": "resnet50",
    "resnetv2": "resnetv2_101x3_bit",
    "vision_transformer": "vit_giant_patch14_dinov2",
}


@pytest.mark.parametrize("module", SMALL)
def test_family(module):
    name = EXAMPLES[module]
    small = import_object(f"tutelage.tiny.timm_models:{name}")(num_classes=3)
    with torch.device("meta"):
        whole = timm.create_model(name)
    assert type(small) is type(whole)
    assert sum(p.numel() for p in small.parameters()) < 300_000
    assert small.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


def test_weights_are_those_of_the_name():
    one, again, other = (
        torch.cat([p.flatten() for p in build(name).parameters()])
        for name in ("vit_small_patch16_224", "vit_small_patch16_224", "vit_giant_patch14_dinov2")
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_what_has_no_small_form():
    assert not known_architecture("efficientnet_b0")
    assert not known_architecture("resnet5000")
    with pytest.raises(SourceError, match="timm:efficientnet_b0 has no small form"):
        build("efficientnet_b0")
    with pytest.raises(AttributeError, match="resnet5000"):
        _ = timm_models.resnet5000
