"""Write a recommendation for a PyTorch model whose forward pass cannot be changed."""

from typing import Final

from parametrization.recommendation.document import RecommendationDocument
from tuner.recommendation.exports import pytorch
from tuner.recommendation.exports.protocol.export import Export, Files, Inexpressible
from tuner.recommendation.exports.protocol.numbers import without_multipliers
from tuner.recommendation.exports.protocol.plain_forward import (
    lost_in_the_forward_pass,
    lost_in_the_loop,
)
from tuner.recommendation.exports.protocol.python_files import PYTHON, heading_of

_FORM: Final = (
    "The multiplier-free form: every forward multiplier is 1, and initial sizes, rates, decays and"
    " epsilons hold what they did. Gradients must not be clipped by their global norm here."
)


def _render(document: RecommendationDocument) -> Files:
    moved = document.model_copy(update={"tensors": without_multipliers(document)})
    return {pytorch.FILE: pytorch.snippet(moved, [*heading_of(document), _FORM])}


def _inexpressible(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    without_multipliers(document)
    forward = lost_in_the_forward_pass("torch", document, residual=False)
    return *forward, *lost_in_the_loop(document)


EXPORT: Final = Export(
    name="torch-multiplier-free",
    words="The same for a forward pass that cannot be changed: no multipliers",
    media_type=PYTHON,
    render=_render,
    inexpressible=_inexpressible,
    read=pytorch.read,
    numbers=without_multipliers,
)
