"""Memory format of images: channels first, or last, as tensor cores and vector units compute."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["is_convolutional", "with_channels_last"]


def is_convolutional(model: nn.Module) -> bool:
    """Whether a model has at least two convolutions of images; the patches of a ViT are one.

    Example:
        >>> is_convolutional(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)))
        True
    """
    kinds = [isinstance(module, nn.Conv2d) for module in model.modules()]
    return sum(kinds) > 1


def with_channels_last(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch with its images ``[batch, 3, height, width]`` in ``torch.channels_last``.

    Values and shapes stay. A convolution whose input has this format computes in it and gives it on,
    whatever the format of its weights.

    Source:
        Channels Last Memory Format in PyTorch,
        https://docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html

    Example:
        >>> with_channels_last({"image": torch.zeros(2, 3, 4, 5)})["image"].stride()
        (60, 1, 15, 3)
    """
    return {
        name: value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
        for name, value in inputs.items()
    }
