"""Record parameter uses and activations of a model on one batch, without training it."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from parametrization.nn.check.blocks import watched_modules
from parametrization.nn.check.calls import Recorded, Recorder
from parametrization.nn.check.effects import Surroundings
from parametrization.nn.check.seeding import seed_torch
from parametrization.nn.check.softmax_inputs import SoftmaxInputs
from parametrization.nn.parameter_names import owned_parameters, unwrapped


class Probe:
    """A model with its loss, to be looked at before and after training.

    Attributes:
        loss: the outermost module, the user of parameters read outside of the model's forward.
        watched: blocks and the model, by name.

    """

    def __init__(self, model: nn.Module, loss: Callable[[nn.Module, Any], Tensor]) -> None:
        self.loss = _Loss(loss, model)
        self.watched = watched_modules(model)
        self._model = model
        self._parameters = [owned.parameter for owned in owned_parameters(model)]
        names = {module: name for name, module in model.named_modules()}
        bare = unwrapped(names.values())
        self._paths = {module: bare[name] for module, name in names.items()}

    def look(self, batch: object, seed: int) -> Recorded:
        """Record one forward pass; the same seed draws the same random numbers (dropout)."""
        seed_torch(seed)
        recorder = Recorder(self._modules(), self._parameters, self.watched)
        softmaxes = SoftmaxInputs(self._parameters, lambda: self._path(recorder.running()))
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), softmaxes, recorder:
            self.loss(batch)
        recorder.recorded.reaches = softmaxes.reaches
        recorder.recorded.logits = softmaxes.losses
        return recorder.recorded

    def around(self, seen: Recorded) -> Surroundings:
        """Modules of the model around the calls that were recorded."""
        layers = {m for m in self._model.modules() if next(m.parameters(), None) is not None}
        ends = (layers | seen.calls.keys()) - seen.passive
        return Surroundings(tuple(self._modules()), frozenset(ends))

    def _modules(self) -> Iterator[nn.Module]:
        yield self.loss
        yield from self._model.modules()

    def _path(self, module: nn.Module | None) -> str:
        return "" if module is None else self._paths.get(module, "")


class _Loss(nn.Module):
    """The loss of a model as a module; the model is not its submodule."""

    def __init__(self, loss: Callable[[nn.Module, Any], Tensor], model: nn.Module) -> None:
        super().__init__()
        self._held = (loss, model)

    def forward(self, batch: Any) -> Tensor:  # noqa: ANN401 - any task's
        loss, model = self._held
        return loss(model, batch)
