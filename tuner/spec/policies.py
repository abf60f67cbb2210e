"""Rules that the literature disagrees on, as a study chooses them."""

from typing import Annotated, Final

from pydantic import Field

from parametrization.rules.depth import DepthRule
from parametrization.rules.horizon import HorizonRule
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import (
    EmbeddingRateRule,
    EpsilonRule,
    FixedKvInitRule,
    SoapWidthRule,
    WeightDecayRule,
)
from tuner.spec.submitted import Submitted

_DEFAULTS: Final = Policies()


class PolicyChoices(Submitted):
    """One named choice for every disputed rule; docs/rules.md says what each does, and by whom."""

    weight_decay_rule: WeightDecayRule = _DEFAULTS.weight_decay_rule
    """Over width and depth: `wd-a` keeps learning rate times decay."""
    embedding_lr_rule: EmbeddingRateRule = _DEFAULTS.embedding_lr_rule
    """`sqrt` lowers the rate of lookup tables by 1/sqrt(width): for large vocabularies."""
    epsilon_rule: EpsilonRule = _DEFAULTS.epsilon_rule
    """`gradient` scales epsilon like the gradient, in width and depth."""
    depth_rule: DepthRule = _DEFAULTS.depth_rule
    """For targets that are deeper than the proxies, where the family has residual blocks."""
    horizon_rule: HorizonRule = _DEFAULTS.horizon_rule
    """For targets that train on other batches or for longer than the proxies."""
    soap_width_rule: SoapWidthRule = _DEFAULTS.soap_width_rule
    """SOAP's rates over width."""
    fixed_kv_init_rule: FixedKvInitRule = _DEFAULTS.fixed_kv_init_rule
    """Initial size of a fixed number of key and value heads."""
    alpha: Annotated[float, Field(ge=0.5, le=1)] = _DEFAULTS.alpha
    """Of `depth_rule` completep: branches are multiplied by depth ** -alpha."""

    @property
    def chosen(self) -> Policies:
        """The same for the scaling rules."""
        return Policies(**self.model_dump())
