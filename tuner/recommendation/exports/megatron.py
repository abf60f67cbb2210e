"""Write a recommendation for Megatron-LM: flags, and the Python overrides of parameter groups.

Source: Megatron-LM d98e8a6, `transformer/transformer_config.py`, `optimizer/__init__.py`,
`optimizer_param_scheduler.py`. The flags alone train by Megatron's own muP, which knows one width
multiplier and one decay. With the overrides every tensor has its recommended rate, decay and
epsilon; they replace those of `get_mup_config_overrides`, since both for one tensor raise
"Conflicting overrides".
"""

import shlex
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues
from tuner.recommendation.exports.frameworks.megatron_flags import (
    Flags,
    flags_of,
    lost_in_flags,
    read_by_flags,
    schedule_of_flags,
)
from tuner.recommendation.exports.frameworks.megatron_script import SCRIPT
from tuner.recommendation.exports.frameworks.namings import MEGATRON
from tuner.recommendation.exports.frameworks.renaming import renamed, require_all, shared_epsilons
from tuner.recommendation.exports.protocol.export import (
    Export,
    Files,
    Inexpressible,
    Reading,
    TensorReading,
)
from tuner.recommendation.exports.protocol.numbers import row_of_optimizer
from tuner.recommendation.exports.protocol.python_files import (
    PYTHON,
    comment,
    heading_of,
    literals,
)
from tuner.recommendation.exports.protocol.selectors import as_globs, by_pattern
from tuner.recommendation.exports.protocol.ten_steps import lost

ARGUMENTS: Final = "megatron_arguments.txt"
OVERRIDES: Final = "config_overrides.py"
_NAME: Final = "Megatron-LM"
_OPTIMIZERS: Final = {ADAMW.name: "adam", ADAM.name: "adam"}
_FUSED_NORMS: Final = {
    "input_layernorm.weight": "self_attention.linear_qkv.layer_norm_weight",
    "input_layernorm.bias": "self_attention.linear_qkv.layer_norm_bias",
    "pre_mlp_layernorm.weight": "mlp.linear_fc1.layer_norm_weight",
    "pre_mlp_layernorm.bias": "mlp.linear_fc1.layer_norm_bias",
}
"""Transformer Engine keeps a norm in the linear layer that follows it."""


def numbers(document: RecommendationDocument) -> tuple[TensorValues, ...]:
    """The numbers by the names of Megatron-Core's GPTModel."""
    rows = renamed(_NAME, document.tensors, MEGATRON)
    require_all(_NAME, rows, MEGATRON)
    return rows


def _render(document: RecommendationDocument) -> Files:
    optimizer = row_of_optimizer(_NAME, _OPTIMIZERS, document)
    rows = by_pattern(numbers(document))
    flags = flags_of(document, rows, optimizer)
    everyone = [name for row in rows for name in row.names]
    table = {
        tuple(glob for name in as_globs(row, everyone) for glob in _also_fused(name)): _entry(
            row, document
        )
        for row in rows
    }
    heading = [*heading_of(document, _left_out(document, rows, flags)), _FLAGS_ALONE]
    return {
        ARGUMENTS: f"{comment(heading)}\n{_as_text(flags)}",
        OVERRIDES: SCRIPT.substitute(
            heading=comment(heading),
            table="".join(f"    {globs!r}: {entry!r},\n" for globs, entry in table.items()),
        ),
    }


_FLAGS_ALONE: Final = (
    "The flags alone train by Megatron's own muP; config_overrides.py gives every tensor its own"
    " numbers on top of them."
)


def _also_fused(name: str) -> list[str]:
    """Every chunk of a pipeline, and wrappers, put something before the name."""
    tail = next((t for t in _FUSED_NORMS if name.endswith(t)), None)
    fused = [f"*{name.removesuffix(tail)}{_FUSED_NORMS[tail]}"] if tail else []
    return [f"*{name}", *fused]


def _entry(row: TensorValues, document: RecommendationDocument) -> tuple[dict[str, Any], Any]:
    floor = document.schedule.final_fraction
    override = {
        "max_lr": row.learning_rate,
        "min_lr": row.learning_rate * floor,
        "start_wd": row.weight_decay,
        "end_wd": row.weight_decay,
        "wd_mult": 1.0,
        "eps": row.epsilon,
    }
    return override, (row.init_std, row.constant)


def _as_text(flags: Flags) -> str:
    lines = (f"--{name}" if value is True else f"--{name} {value}" for name, value in flags.items())
    return "\n".join(lines) + "\n"


def _left_out(
    document: RecommendationDocument, rows: tuple[TensorValues, ...], flags: Flags
) -> tuple[Inexpressible, ...]:
    return (
        *lost_in_flags(document, flags),
        *shared_epsilons(document.tensors, MEGATRON),
        *(
            Inexpressible(f"with the flags alone, {one.what}", one.consequence)
            for one in lost(rows, document, read_by_flags(flags, rows))
            if one.what != "schedule"
        ),
    )


def _inexpressible(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    files = _render(document)
    rows = by_pattern(numbers(document))
    flags = flags_of(document, rows, row_of_optimizer(_NAME, _OPTIMIZERS, document))
    found = _left_out(document, rows, flags)
    return *found, *lost(rows, document, read(files))


def parsed(text: str) -> dict[str, str]:
    """Flags by name, as argparse takes them; comments are left out."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    words = shlex.split(" ".join(lines))
    found: dict[str, str] = {}
    for at, word in enumerate(words):
        if word.startswith("--"):
            follows = words[at + 1] if at + 1 < len(words) else "--"
            found[word[2:]] = "" if follows.startswith("--") else follows
    return found


def read(files: Files) -> Reading:
    """The training that overrides, where there are any, and flags ask for."""
    flags = parsed(files[ARGUMENTS])
    found: Mapping[tuple[str, ...], Any] = literals(files[OVERRIDES])["TENSORS"]
    multiplier = float(flags["mup-output-mult"])

    def of(name: str) -> TensorReading:
        matching = [row for globs, row in found.items() if any(fnmatchcase(name, g) for g in globs)]
        if len(matching) != 1:
            raise LookupError(f"{len(matching)} overrides match {name}")
        override, (std, _) = matching[0]
        tied = "untie-embeddings-and-output-weights" not in flags
        readout = name.endswith("word_embeddings.weight" if tied else "output_layer.weight")
        return TensorReading(
            override["max_lr"],
            override["start_wd"] * override["wd_mult"],
            override["eps"],
            std,
            multiplier if readout else 1.0,
        )

    return Reading(of, schedule_of_flags(flags))


EXPORT: Final = Export(
    name="megatron",
    words="Flags for Megatron-LM's muP, and config_overrides with ParamKey for all it leaves out",
    media_type=PYTHON,
    render=_render,
    inexpressible=_inexpressible,
    read=read,
    numbers=numbers,
)
