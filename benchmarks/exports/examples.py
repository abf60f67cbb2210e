"""Recommendations that exports are tried on, from studies whose loss surface is known."""

from functools import cache
from typing import Any, Final

from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.companions import flat_defaults
from parametrization.shapes.roles import ModelShape
from tests.tuner.builders import Trials, snapshot, spec, study, surface, trial
from tuner.engine.orders import ModelSpec
from tuner.evidence.study_evidence import study_evidence
from tuner.recommendation.recommend import Recommendation, recommend
from tuner.records.snapshot import StudyRecord
from tuner.spec.study import StudySpec
from workers.training.model_shapes import model_shape

LLAMA_LIKE: Final = {
    "name": "gpt",
    "depth": 2,
    "activation": "swiglu",
    "positions": "rope",
    "norm": "rmsnorm",
}
GPT2_LIKE: Final = {"name": "gpt", "depth": 2, "norm": "layernorm", "tied": True}
_FLOOR: Final = {"warmup_fraction": 0.1, "final_fraction": 0.1}
LINEAR: Final = {"shape": "linear", "warmup_fraction": 0.1}
COSINE: Final = {"shape": "cosine", **_FLOOR}


def example(
    family: dict[str, Any],
    *,
    optimizer: str = "adamw",
    schedule: dict[str, Any] | None = None,
    depth: int = 4,
    **training: Any,  # noqa: ANN401  fields of the study's training
) -> Recommendation:
    """The answer for a target eight times as wide as the proxies, and twice as deep.

    Args:
        family: of the study, its depth that of the proxies.
        depth: of the target.

    """
    asked = spec(
        family=family,
        optimizers=[{"name": optimizer}],
        target={"width": 256, "depth": depth},
        training={"schedule": schedule or LINEAR, **training},
    )
    record = study(spec=asked, shape=model_shape(_proxy(asked)))
    return recommend(record, _evidence(record, optimizer))


def shape_of(family: dict[str, Any]) -> ModelShape:
    """Base shapes of a family's model."""
    return model_shape(_proxy(spec(family=family)))


def _proxy(asked: StudySpec) -> ModelSpec:
    return ModelSpec(
        family=asked.family,
        dataset=asked.dataset,
        width=asked.base_width,
        base_width=asked.base_width,
        parametrization=Parametrization.MUP,
    )


def _evidence(record: StudyRecord, optimizer: str) -> Any:  # noqa: ANN401  a summary
    if optimizer == "adamw":
        made = Trials(surface()).search([-6.0, -5.0, -4.5]).measure()
        return study_evidence(snapshot(made, record=record, statistics=())).summary
    kept = {"init_std": 1.0, "output_multiplier": 1.0, "learning_rate": 2.0**-5}
    one = trial(0, optimizer=optimizer, hyperparameters=dict(flat_defaults(optimizer)) | kept)
    return study_evidence(snapshot([one], record=record, statistics=())).summary


@cache
def examples() -> dict[str, Recommendation]:
    """One for each format, by its name: of the kind that the framework trains."""
    llama, deeper = example(LLAMA_LIKE, depth=2), example(LLAMA_LIKE)
    muon = example(LLAMA_LIKE, optimizer="muon_spectral", depth=2)
    return {
        "json": deeper,
        "yaml": deeper,
        "torch": deeper,
        "torch-multiplier-free": llama,
        "mup": llama,
        "megatron": llama,
        "torchtitan": llama,
        "hf-trainer": deeper,
        "olmo-core": deeper,
        "nemo-automodel": llama,
        "deepspeed": deeper,
        "nanogpt-mup": example(GPT2_LIKE, schedule=COSINE, depth=4),
        "muon": muon,
        "dion": muon,
    }
