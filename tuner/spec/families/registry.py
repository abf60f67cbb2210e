"""Every model family that a study can name."""

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from tuner.spec.families.dit import Dit
from tuner.spec.families.external import External
from tuner.spec.families.gan import Gan
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.resnet import Resnet
from tuner.spec.families.unet import Unet
from tuner.spec.families.vit import Vit
from tuner.spec.registry import OneOf, by_name

FAMILIES: Final[Mapping[str, type[ModelFamily]]] = by_name(
    (Mlp, Gpt, Resnet, Vit, Unet, Dit, Gan, External)
)
"""By name, in the order of the catalogue."""

AnyFamily: TypeAlias = Annotated[ModelFamily, OneOf(FAMILIES)]
"""Any family of the registry, as a specification gives it."""


def names_external_family(spec: object) -> bool:
    """Whether a stored specification names a family that no worker can build.

    >>> names_external_family({"family": {"name": "external"}})
    True
    """
    match spec:
        case {"family": {"name": str(name)}}:
            return name in FAMILIES and FAMILIES[name].is_external
    return False
