"""Declare a model family without torch: options, facts, and the functions that build it."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from parametrization.recommendation.target import Comparison
from parametrization.shapes.roles import ModelShape
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.submitted import Submitted, fields_disagree
from tuner.spec.target import WIDEST


class ModelFamily(Submitted):
    """Options of one family; the width is given apart."""

    trains_on: ClassVar[type[Dataset]]
    """The kind of its datasets: it can train on every one."""

    builder: ClassVar[str]
    """`module:function`, (family, dataset, width) -> nn.Module, for any width that is legal."""

    roles: ClassVar[str] = "parametrization.nn.models.layers.parts:no_roles"
    """`module:function`, family -> roles of tensors that module types and shapes cannot tell."""

    blocks: ClassVar[str] = ""
    """`module:function`, family -> patterns of tensors in residual blocks, beside those that the
    model's modules tell; empty where there are none."""

    fixed_starts: ClassVar[str] = ""
    """`module:function`, family -> names of tensors whose start the model computes or reads instead
    of drawing it."""

    objective: ClassVar[str] = "workers.training.objective:of_declared_losses"
    """`module:function`, family -> `workers.training.objective.Objective`."""

    training_loss: ClassVar[str] = "workers.training.objective:batch_loss"
    """`module:function`, (model, batch) -> scalar whose gradient training follows."""

    validation_loss: ClassVar[str] = "workers.training.objective:batch_loss"
    """`module:function`, (model, held-out batch) -> positive scalar of which less is better."""

    refused_optimizers: ClassVar[Mapping[str, str]] = {}
    """Reasons by the name of an optimizer that cannot train it."""

    refuses_recomputation: ClassVar[str] = ""
    """The reason that activation checkpointing cannot train it; empty where it can."""

    compared_by: ClassVar[Comparison] = Comparison(
        metric="train_loss",
        name="train loss",
        words="mean train loss over the second half of training",
    )
    """Another one where the loss does not tell a good model from a bad one."""

    no_depth_rule: ClassVar[str] = ""
    """The reason that depth has no rule; empty where depth adds residual blocks."""

    is_external: ClassVar[bool] = False
    """True if a program of the user's own trains its models, which no worker can build."""

    name: str
    depth: int
    """Layers or blocks, as the family counts them."""

    @property
    def comparison(self) -> Comparison:
        """The measure that trials of a study with these options are compared by."""
        return self.compared_by

    @property
    def default_pruner(self) -> Literal["none", "median"]:
        """The pruner of a search that names none."""
        return "median"

    @property
    def given_shape(self) -> ModelShape | None:
        """The models' tensors, where the options say them and no worker has to find out."""
        return None

    @property
    def skips_check(self) -> bool:
        """True if studies have no coordinate check."""
        return False

    def in_order(self) -> Self:
        """The options that an order needs: all but what is kept once a study."""
        return self

    def unfit_for(self, base_width: int) -> Iterator[tuple[str, str]]:
        """(JSON pointer, what to change) for every way in which a study cannot have it."""
        return iter(())

    @property
    def trains_in_one_piece(self) -> bool:
        """True if a trial stops at no rung before its end."""
        return False

    @property
    def trains_alone(self) -> bool:
        """True if its trials cannot train in cohorts."""
        return False

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """(option, what to change) for every option that disagrees with another."""
        return iter(())

    def data_problem(self, _dataset: Dataset) -> str | None:
        """The reason that it cannot train on this dataset, and the remedy; None if it can."""
        return None

    def depth_problem(self, depth: int) -> str | None:
        """The reason that a target cannot have this depth, and the remedy; None if it can."""
        if depth == self.depth or not self.no_depth_rule:
            return None
        return (
            f"depth {depth} is not the proxies' {self.depth}, and no depth rule holds for the"
            f" family {self.name}: {self.no_depth_rule}; use {self.depth}, or tune proxies of depth"
            f" {depth}"
        )

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        if problems := [(f"/family/{option}", text) for option, text in self.contradictions()]:
            raise fields_disagree(problems)
        return self

    @property
    def parts_of_width(self) -> Mapping[str, int]:
        """Options by name that every width is a multiple of, of their product if several."""
        return {}

    @property
    def width_divisor(self) -> int:
        """Every width of this family is a multiple of this."""
        return math.prod(self.parts_of_width.values())

    @property
    def divisor_field(self) -> str:
        """Options that the width's divisor comes from; empty where every width is allowed."""
        return " * ".join(self.parts_of_width)

    def nearest_width(self, width: int) -> int:
        """The legal width nearest to this one; of two that are equally near the wider one."""
        multiples = (2 * width // self.width_divisor + 1) // 2
        return self.width_divisor * min(max(1, multiples), WIDEST // self.width_divisor)

    def smallest_width(self, at_least: int) -> int:
        """The narrowest legal width that is not below `at_least`."""
        return math.ceil(at_least / self.width_divisor) * self.width_divisor

    def proxy_width(self, target_width: int) -> int:
        """Width of the trials that search, where a study says none."""
        return self.smallest_width(max(1, target_width // 8))

    def width_problem(self, width: int) -> str | None:
        """The reason that a model cannot have this width, and the remedy; None if it can."""
        if width >= 1 and width % self.width_divisor == 0:
            return None
        options = f" ({self.divisor_field})" if self.divisor_field else ""
        return (
            f"width {width} is not a positive multiple of {self.width_divisor}{options}:"
            f" the nearest legal width is {self.nearest_width(width)}"
        )

    @property
    def tokens_per_example(self) -> int:
        """Tokens of one sequence; 1 where an example is no sequence."""
        return 1

    @property
    def frames_per_example(self) -> int:
        """Images of one example: more than 1 where an example is a clip."""
        return 1

    @property
    def latents_per_example(self) -> int:
        """Random numbers that one example is made from; 0 where nothing is generated."""
        return 0

    def parameters(self, _dataset: Dataset, _width: int) -> int | None:
        """Parameters of the model of a width, without building it; None if it has to be built."""
        return None

    def positions_per_example(self, _dataset: Dataset) -> float:
        """Uses of a parameter for one example, averaged over a wide model's parameters.

        Once a token in a sequence, once a pixel of what a convolution puts out: what floating-point
        operations are counted by.
        """
        return self.tokens_per_example
