"""Measure how a few updates change each tensor's contribution to a model's activations.

Per tensor, on one probe batch, after `steps` updates at a small rate:

- D, the rms effect of its change on the output of the module that uses it, at the module's present
  inputs (a linear layer: of dW(t) x(t)), with the readout starting at zero. It shows a wrong
  learning rate or forward multiplier.
- P, the rms effect of the change of the module's inputs on its output, with its initial tensors
  (a linear layer: of W(0) (x(t) - x(0))), with the readout as initialised. It shows a wrong
  initialisation, which D cannot.
- the rms of the initial tensor times its forward multiplier, exact where D and P are noisy.

Unlike the change of a whole activation, D and P are not drowned by the contribution of earlier
layers. Other statistics show faults between the tensors: a table that is read a second time as
logits, the size that each attention's logits can reach, the logits of the loss, and the sizes and
changes of the outputs of the blocks and the model.
"""

from collections.abc import Iterable, Sequence

from parametrization.check.slopes import TensorStatistic
from parametrization.check.usual_settings import UPDATES
from parametrization.nn.check.checked_run import CheckedRun, CheckedTraining, may_start_at_zero
from parametrization.nn.check.settings import uncompiled
from parametrization.scaling.tensor_scaling import TensorScaling

__all__ = ["CheckedTraining", "coordinate_statistics"]


@uncompiled
def coordinate_statistics(
    training: CheckedTraining,
    scalings: Sequence[TensorScaling],
    *,
    width: int,
    seeds: Iterable[int],
    steps: int = UPDATES,
) -> list[TensorStatistic]:
    """D, P and initial size of every trained tensor at one width, and of the activations.

    The probe is the batch after the last one trained on. A tensor that the probe does not use has
    no D; one that is frozen has no statistic at all.

    Args:
        scalings: of the rule under test, at the check's small learning rate.

    Raises:
        ValueError: if a module cannot be called a second time with the same inputs.

    """
    found = []
    for seed in seeds:
        drawn = CheckedRun(training, scalings, zero_readout=False, seed=seed)
        drawn.train(steps)
        zeroed = drawn
        if may_start_at_zero(scalings):
            behind_zero = CheckedRun(training, scalings, zero_readout=True, seed=seed)
            behind_zero.train(steps)
            zeroed = drawn if behind_zero.is_dead else behind_zero
        updates, propagations = zeroed.update_rms(), drawn.propagation_rms()
        initial = drawn.initial_rms()
        found += [
            TensorStatistic(
                name, width, seed, updates.get(name), propagations.get(name), initial.get(name)
            )
            for name in dict.fromkeys([*updates, *initial])
        ]
    return found
