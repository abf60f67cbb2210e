"""Blocks of code of the documentation, and what a comment before each says of it.

`<!-- excerpt of PATH -->` stands before lines of a file, in their order and perhaps not all;
`<!-- not run: REASON -->` before what no test can run.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
_BLOCK: Final = re.compile(
    r"(?:^<!-- (?P<comment>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """Some lines of code on a page."""

    page: Path
    line: int
    language: str
    """Empty if it is not said."""
    code: str
    comment: str
    """What is said of it; empty if nothing is."""

    @property
    def id(self) -> str:
        """Where it stands."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> Path | None:
        """Of which it is an excerpt."""
        found = re.fullmatch(r"excerpt of (\S+)", self.comment)
        return ROOT / found[1] if found else None

    @property
    def is_excused(self) -> bool:
        """Whether it says why it is not run."""
        return re.fullmatch(r"not run: .{10,}", self.comment) is not None

    @property
    def commands(self) -> list[str]:
        """Command lines of a shell's block, without prompt, continued lines joined."""
        joined = re.sub(r"\\\n\s*", "", self.code)
        lines = [line.strip() for line in joined.splitlines()]
        if any(line.startswith("$ ") for line in lines):
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line.partition("  #")[0].strip() for line in lines if line]


def blocks(*languages: str) -> list[Block]:
    """Every block in one of these languages."""
    return [
        Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            found["language"],
            found["code"],
            found["comment"] or "",
        )
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for found in _BLOCK.finditer(text)
        if found["language"] in languages
    ]
