"""The datasets `huggingface-text` and `huggingface-tokens`: columns of a saved dataset."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tuner.spec.datasets.dataset import Text
from tuner.spec.datasets.files import MOST_TOKENS_KNOWN, DataPath, FileDataset, Share
from tuner.spec.submitted import ReadableText

Column = Annotated[ReadableText, Field(min_length=1, max_length=200)]


class HuggingFaceText(FileDataset, Text):
    """A column of texts of a dataset that Hugging Face's `save_to_disk` wrote, byte by byte.

    The texts follow each other, an end of line behind each.
    """

    loader: ClassVar = "workers.datasets.saved_columns:load_text"
    look: ClassVar = "tuner.data_files.saved_columns:look"
    vocabulary: ClassVar = 256

    name: Literal["huggingface-text"]
    column: Column = "text"
    validation_path: DataPath | None = None
    """Another saved dataset to validate on. Default: the end of the first one."""
    validation_share: Share = 0.1
    """Of the bytes, their end; not read where there is a `validation_path`."""


class HuggingFaceTokens(FileDataset, Text):
    """A column of lists of tokens of a dataset that Hugging Face's `save_to_disk` wrote.

    The lists follow each other.
    """

    loader: ClassVar = "workers.datasets.saved_columns:load_tokens"
    look: ClassVar = "tuner.data_files.saved_columns:look"

    name: Literal["huggingface-tokens"]
    vocabulary: int = Field(ge=1, le=MOST_TOKENS_KNOWN)  # type: ignore[misc]  # the column's own
    """Tokens are from 0 to below this: the tokenizer's size, which the dataset does not tell."""
    column: Column = "input_ids"
    validation_path: DataPath | None = None
    """Another saved dataset to validate on. Default: the end of the first one."""
    validation_share: Share = 0.1
    """Of the tokens, their end; not read where there is a `validation_path`."""
