"""The paper's models: each can be given to a student or teacher option as it is listed."""

import open_clip
import pytest
import timm
import torch
from transformers import (
    AutoModel,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    LlamaConfig,
    T5Config,
    T5EncoderModel,
)

from tutelage.students.build import student_problems
from tutelage.studies import paper_models
from tutelage.teachers.build import teacher_problems

MODELS = paper_models()
LLAMA = {
    "7b": LlamaConfig(
        hidden_size=4096, num_hidden_layers=32, intermediate_size=11008, num_attention_heads=32
    ),
    "13b": LlamaConfig(
        hidden_size=5120, num_hidden_layers=40, intermediate_size=13824, num_attention_heads=40
    ),
}
CONFIGS = {
    "hf:prajjwal1/bert-small": BertConfig(
        hidden_size=512, num_hidden_layers=4, num_attention_heads=8, intermediate_size=2048
    ),
    "hf:distilbert/distilbert-base-uncased": DistilBertConfig(),
    "hf:google/flan-t5-large": T5Config(
        d_model=1024, d_ff=2816, num_layers=24, num_heads=16, feed_forward_proj="gated-gelu"
    ),
    "hf:openai-community/gpt2-xl": GPT2Config(n_embd=1600, n_layer=48, n_head=25),
    "hf:meta-llama/Llama-2-7b-hf": LLAMA["7b"],
    "hf:meta-llama/Llama-2-7b-chat-hf": LLAMA["7b"],
    "hf:meta-llama/Llama-2-13b-hf": LLAMA["13b"],
}
"""Architectures as their papers and cards state them; the hub is not asked."""


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


@pytest.mark.parametrize("model", MODELS, ids=[f"{one.role}-{one.source}" for one in MODELS])
def test_its_size_is_that_of_its_architecture(model):
    scheme, _, name = model.source.partition(":")
    if scheme == "openclip":
        built = open_clip.create_model(name.partition("/")[0])
        width = built.text_projection.shape[1]
    else:
        with torch.device("meta"):
            if scheme == "timm":
                built = timm.create_model(name, pretrained=False, num_classes=0)
                width = built.num_features
            else:
                config = CONFIGS[model.source]
                encodes = T5EncoderModel if isinstance(config, T5Config) else AutoModel.from_config
                built, width = encodes(config), config.hidden_size
    assert sum(part.numel() for part in built.parameters()) == model.parameters
    assert width == model.width


def test_the_command_lists_them(command):
    code, out, _ = command("list", "models")
    assert code == 0
    assert "timm:vit_giant_patch14_dinov2.lvd142m" in out
    assert len({(one.role, one.source) for one in MODELS}) == len(MODELS)
    assert all(one.studies for one in MODELS)
