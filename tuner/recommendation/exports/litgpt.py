"""Refuse litgpt, with the reason.

Source: litgpt 2685705, `litgpt/pretrain.py`: its loop computes one rate from the optimizer's
default and writes it into every parameter group.
"""

from typing import Final, NoReturn

from parametrization.recommendation.document import RecommendationDocument
from tuner.recommendation.exports.protocol.export import Export, Files, Reading, Refused

_REASON: Final = (
    "litgpt's training loop overwrites the learning rate of every parameter group with one number"
    " at every step, so that no two tensors can have different rates and muP cannot be trained in"
    " it. Use the format torchtitan, olmo-core or nemo-automodel, or the format torch in a loop of"
    " your own around litgpt's model"
)


def _refuse(_document: RecommendationDocument) -> NoReturn:
    raise Refused(_REASON)


def _read(_files: Files) -> Reading:
    raise Refused(_REASON)


EXPORT: Final = Export(
    name="litgpt",
    words="Refused: litgpt gives every parameter group the same rate",
    media_type="text/plain; charset=utf-8",
    render=_refuse,
    inexpressible=_refuse,
    read=_read,
)
