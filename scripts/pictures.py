"""Pictures for the README, of the study that the dashboard's benchmark trains.

    python -m benchmarks.dashboard --pictures FOLDER
    python -m scripts.pictures FOLDER

Writes `docs/images/transfer.png` and `docs/images/certificate.png`, in as few colours as the pages
have.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from PIL import Image

ROOT: Final = Path(__file__).resolve().parent.parent
IMAGES: Final = ROOT / "docs" / "images"
MOST_BYTES: Final = 150_000
COLOURS: Final = 96
PICTURES: Final = {"transfer": "study-transfer-light", "certificate": "certificate-light"}


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="that the benchmark wrote its pictures to")
    folder = parser.parse_args().folder
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, taken in PICTURES.items():
        path = IMAGES / f"{name}.png"
        whole = Image.open(folder / f"{taken}.png").convert("RGB")
        few = whole.quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        size = path.stat().st_size
        if size > MOST_BYTES:
            sys.exit(f"pictures: {path.name} has {size:,} bytes, more than {MOST_BYTES:,}")
        print(f"{path.relative_to(ROOT)}: {size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
