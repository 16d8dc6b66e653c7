"""Conversion of rows to model inputs, for teachers and students alike."""

from tutelage.inputs.base import ModelInput
from tutelage.inputs.build import custom_input, empty_batch, input_mistakes, unlike_batches
from tutelage.inputs.image import ImageInput
from tutelage.inputs.pair import PairInput
from tutelage.inputs.prompt import Prompt
from tutelage.inputs.text import TextInput
from tutelage.inputs.tokenizers import load_tokenizer, own_code, padding_id
from tutelage.inputs.tokens import Cuts, Tokens

__all__ = [
    "Cuts",
    "ImageInput",
    "ModelInput",
    "PairInput",
    "Prompt",
    "TextInput",
    "Tokens",
    "custom_input",
    "empty_batch",
    "input_mistakes",
    "load_tokenizer",
    "own_code",
    "padding_id",
    "unlike_batches",
]
