"""Small data of every kind that lies in files, as their owners would make them."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

VOCABULARY: Final = 300
CLASSES: Final = 3
SIDE: Final = 6


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def text(folder: Path) -> dict[str, Any]:
    lines = [f"{number} times {number} is {number**2}, größer\n" for number in range(300)]
    (folder / "text.txt").write_text("".join(lines), encoding="utf-8")
    return {"path": str(folder / "text.txt")}


def tokens(folder: Path) -> dict[str, Any]:
    drawn = rng().integers(0, VOCABULARY, 8_000).astype("<u2")
    drawn.tofile(folder / "tokens.bin")
    return {"path": str(folder / "tokens.bin"), "vocabulary": VOCABULARY}


def megatron(folder: Path) -> dict[str, Any]:
    write_pair(folder / "corpus", [rng().integers(0, VOCABULARY, 400) for _ in range(20)])
    return {"path": str(folder / "corpus"), "vocabulary": VOCABULARY}


def npz_images(folder: Path) -> dict[str, Any]:
    inputs = rng().integers(0, 256, (90, 2, SIDE, SIDE)).astype(np.uint8)
    np.savez(folder / "images.npz", inputs=inputs, targets=np.arange(90) % CLASSES)
    return {"path": str(folder / "images.npz")}


def npz_vectors(folder: Path) -> dict[str, Any]:
    inputs = rng().normal(5, [1, 100, 0.01, 0, 3], (90, 5))
    np.savez_compressed(folder / "vectors.npz", inputs=inputs, targets=np.arange(90) % CLASSES)
    return {"path": str(folder / "vectors.npz")}


def pictures(folder: Path) -> dict[str, Any]:
    for number in range(60):
        name = folder / "pictures" / "abc"[number % CLASSES] / f"{number}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(name)
    return {"path": str(folder / "pictures")}


def saved_text(folder: Path) -> dict[str, Any]:
    texts = [f"{number} times {number} is {number**2}, größer" for number in range(300)]
    save_to_disk(folder / "saved" / "text", {"text": texts})
    return {"path": str(folder / "saved" / "text")}


def saved_tokens(folder: Path) -> dict[str, Any]:
    rows = [rng().integers(0, VOCABULARY, 30 + number).tolist() for number in range(90)]
    save_to_disk(folder / "saved" / "tokens", {"input_ids": rows})
    return {"path": str(folder / "saved" / "tokens"), "vocabulary": VOCABULARY}


EXAMPLES: Final[Mapping[str, Callable[[Path], dict[str, Any]]]] = {
    "text-file": text,
    "token-file": tokens,
    "megatron-tokens": megatron,
    "huggingface-text": saved_text,
    "huggingface-tokens": saved_tokens,
    "npz-images": npz_images,
    "npz-vectors": npz_vectors,
    "image-folder": pictures,
}
"""By dataset: make the files, and say what a study says of them."""


def write_pair(stem: Path, documents: list[Any], code: int = 8) -> None:
    """Megatron's `.bin` and `.idx`, a sequence for each document."""
    dtype = {1: "u1", 4: "<i4", 8: "<u2"}[code]
    lengths = np.array([len(one) for one in documents], "<i4")
    places = np.cumsum([0, *lengths[:-1]]).astype("<i8") * np.dtype(dtype).itemsize
    boundaries = np.arange(len(documents) + 1, dtype="<i8")
    header = struct.pack("<9sQBQQ", b"MMIDIDX\0\0", 1, code, len(documents), len(boundaries))
    arrays = b"".join(one.tobytes() for one in (lengths, places, boundaries))
    Path(f"{stem}.idx").write_bytes(header + arrays)
    Path(f"{stem}.bin").write_bytes(np.concatenate(documents).astype(dtype).tobytes())


def save_to_disk(folder: Path, columns: dict[str, Any], shards: int = 2) -> None:
    """As Hugging Face's `save_to_disk` writes a dataset; skips where Arrow is not installed."""
    pa = pytest.importorskip("pyarrow", reason="saved datasets are read with pyarrow, an extra")
    table = pa.table(columns)
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{number:05}-of-{shards:05}.arrow" for number in range(shards)]
    rows = -(-len(table) // shards)
    for number, name in enumerate(names):
        part = table.slice(number * rows, rows)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(part, max_chunksize=50)
        (folder / name).write_bytes(sink.getvalue())
    state = {"_data_files": [{"filename": name} for name in names], "_format_type": None}
    (folder / "state.json").write_text(json.dumps(state))
