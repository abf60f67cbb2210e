"""A target that is given by its own configuration, as the API reads it."""

import json
from typing import Annotated, Any

from pydantic import Field

from tuner.recommendation.targets.described import DescribedTarget, IllegalConfiguration
from tuner.recommendation.targets.read import MOST_CHARACTERS, read_target
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.submitted import Submitted
from tuner.spec.target import BatchSize, Tokens


class DescribedTargetAsked(Submitted):
    """A model's configuration, and the facts of its training that no configuration holds."""

    target_config: Annotated[str, Field(max_length=MOST_CHARACTERS)] | dict[str, Any]
    """A Hugging Face config.json, or width, depth and tensors of a model of your own, as an object
    or as text; Megatron-LM's arguments, or a nanoGPT or torchtitan file, as text, which is parsed
    and never run."""
    batch_size: BatchSize
    """Sequences or images per step."""
    tokens: Tokens
    """Seen in all of training."""
    optimizer: Optimizer | None = None
    """One of the study's. Default: the best measured."""

    def described(self) -> DescribedTarget:
        """The target.

        Raises:
            IllegalConfiguration: if the configuration describes none.

        """
        given = self.target_config
        if isinstance(given, str):
            return read_target(given)
        try:
            return read_target(json.dumps(given))
        except RecursionError as error:
            raise IllegalConfiguration("", "it is nested too deeply") from error
