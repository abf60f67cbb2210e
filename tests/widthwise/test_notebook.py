"""The executed notebook in examples/: whole, and written for the code as it is."""

import ast
import importlib
import json
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[2] / "examples" / "digits_optimizers.ipynb"


def code_cells() -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_every_cell_of_the_notebook_was_run_in_order_and_without_an_error() -> None:
    cells = code_cells()
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds <= {"stream", "display_data", "execute_result"}


def test_the_notebook_shows_every_picture_that_it_draws() -> None:
    drawing = [cell for cell in code_cells() if "Image(" in source(cell)]
    drawing += [cell for cell in code_cells() if source(cell).startswith("transfer_of(")]
    assert len(drawing) == 5  # four optimizers' transfer, and their loss and norm by step
    for cell in drawing:
        assert any("image/png" in output.get("data", {}) for output in cell["outputs"])


def test_what_the_notebook_imports_is_there() -> None:
    ours = [
        (node.module, alias.name)
        for cell in code_cells()
        for node in ast.walk(ast.parse(source(cell)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("widthwise")
        for alias in node.names
    ]
    assert ours
    for module, name in ours:
        assert module is not None
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"
