"""Small random models of timm's architectures; each architecture's name is a factory of this module.

``python:tutelage.tiny.timm_models:resnet50`` is a ResNet of bottlenecks with one block a stage.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from zlib import crc32

import timm
import torch
from timm.models import ConvNeXt, MlpMixer, ResNet, ResNetV2, VisionTransformer, is_model_in_modules
from timm.models.resnet import Bottleneck
from torch import nn

from tutelage.errors import SourceError

__all__ = ["INPUT", "build", "known_architecture"]

INPUT = {"image_size": 32, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
"""Settings of the pictures that they take."""

SMALL: dict[str, Callable[..., nn.Module]] = {
    "convnext": partial(ConvNeXt, depths=(1, 1, 1, 1), dims=(8, 8, 16, 32)),
    "mlp_mixer": partial(MlpMixer, img_size=32, patch_size=8, num_blocks=2, embed_dim=32),
    "resnet": partial(ResNet, Bottleneck, (1, 1, 1, 1), channels=(8, 8, 16, 16)),
    "resnetv2": partial(ResNetV2, (1, 1, 1, 1), channels=(128, 128, 128, 256), stem_chs=32),
    "vision_transformer": partial(
        VisionTransformer, img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=2
    ),
}
"""By the module of timm that has the architecture."""


def known_architecture(name: str) -> bool:
    """Whether an architecture of timm has a small form here."""
    return timm.is_model(name) and any(is_model_in_modules(name, [module]) for module in SMALL)


def build(name: str, *, num_classes: int = 0) -> nn.Module:
    """Return a small model of the family of an architecture, the same one each time.

    Args:
        name: Name of an architecture, without weights.
        num_classes: Outputs of the classifier; 0 for none.

    Raises:
        SourceError: If its family has no small form here.

    Example:
        >>> sum(p.numel() for p in build("vit_giant_patch14_dinov2").parameters()) < 50_000
        True
    """
    for module, make in SMALL.items():
        if timm.is_model(name) and is_model_in_modules(name, [module]):
            # Models that share all but their size, as ViT-S and ViT-G, would else be equal.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(crc32(name.encode()))
                return make(num_classes=num_classes)
    raise SourceError(
        f"timm:{name} has no small form; those of {', '.join(sorted(SMALL))} have one"
    )


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and known_architecture(name):
        return partial(build, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
