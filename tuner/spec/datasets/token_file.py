"""The dataset `token-file`: tokens of the user's own as nanoGPT stores them."""

from typing import ClassVar, Literal

from pydantic import Field

from tuner.spec.datasets.dataset import Text
from tuner.spec.datasets.files import MOST_TOKENS_KNOWN, DataPath, FileDataset, Share


class TokenFile(FileDataset, Text):
    """A file of nothing but little-endian tokens, as nanoGPT's `train.bin`."""

    loader: ClassVar = "workers.datasets.token_files:load_tokens"
    look: ClassVar = "tuner.data_files.token_files:look_at_tokens"

    name: Literal["token-file"]
    vocabulary: int = Field(ge=1, le=MOST_TOKENS_KNOWN)  # type: ignore[misc]  # the file's own
    """Tokens are from 0 to below this: the tokenizer's size, which the file does not tell."""
    dtype: Literal["uint16", "uint32"] = "uint16"
    skip_bytes: int = Field(default=0, ge=0, le=2**20)
    """Bytes before the first token: 1024 for files of llm.c."""
    validation_path: DataPath | None = None
    """Another file to validate on, as nanoGPT's `val.bin`. Default: the end of the first one."""
    validation_share: Share = 0.1
    """Of the tokens, their end; not read where there is a `validation_path`."""
