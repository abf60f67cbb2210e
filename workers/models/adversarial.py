"""The losses by which a generator and a discriminator are trained at once and compared.

Shape suffixes: B batch, P pixels.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from parametrization.nn.models.gan import GanModel
from workers.datasets.data import Batch
from workers.models.frechet import frechet_distance

_STEP: Final = 0.1  # of the penalty's difference quotient, in standard deviations of grey


def adversarial_loss(model: nn.Module, batch: Batch) -> Tensor:
    """The discriminator's loss plus the generator's, in nats; its gradient is both players' own.

    Neither player's loss reaches the other's tensors: the discriminator's sees generated digits
    that are detached, the generator's a discriminator whose tensors are. Source: Goodfellow et al.
    2014, arXiv:1406.2661, section 3, with the loss that does not saturate, both players in one
    step. The penalty on the discriminator's gradient at real digits is that of Mescheder et al.
    2018, arXiv:1801.04406, eq. 9, as a difference quotient in a random direction (Lin et al. 2025,
    arXiv:2501.08316), which needs no second derivative.
    """
    assert isinstance(model, GanModel), "the family's own loss"
    generated_BP, real_BP = model(batch.inputs), batch.targets
    seen = [real_BP, generated_BP.detach()]
    if model.gradient_penalty:
        seen.append(real_BP + _STEP * batch.inputs[:, model.latents :])
    of_real, of_generated, *of_perturbed = model.discriminator(torch.cat(seen)).chunk(len(seen))
    still = {name: tensor.detach() for name, tensor in model.discriminator.named_parameters()}
    fooled = functional_call(model.discriminator, still, (generated_BP,))
    losses = functional.softplus(torch.cat((-of_real, of_generated, -fooled), dim=1))
    loss = losses.sum(1).mean()
    for logits in of_perturbed:
        slopes = (logits - of_real) / _STEP
        loss = loss + model.gradient_penalty / 2 * slopes.square().mean()
    return loss


def generated_distance(model: nn.Module, batch: Batch) -> Tensor:
    """Fréchet distance between what the batch's latents become and its digits, per pixel."""
    return frechet_distance(model(batch.inputs), batch.targets)
