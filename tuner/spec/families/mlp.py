"""The family `mlp`: a multilayer perceptron for images."""

from typing import ClassVar, Literal

from pydantic import Field

from parametrization.shapes.parameter_counts import labelled_perceptron
from tuner.spec.datasets.dataset import Dataset, Labelled
from tuner.spec.families.model_family import ModelFamily


class Mlp(ModelFamily):
    """Multilayer perceptron: `depth` hidden layers of one width, one readout."""

    trains_on: ClassVar = Labelled
    builder: ClassVar = "parametrization.nn.models.mlp:build"
    no_depth_rule: ClassVar = "its layers are no residual blocks"

    name: Literal["mlp"]
    depth: int = Field(default=3, ge=1, le=64)
    """Hidden layers, the first one (input to width) included."""
    norm: Literal["none", "layernorm", "rmsnorm"] = "none"
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"

    def parameters(self, dataset: Dataset, width: int) -> int | None:
        """Parameters of its layers and readout."""
        if not isinstance(dataset, Labelled):
            return None
        return labelled_perceptron(width, self.depth, dataset, dataset.classes, self.norm)
