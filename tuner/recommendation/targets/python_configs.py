"""Read configurations that are Python files, without running them: nanoGPT's and torchtitan's."""

import ast
from collections.abc import Mapping
from typing import Any

from tuner.recommendation.exports.frameworks.namings import TORCHTITAN
from tuner.recommendation.targets.described import DescribedTarget, IllegalConfiguration
from tuner.recommendation.targets.fields import MOST_BLOCKS, Fields, divided
from tuner.recommendation.targets.huggingface import described, gpt2_tensors
from tuner.recommendation.targets.transformer import Kind, Sizes, llama_like

_FEED_FORWARD = "compute_ffn_hidden_dim"


def read_python(text: str) -> DescribedTarget:
    """The target of a nanoGPT or torchtitan configuration.

    Raises:
        IllegalConfiguration: if it is neither, or a size is missing, wrong or not a plain number.

    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise IllegalConfiguration("", f"this is no Python: {type(error).__name__}") from error
    named = _assigned(tree)
    if "n_embd" in named:
        return _nanogpt(Fields(named))
    return _torchtitan(tree, named)


def _assigned(tree: ast.Module) -> dict[str, Any]:
    """Plain values of names, wherever they are set."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value
            if isinstance(value, ast.Constant):
                found[node.targets[0].id] = value.value
    return found


def _nanogpt(fields: Fields) -> DescribedTarget:
    """NanoGPT 3adf61e `model.py`: readout and table are always tied."""
    width, heads = fields.size("n_embd"), fields.size("n_head")
    sizes = Sizes(
        width=width,
        depth=fields.size("n_layer", most=MOST_BLOCKS),
        heads=heads,
        kv_heads=heads,
        head_size=divided(width, heads, "n_head"),
        feed_forward=4 * width,
        vocabulary=fields.size("vocab_size", default=50304),
        tied=True,
    )
    context, bias = fields.size("block_size", default=1024), fields.flag("bias", default=False)
    tensors = gpt2_tensors(sizes, context, bias=bias, transposed=False)
    return described("nanoGPT", sizes, tensors, fields, "block_size")


def _torchtitan(tree: ast.Module, named: Mapping[str, Any]) -> DescribedTarget:
    """The sizes that calls of a Llama model's config name (torchtitan b5bcd76)."""
    given: dict[str, Any] = {}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for keyword in call.keywords:
            value = _value(keyword.value, named)
            if keyword.arg is not None and value is not None and value != given.get(keyword.arg):
                if keyword.arg in _SIZES and keyword.arg in given:
                    words = "has two values: keep the function of one model in the file"
                    raise IllegalConfiguration(keyword.arg, words)
                given[keyword.arg] = value
    fields = Fields(given)
    width, heads = fields.size("dim"), fields.size("n_heads")
    sizes = Sizes(
        width=width,
        depth=fields.size("n_layers", most=MOST_BLOCKS),
        heads=heads,
        kv_heads=fields.size("n_kv_heads", default=heads),
        head_size=fields.size("head_dim", default=width // heads or None),
        feed_forward=fields.size("hidden_dim"),
        vocabulary=fields.size("vocab_size"),
        tied=fields.flag("enable_weight_tying", default=False),
    )
    divided(heads, sizes.kv_heads, "n_kv_heads")
    return described("torchtitan", sizes, llama_like(sizes, Kind(), TORCHTITAN), fields, "")


_SIZES = frozenset({"dim", "n_heads", "n_layers", "n_kv_heads", "hidden_dim", "vocab_size"})


def _value(node: ast.expr, named: Mapping[str, Any]) -> Any:  # noqa: ANN401  a plain value
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return named.get(node.id)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == _FEED_FORWARD:
        return _feed_forward(node, named)
    return None


def _feed_forward(call: ast.Call, named: Mapping[str, Any]) -> int | None:
    """8/3 of the width times a multiplier, up to a multiple: `compute_ffn_hidden_dim`."""
    given = {keyword.arg: _value(keyword.value, named) for keyword in call.keywords}
    width = _value(call.args[0], named) if call.args else given.get("dim")
    multiple, factor = given.get("multiple_of"), given.get("ffn_dim_multiplier") or 1.0
    if not isinstance(width, int) or not isinstance(multiple, int) or multiple < 1:
        return None
    if not isinstance(factor, int | float) or not 0 < factor < 100 or abs(width) > 2**24:
        return None
    hidden = int(factor * int(2 * 4 * width / 3))
    return multiple * -(-hidden // multiple)
