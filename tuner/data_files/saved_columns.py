"""Columns of datasets that Hugging Face's `save_to_disk` wrote, by Apache Arrow alone.

A saved dataset is a folder: `state.json` names its files, which are Arrow streams. They are mapped;
nothing of it is run or unpickled.
"""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tuner.data_files.opened import Opened
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.data_files.token_files import parts_of, require_room
from tuner.spec.datasets.huggingface import HuggingFaceText, HuggingFaceTokens
from tuner.spec.families.model_family import ModelFamily

_MOST_STATE: Final = 2**24
"""Bytes of a `state.json`."""

AnyColumns = HuggingFaceText | HuggingFaceTokens


class SavedColumn(NamedTuple):
    """One column, and the files that it is in, `state.json` first."""

    column: Any
    """A `pyarrow.ChunkedArray`, mapped."""
    files: tuple[Opened, ...]

    @property
    def length(self) -> int:
        """Bytes, with the ends of lines, or tokens."""
        if _is_text(self.column.type):
            return int(pc.sum(pc.binary_length(self.column)).as_py() or 0) + len(self.column)
        return int(pc.sum(pc.list_value_length(self.column)).as_py() or 0)


def look(dataset: AnyColumns, places: Places, family: ModelFamily) -> Mapping[str, Any]:
    """Nothing: what a column does not tell is given.

    Raises:
        DataRefused: if a column cannot be trained on.

    """
    what = "bytes" if isinstance(dataset, HuggingFaceText) else "tokens"
    for field, given, share in parts_of(dataset):
        saved = open_column(dataset, places, given, field)
        require_room(saved.files[0], saved.length, share, family.tokens_per_example, what, field)
    return {}


def open_column(dataset: AnyColumns, places: Places, given: str, field: str) -> SavedColumn:
    """The dataset's column in this folder.

    Raises:
        DataRefused: if there is none of texts, or of lists of whole numbers.

    """
    folder = Path(places.path_of(given, field))
    state = _state(places, folder, field)
    files = [places.open(str(folder / name), field) for name in _names(state, folder, field)]
    tables = [_table(file, field) for file in files]
    column, here = dataset.column, tables[0].column_names
    if column not in here:
        raise DataRefused(
            "column", f"{folder} has no column {column} (it has {', '.join(here)}): name another"
        )
    try:
        found = pa.chunked_array([chunk for one in tables for chunk in one[column].chunks])
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise DataRefused(field, f"the files of {folder} do not agree: save it anew") from error
    kind, wanted = (
        found.type,
        "texts" if isinstance(dataset, HuggingFaceText) else "lists of tokens",
    )
    fits = _is_text(kind) if isinstance(dataset, HuggingFaceText) else _is_tokens(kind)
    if not fits:
        raise DataRefused("column", f"the column {column} of {folder} is of {kind}, not {wanted}")
    if found.null_count:
        raise DataRefused(
            field,
            f"{found.null_count} of the column {column} of {folder} are null: filter them out",
        )
    return SavedColumn(found, (places.open(str(folder / "state.json"), field), *files))


def _state(places: Places, folder: Path, field: str) -> Any:  # noqa: ANN401  JSON
    real = places.real(str(folder), field)
    if (real / "dataset_dict.json").exists() and not (real / "state.json").exists():
        splits = ", ".join(sorted(one.name for one in real.iterdir() if one.is_dir()))
        raise DataRefused(
            field, f"{folder} has the splits {splits}: name one of them, {folder}/... , as the path"
        )
    try:
        return json.loads(places.open(str(folder / "state.json"), field).read(_MOST_STATE))
    except (ValueError, RecursionError) as error:
        raise DataRefused(
            field, f"{folder}/state.json is no JSON: save the dataset anew"
        ) from error


def _names(state: Any, folder: Path, field: str) -> list[str]:  # noqa: ANN401  JSON
    """The files, which lie in the folder itself."""
    match state:
        case {"_indices_data_files": [_, *_]}:
            raise DataRefused(
                field, f"{folder} was saved with a selection: save its flatten_indices() anew"
            )
        case {"_data_files": [_, *_] as listed}:
            names = [one.get("filename") if isinstance(one, dict) else None for one in listed]
        case _:
            names = [None]
    if not all(isinstance(one, str) and PurePosixPath(one).name == one for one in names):
        raise DataRefused(
            field, f"{folder}/state.json names no files: name the folder that save_to_disk wrote"
        )
    return [str(one) for one in names]


def _table(file: Opened, field: str) -> Any:  # noqa: ANN401  pyarrow has no types
    try:
        with pa.ipc.open_stream(pa.py_buffer(file.bytes_of())) as stream:
            table = stream.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataRefused(field, f"{file.path} is no whole Arrow file: save it anew") from error
    return table


def _is_text(kind: Any) -> bool:  # noqa: ANN401  pyarrow has no types
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_tokens(kind: Any) -> bool:  # noqa: ANN401  pyarrow has no types
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(listed and pa.types.is_integer(kind.value_type))
