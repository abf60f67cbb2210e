"""The dataset `megatron-tokens`: tokens of the user's own as Megatron stores them."""

from typing import ClassVar, Literal

from pydantic import Field

from tuner.spec.datasets.dataset import Text
from tuner.spec.datasets.files import MOST_TOKENS_KNOWN, DataPath, FileDataset, Share


class MegatronTokens(FileDataset, Text):
    """A pair of Megatron's indexed files, `.bin` and `.idx`; sequences of it run over documents."""

    loader: ClassVar = "workers.datasets.token_files:load_megatron"
    look: ClassVar = "tuner.data_files.megatron:look"

    name: Literal["megatron-tokens"]
    vocabulary: int = Field(ge=1, le=MOST_TOKENS_KNOWN)  # type: ignore[misc]  # the files' own
    """Tokens are from 0 to below this: the tokenizer's size, which the files do not tell."""
    validation_path: DataPath | None = None
    """Another pair to validate on. Default: the last documents of the first one."""
    validation_share: Share = 0.1
    """Of the tokens, in whole documents; not read where there is a `validation_path`."""
