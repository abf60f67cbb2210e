"""Small trials of every family and optimizer, for the sections that only ask whether they work."""

from collections.abc import Sequence

from parametrization.optimizers.registry import STUDIED
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.companions import flat_defaults
from tuner.engine.orders import ModelSpec, TrialSpec
from tuner.spec.datasets.registry import default_dataset
from tuner.spec.families.dit import Dit
from tuner.spec.families.gan import Gan
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.resnet import Resnet
from tuner.spec.families.unet import Unet
from tuner.spec.families.vit import Vit
from tuner.spec.study_fields import Training

GPT = Gpt(name="gpt", depth=1, head_size=8, context=16)
FAMILIES: Sequence[ModelFamily] = (
    Mlp(name="mlp", depth=2),
    GPT,
    Resnet(name="resnet", depth=2, group_size=4),
    Vit(name="vit", depth=1, head_size=8),
    Unet(name="unet", depth=2, group_size=4),
    Dit(name="dit", depth=1, head_size=8, frames=2),
    Gan(name="gan", depth=2, latents=4),
)
OPTIONS: Sequence[ModelFamily] = tuple(
    Gpt.model_validate(GPT.model_dump() | options)
    for options in (
        {"query_heads_per_kv_head": 2},
        {"fixed_kv_heads": 2},
        {"qk_norm": True},
        {"positions": "rope"},
        {"tied": True},
        {"norm": "layernorm"},
        {"norm_gains": False},
        {"activation": "swiglu"},
        {"experts": 4, "experts_per_token": 2},
    )
)


def specs(  # noqa: PLR0913  # what trials differ in
    family: ModelFamily,
    optimizer: str = "adamw",
    *,
    trials: int = 4,
    width: int = 32,
    batch_size: int = 8,
    steps: int = 1_000,
    precision: str = "fp32",
    one_seed: bool = True,
) -> list[TrialSpec]:
    """Trials that differ in rate, every other one clipped."""
    low, high = STUDIED[optimizer].log2_rates
    numbers = {"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(optimizer)}
    return [
        TrialSpec(
            number=number,
            model=ModelSpec(
                family=family,
                dataset=default_dataset(family.trains_on),
                width=width,
                base_width=width,
                parametrization=Parametrization.MUP,
            ),
            optimizer=optimizer,
            hyperparameters=numbers
            | {"learning_rate": 2.0 ** (low + (high - low) * (number + 1) / (trials + 1))},
            training=Training.model_validate(
                {
                    "steps": steps,
                    "batch_size": batch_size,
                    "precision": precision,
                    "gradient_clip_norm": 0.5 if number % 2 else None,
                }
            ),
            seed=0 if one_seed else number,
        )
        for number in range(trials)
    ]


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Largest relative difference of two curves."""
    return max(abs(a - b) / abs(b) for a, b in zip(one, other, strict=True))
