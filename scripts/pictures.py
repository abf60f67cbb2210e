"""Pictures for the README: the pages of the demonstration's study.

    python -m scripts.pictures
    python -m scripts.pictures --address http://127.0.0.1:8321 --study std_...

Trains the study that `make demo` trains, or takes one that a running service has completed, stores
its answer, and writes `docs/images/transfer.png` and `docs/images/certificate.png` as Chromium
shows them, in as few colours as the pages have.
"""

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import sync_playwright

from scripts.demo import ROOT, SPEC, out, running_service
from tests.app.pages.conftest import ARGUMENTS
from widthwise.cli.spec_file import read_spec
from widthwise.cli.watch import watch_study
from widthwise.client import Client

IMAGES: Final = ROOT / "docs" / "images"
MOST_BYTES: Final = 150_000
COLOURS: Final = 96
WINDOW: Final[dict[str, int]] = {"width": 1280, "height": 900}


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", help="of a service that has completed the study")
    parser.add_argument("--study", help="its id")
    given = parser.parse_args()
    if (given.address is None) != (given.study is None):
        parser.error("--address and --study belong together")
    if given.address:
        with Client(given.address) as client:
            take(client, given.address, given.study)
        return
    with (
        tempfile.TemporaryDirectory(prefix="widthwise-pictures-") as folder,
        running_service(Path(folder)) as address,
        Client(address) as client,
    ):
        study = watch_study(client, client.submit(read_spec(SPEC))["id"], out)
        if study["state"] != "completed":
            sys.exit(f"pictures: the study is {study['state']}: {study['reason']}")
        take(client, address, study["id"])


def take(client: Client, address: str, study_id: str) -> None:
    """Write the pictures of a completed study."""
    kept = client.store_recommendation(study_id)["id"]
    pages = {"transfer": f"/studies/{study_id}", "certificate": f"/recommendations/{kept}"}
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for name, path in pages.items():
            page = browser.new_page(viewport=WINDOW, color_scheme="light")  # type: ignore[arg-type]
            page.goto(f"{address}{path}")
            page.wait_for_selector("[data-ready]", state="attached")
            _write(IMAGES / f"{name}.png", page.screenshot(full_page=True))
            page.close()
        browser.close()


def _write(path: Path, taken: bytes) -> None:
    whole = Image.open(io.BytesIO(taken)).convert("RGB")
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"pictures: {path.name} has {size:,} bytes, more than {MOST_BYTES:,}")
    out.print(f"{path.relative_to(ROOT)}: {size:,} bytes")


if __name__ == "__main__":
    main()
