"""Read configurations that are Python files, without running them: nanoGPT's and torchtitan's."""

import ast
from collections.abc import Callable, Iterator, Mapping
from operator import add, floordiv, mul, sub
from typing import Any, Final

from tuner.recommendation.exports.frameworks.namings import TORCHTITAN
from tuner.recommendation.targets.described import DescribedTarget, IllegalConfiguration
from tuner.recommendation.targets.fields import LARGEST, MOST_BLOCKS, Fields, divided
from tuner.recommendation.targets.huggingface import described, gpt2_tensors
from tuner.recommendation.targets.transformer import Kind, Sizes, llama_like

_FEED_FORWARD: Final = "compute_ffn_hidden_dim"
_NANOGPT: Final = frozenset(
    {
        *("n_embd", "n_layer", "n_head", "block_size", "init_from"),
        *("gradient_accumulation_steps", "max_iters"),
    }
)
"""Globals of train.py that no other file sets."""
_OF_TWO_VALUES: Final = frozenset(
    {
        *("n_embd", "n_layer", "n_head", "dim", "n_heads", "n_layers", "n_kv_heads", "head_dim"),
        *("hidden_dim", "vocab_size", "multiple_of", "ffn_dim_multiplier", "enable_weight_tying"),
    }
)
_OTHER_TENSORS: Final = frozenset({"qk_norm", "q_norm", "k_norm", "moe", "moe_args", "num_experts"})
_LLAMAS: Final = ("Llama3Model.Config", "TransformerModelArgs")
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[int, int], int]]] = {
    **{ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.FloorDiv: floordiv}
}


def read_python(tree: ast.Module) -> DescribedTarget | None:
    """The target of a nanoGPT or torchtitan configuration; None if it is neither.

    Raises:
        IllegalConfiguration: if a size is missing, wrong or not a plain number.

    """
    named = _assigned(tree)
    if _NANOGPT & named.keys():
        return read_nanogpt(named)
    return _torchtitan(tree, named)


def _assigned(tree: ast.Module) -> dict[str, Any]:
    """Values of names, wherever they are set; the expression where it is no plain one."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            name, value = node.target.id, node.value
        else:
            continue
        plain = _value(value, found)
        if plain is None and not isinstance(value, ast.Constant):
            plain = ast.unparse(value)[:60]
        _set(found, name, plain)
    return found


def _set(found: dict[str, Any], name: str, value: Any) -> None:  # noqa: ANN401  a plain value
    if name in _OF_TWO_VALUES and name in found and found[name] != value:
        raise IllegalConfiguration(name, "has two values: keep those of one model in the file")
    found[name] = value


def read_nanogpt(given: Mapping[str, Any]) -> DescribedTarget:
    """The target of nanoGPT's globals: 3adf61e `model.py`, where readout and table are always tied.

    Args:
        given: values that a file or a command line sets over those of `train.py`.

    Raises:
        IllegalConfiguration: if one of them is wrong.

    """
    fields = Fields(given)
    start = fields.value("init_from")
    if start not in (None, "scratch", "resume"):
        words = f"{str(start)[:40]!r} starts from trained weights: describe a target from scratch"
        raise IllegalConfiguration("init_from", words)
    if "char" in str(fields.value("dataset")) and fields.value("vocab_size") is None:
        words = "is in the data set's meta.pkl: write vocab_size = ... into the configuration"
        raise IllegalConfiguration("vocab_size", words)
    width, heads = fields.size("n_embd", default=768), fields.size("n_head", default=12)
    sizes = Sizes(
        width=width,
        depth=fields.size("n_layer", default=12, most=MOST_BLOCKS),
        heads=heads,
        kv_heads=heads,
        head_size=divided(width, heads, "n_head", "n_embd"),
        feed_forward=4 * width,
        vocabulary=fields.size("vocab_size", default=50304),
        tied=True,
    )
    context, bias = fields.size("block_size", default=1024), fields.flag("bias", default=False)
    tensors = gpt2_tensors(sizes, context, bias=bias, transposed=False)
    return described("nanoGPT", sizes, tensors, context, fields.left(frozenset({"dropout"})))


def _torchtitan(tree: ast.Module, named: Mapping[str, Any]) -> DescribedTarget | None:
    """The sizes that calls of a Llama model's config name (torchtitan b5bcd76, v0.2.2)."""
    given: dict[str, Any] = {}
    for call, keyword, value in _keywords(tree, named):
        if keyword in _OTHER_TENSORS and value is not False:
            words = "makes a model of other tensors: give the tensors of your model"
            raise IllegalConfiguration(keyword, words)
        if keyword == "dim" and call.endswith(("Config", "Args")) and call not in _LLAMAS:
            words = f"{call[:60]} is not read: only {' and '.join(_LLAMAS)} are"
            raise IllegalConfiguration("dim", words)
        if value is not None:
            _set(given, keyword, value)
    if "dim" not in given and "dim" not in named:
        return None
    fields = Fields(given)
    width, heads = fields.size("dim"), fields.size("n_heads")
    split = divided(width, heads, "n_heads", "dim") if "head_dim" not in given else None
    sizes = Sizes(
        width=width,
        depth=fields.size("n_layers", most=MOST_BLOCKS),
        heads=heads,
        kv_heads=fields.size("n_kv_heads", default=heads),
        head_size=fields.size("head_dim", default=split),
        feed_forward=fields.size("hidden_dim", default=_of_arguments(given)),
        vocabulary=fields.size("vocab_size"),
        tied=fields.flag("enable_weight_tying", default=False),
    )
    divided(heads, sizes.kv_heads, "n_kv_heads", "n_heads")
    return described("torchtitan", sizes, llama_like(sizes, Kind(), TORCHTITAN), 0, ())


def _keywords(tree: ast.Module, named: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(what is called, keyword, value or None); those of rotations are sizes of one head."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = ast.unparse(call.func)[:200]
        if "rope" in called.lower():
            continue
        for keyword in call.keywords:
            if keyword.arg is not None:
                value = _value(keyword.value, named)
                plain = value is not None or isinstance(keyword.value, ast.Constant)
                unread = ast.unparse(keyword.value)[:60] if keyword.arg in _OF_TWO_VALUES else None
                yield called, keyword.arg, value if plain else unread


def _value(node: ast.expr, named: Mapping[str, Any]) -> Any:  # noqa: ANN401  a plain value
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return named.get(node.id)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _computed(_value(node.left, named), node.op, _value(node.right, named))
    if isinstance(node, ast.Call) and ast.unparse(node.func) == _FEED_FORWARD:
        given = {str(one.arg): _value(one.value, named) for one in node.keywords}
        if node.args:
            given["dim"] = _value(node.args[0], named)
        return _feed_forward(given)
    return None


def _computed(left: object, how: ast.operator, right: object) -> int | None:
    """Result of an operation on two whole numbers, each no larger than a model's size."""
    if type(left) is not int or type(right) is not int or max(abs(left), abs(right)) > LARGEST:
        return None
    return None if type(how) is ast.FloorDiv and right == 0 else _ARITHMETIC[type(how)](left, right)


def _of_arguments(given: Mapping[str, Any]) -> int | None:
    """The feed-forward of v0.2.2's TransformerModelArgs, whose multiple is 256 by default."""
    return _feed_forward({"multiple_of": 256, **given})


def _feed_forward(given: Mapping[str, Any]) -> int | None:
    """8/3 of the width times a multiplier, up to a multiple: `compute_ffn_hidden_dim`."""
    width, multiple = given.get("dim"), given.get("multiple_of")
    factor = given.get("ffn_dim_multiplier") or 1.0
    if type(width) is not int or type(multiple) is not int or multiple < 1:
        return None
    if not isinstance(factor, int | float) or not 0 < factor < 100 or abs(width) > LARGEST:
        return None
    hidden = int(factor * int(2 * 4 * width / 3))
    return multiple * -(-hidden // multiple)
