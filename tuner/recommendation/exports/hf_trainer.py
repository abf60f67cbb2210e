"""Write a recommendation for Hugging Face's Trainer: the pair `optimizers=(...)`, and a config.

TrainingArguments know two groups and no multipliers, so the pair is built by a script. Where the
model is one of Granite's kind, its config.json says all four multipliers. Source: transformers
5.24.0, `trainer.py`, `training_args.py`, `models/granite/modeling_granite.py`.
"""

import json
from typing import Any, Final

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues
from tuner.recommendation.exports import pytorch
from tuner.recommendation.exports.frameworks.granite import granite_config, granite_rows
from tuner.recommendation.exports.protocol.export import (
    Export,
    Files,
    Inexpressible,
    Reading,
    TensorReading,
)
from tuner.recommendation.exports.protocol.plain_forward import lost_in_the_loop
from tuner.recommendation.exports.protocol.python_files import PYTHON, heading_of

CONFIG: Final = "config.json"
_USE: Final = (
    "Hugging Face: initialise(model); Trainer(model, args=TrainingArguments(**TRAINING_ARGUMENTS,"
    " ...), optimizers=trainer_optimizers(model)). The Trainer clips gradients at 1.0 and decays"
    " by two groups unless it is told otherwise, and DeepSpeed's `auto` fields overwrite rates."
)
_BY_CONFIG: Final = (
    "config.json is a Granite model whose logits_scaling, residual_multiplier, attention_multiplier"
    " and embedding_multiplier carry the multipliers: set_multipliers has nothing left to do."
)


def _render(document: RecommendationDocument) -> Files:
    config = granite_config(document)
    scripted = document if config is None else _by_config(document)
    heading = [*heading_of(document), _USE, *([] if config is None else [_BY_CONFIG])]
    arguments = {
        "max_steps": document.schedule.steps,
        "max_grad_norm": document.gradient_clip_norm or 0.0,
    }
    pair = (
        f"\n\nTRAINING_ARGUMENTS = {arguments!r}\n\n\n"
        "def trainer_optimizers(model):\n"
        '    """The argument `optimizers` of Trainer, which then builds no scheduler itself."""\n'
        "    optimizer = build_optimizer(model)\n"
        "    return optimizer, build_schedule(optimizer)\n"
    )
    script = pytorch.snippet(scripted, heading).rstrip("\n") + pair
    files = {pytorch.FILE: script}
    return files if config is None else {**files, CONFIG: json.dumps(config, indent=2) + "\n"}


def _by_config(document: RecommendationDocument) -> RecommendationDocument:
    """The script's part where the config multiplies: by transformers' names, no multipliers."""
    rows = tuple(row.model_copy(update={"multiplier": 1.0}) for row in granite_rows(document))
    return document.model_copy(update={"tensors": rows, "residual_multiplier": 1.0})


def numbers(document: RecommendationDocument) -> tuple[TensorValues, ...]:
    """The numbers by transformers' names where there is a config, else by the model's own."""
    return document.tensors if granite_config(document) is None else granite_rows(document)


def _inexpressible(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    _render(document)
    if granite_config(document) is not None:
        return lost_in_the_loop(document)
    words = (
        "only models of Granite's kind (RMSNorm, SwiGLU, rotary positions, no norm of queries and"
        " keys) have fields for the multipliers: the script sets the readout's by a hook instead"
    )
    return Inexpressible("multipliers in config.json", words), *lost_in_the_loop(document)


def read(files: Files) -> Reading:
    """The script's table, and the config's multipliers where there is one."""
    from_script = pytorch.read({pytorch.FILE: files[pytorch.FILE]})
    if CONFIG not in files:
        return from_script
    config: dict[str, Any] = json.loads(files[CONFIG])
    readout = "model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"

    def of(name: str) -> TensorReading:
        at = from_script.of(name)
        multiplier = 1 / config["logits_scaling"] if name == readout else 1.0
        return TensorReading(at.learning_rate, at.weight_decay, at.epsilon, at.init_std, multiplier)

    return Reading(of, from_script.factor, config["residual_multiplier"])


EXPORT: Final = Export(
    name="hf-trainer",
    words="Optimizer and scheduler for Hugging Face's Trainer; a config.json for Granite's kind",
    media_type=PYTHON,
    render=_render,
    inexpressible=_inexpressible,
    read=read,
    numbers=numbers,
)
