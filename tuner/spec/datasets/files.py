"""The shared fields of datasets in users' own files: path and hash."""

from typing import Annotated, ClassVar, Final, Self

from pydantic import Field

from tuner.spec.datasets.dataset import Dataset
from tuner.spec.submitted import ReadableText

MOST_TOKENS_KNOWN: Final = 2**24
"""Size of a vocabulary."""

DataPath = Annotated[ReadableText, Field(min_length=1, max_length=4096)]
"""A path, a `file:` URL, or a URL of a store that is allowed; a relative path is looked for in the
directories that are allowed."""
Share = Annotated[float, Field(gt=0, le=0.5)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FileDataset(Dataset):
    """Data at a path that the operator allows; fields that are left out are read from the data."""

    look: ClassVar[str]
    """`module:function`, (dataset, `Places`, `ModelFamily`) -> facts by field, without reading all
    of the data. Raises `DataRefused`."""

    path: DataPath
    sha256: Sha256 | None = None
    """Of the contents. Default: that of the first look; other contents are refused."""

    def of(self, sha256: str | None) -> Self:
        """The dataset with these contents, where it does not name its own."""
        return self.model_copy(update={"sha256": self.sha256 or sha256})
