"""Small valid specifications by keyword: a test states only what it is about."""

from typing import Any

from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.schedule import Schedule
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.orders import ModelSpec, OpenTrial, OrderId, TrainOrder, TrialSpec
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

TINY_GPT = Gpt(name="gpt", depth=1, head_size=8, context=16)


def gpt(**options: Any) -> Gpt:  # noqa: ANN401  fields of the family
    """TINY_GPT with other options."""
    return Gpt.model_validate(TINY_GPT.model_dump() | options)


OPTIONED_GPT = gpt(
    query_heads_per_kv_head=2,
    qk_norm=True,
    positions="rope",
    tied=True,
    activation="swiglu",
    experts=3,
    experts_per_token=2,
)
"""Every option that a GPT can have at once."""
GPT_OPTIONS = [
    gpt(query_heads_per_kv_head=2),
    gpt(fixed_kv_heads=2),
    gpt(qk_norm=True),
    gpt(positions="rope"),
    gpt(tied=True),
    gpt(norm="layernorm", norm_gains=False, qk_norm=True),
    gpt(activation="swiglu"),
    gpt(experts=4, experts_per_token=1),
    OPTIONED_GPT,
]
TINY_MLP = Mlp(name="mlp", depth=2)
TINY_RESNET = Resnet(name="resnet", depth=2, group_size=4)
TINY_BATCHNORM_RESNET = Resnet(name="resnet", depth=2, norm="batchnorm")
TINY_VIT = Vit(name="vit", depth=1, head_size=8)
TINY_UNET = Unet(name="unet", depth=2, group_size=4)
TINY_DIT = Dit(name="dit", depth=1, head_size=8, frames=2)
TINY_GAN = Gan(name="gan", depth=2, latents=4)
IMAGE_FAMILIES: list[ModelFamily] = [
    TINY_RESNET,
    TINY_BATCHNORM_RESNET,
    TINY_VIT,
    TINY_UNET,
    TINY_DIT,
]
STUDY = "std_test"


def model_spec(
    family: ModelFamily = TINY_GPT,
    *,
    width: int = 16,
    base_width: int = 16,
    parametrization: Parametrization = Parametrization.MUP,
) -> ModelSpec:
    return ModelSpec(
        family=family,
        dataset=default_dataset(family.trains_on),
        width=width,
        base_width=base_width,
        parametrization=parametrization,
    )


def hyperparameters(optimizer: str, **overrides: float) -> dict[str, float]:
    values = {"learning_rate": 2.0**-6, "init_std": 1.0, "output_multiplier": 1.0}
    if optimizer == "sgd":
        values |= {"learning_rate": 2.0**-4, "momentum": 0.9, "weight_decay": 0.0}
    else:
        values |= {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8}
    if optimizer == "adamw":
        values |= {"weight_decay": 0.01}
    return values | overrides


def training(
    *,
    steps: int = 12,
    batch_size: int = 4,
    gradient_clip_norm: float | None = None,
    schedule: Schedule | None = None,
) -> Training:
    return Training(
        steps=steps,
        batch_size=batch_size,
        gradient_clip_norm=gradient_clip_norm,
        schedule=schedule or Schedule(),
    )


def trial_spec(
    *,
    number: int = 0,
    model: ModelSpec | None = None,
    optimizer: str = "adamw",
    values: dict[str, float] | None = None,
    train: Training | None = None,
    seed: int = 0,
) -> TrialSpec:
    return TrialSpec(
        number=number,
        model=model or model_spec(),
        optimizer=optimizer,
        hyperparameters=values or hyperparameters(optimizer),
        training=train or training(),
        seed=seed,
    )


def train_order(
    *specs: TrialSpec,
    name: str = "ord_train",
    study: str = STUDY,
    attempt: int = 1,
    rungs: tuple[int, ...] = (3, 6, 12),
    start: Checkpoint | None = None,
) -> TrainOrder:
    return TrainOrder(
        id=OrderId(name),
        study_id=study,
        attempt=attempt,
        trials=tuple(OpenTrial(spec=spec, start=start) for spec in specs or (trial_spec(),)),
        rungs=rungs,
    )
