"""Write the table of public models of docs/targets.md: `python -m benchmarks.documents.targets`."""

import json
from pathlib import Path
from typing import Any, Final

from benchmarks.exports.examples import GPT2_LIKE, LLAMA_LIKE, shape_of
from parametrization.text.markdown import between, table
from tests.tuner.recommendation.described.published import PUBLISHED
from tuner.recommendation.targets.matched import matched
from tuner.recommendation.targets.read import read_target

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "targets.md"
BEGIN: Final = "<!-- public models: begin, written by benchmarks.documents.targets -->"
END: Final = "<!-- public models: end -->"
VIT: Final[dict[str, Any]] = {"name": "vit"}
_HEADER: Final = (
    *("model", "tensors", "parameters", "width", "heads x size", "key heads", "feed-forward"),
    *("unmapped", "unread"),
)


def rendered() -> str:
    """The table in Markdown."""
    return table(_HEADER, (_row(name, config) for name, config in PUBLISHED.items()))


def with_table(document: str) -> str:
    """The document with its table written anew.

    Raises:
        ValueError: if a marker is missing.

    """
    return between(document, BEGIN, END, rendered())


def _row(name: str, config: dict[str, Any]) -> tuple[str, ...]:
    target = read_target(json.dumps(config))
    kind = config["model_type"]
    llama = {**LLAMA_LIKE, "tied": target.tied, "qk_norm": kind in ("qwen3", "gemma3_text")}
    tuned = {"gpt2": GPT2_LIKE, "vit": VIT}.get(kind, llama)
    match = matched(shape_of(tuned), target)
    return (
        name,
        str(len(target.tensors)),
        f"{target.parameters / 1e9:.2f} G",
        str(target.width),
        f"{target.heads} x {target.head_size}",
        str(target.kv_heads),
        str(target.feed_forward),
        ", ".join(f"`{pattern}`" for pattern in match.unmapped),
        "; ".join(target.unread),
    )


def main() -> None:
    """Rewrite docs/targets.md."""
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
