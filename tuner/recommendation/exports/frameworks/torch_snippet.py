"""Texts of the PyTorch snippet."""

from string import Template
from typing import Final

BRANCHES: Final = Template("""\
    # The target is deeper than the proxies: every residual branch is multiplied.
    blocks = [module for module in model.modules() if hasattr(module, "residual_multiplier")]
    if not blocks:
        raise ValueError(
            "residual branches take a multiplier here: give every module that adds branches an"
            " attribute residual_multiplier, and have it compute x + residual_multiplier * f(x)"
        )
    for block in blocks:
        block.residual_multiplier = $multiplier
""")

IN_TORCH_OPTIM: Final = Template('''\
def build_optimizer(model):
    """One parameter group for each set of equal numbers."""
    rows, groups = rows_of(model), {}
    for name, parameter in named_parameters(model):
        groups.setdefault(rows[name][3:6], []).append(parameter)
    listed = [
        {"params": params, "lr": lr, "weight_decay": weight_decay$epsilon}
        for (lr, weight_decay, eps), params in groups.items()
    ]
    return $optimizer
''')

STEPPED_BY_THE_LIBRARY: Final = Template('''\
# pattern: (optimizer, role, what else its step takes, dimensions of its matrices)
STEPPED_BY = {
$table
}


def build_optimizer(model):
    """Code that steps every tensor by its own numbers: torch.optim has no such optimizer."""
$notes
    from parametrization.nn.stepping import Stepping
    from parametrization.scaling.tensor_scaling import TensorScaling
    from parametrization.shapes.roles import Layout, Role

    rows, scalings = rows_of(model), []
    for name, parameter in named_parameters(model):
        std, constant, multiplier, lr, weight_decay, eps, _ = rows[name]
        optimizer, role, others, layout = STEPPED_BY[pattern_of(name)]
        scalings.append(
            TensorScaling(
                name=name, role=Role(role), shape=tuple(parameter.shape), init_std=std,
                constant=constant, multiplier=multiplier, learning_rate=lr,
                weight_decay=weight_decay, epsilon=eps, reason="", optimizer=optimizer,
                others=others, layout=Layout(*layout),
            )
        )
    return Stepping(model, scalings)
''')

SNIPPET: Final = Template('''\
$heading
import math
import re

import torch

# Names of parameters, * for block numbers: change them to those of your model.
# pattern: (initial std, or None for the constant that follows, None twice for the model's own
#           start; multiplier of the layer's input; peak learning rate, weight decay, epsilon;
#           tensors that it matches)
TENSORS = {
$tensors
}
_WRAPPERS = re.compile(r"(?:^|(?<=\\.))(?:module|_orig_mod|_fsdp_wrapped_module)\\.")


$factor
STEPS = SCHEDULE["steps"]


def named_parameters(model):
    """Every parameter, without what data parallelism and compilation put before its name."""
    for name, parameter in model.named_parameters():
        yield _WRAPPERS.sub("", name), parameter


def pattern_of(name):
    """The pattern that names it, or None."""
    for pattern in TENSORS:
        if re.fullmatch(re.escape(pattern).replace(r"\\*", r"\\d+"), name):
            return pattern
    return None


def rows_of(model):
    """Every parameter's row; a model of other tensors is refused."""
    found = {pattern: [] for pattern in TENSORS}
    strangers = []
    for name, _ in named_parameters(model):
        found.get(pattern_of(name), strangers).append(name)
    for pattern, names in found.items():
        count = TENSORS[pattern][-1]
        strangers += names[count:]
        if len(names) < count:
            strangers.append(f"{pattern} ({len(names)} of {count})")
    if strangers:
        raise ValueError(
            f"another model: {sorted(strangers)}; the patterns of TENSORS may be changed to name"
            " these parameters"
        )
    return {name: TENSORS[pattern] for pattern, names in found.items() for name in names}


def initialise(model, seed=0):
    """Draw every tensor, then set the multipliers."""
    generator = torch.Generator().manual_seed(seed)
    rows = rows_of(model)
    with torch.no_grad():
        for name, parameter in named_parameters(model):
            std, constant = rows[name][:2]
            if std is None and constant is None:
                continue
            start = torch.empty(parameter.shape)
            if std is None:
                start.fill_(constant)
            else:
                start.normal_(std=std, generator=generator)
            parameter.copy_(start)
    set_multipliers(model)


def set_multipliers(model):
    """Scale the readout's input; alone, for weights that are loaded from a file. Call it once."""
    modules = {_WRAPPERS.sub("", f"{name}."): module for name, module in model.named_modules()}
    for name, row in rows_of(model).items():
        multiplier = row[2]
        if multiplier != 1:
            readout = owner = modules[name.rpartition(".")[0] + "."]
            if isinstance(owner, torch.nn.Embedding):  # tied: another layer reads its table
                others = (layer for layer in model.modules() if layer is not owner)
                holds = (at for at in others if getattr(at, "weight", None) is owner.weight)
                readout = next(holds, None)
            if readout is None:
                raise ValueError(f"no layer shares {name}: multiply its readout by {multiplier}")
            readout.register_forward_pre_hook(
                lambda layer, inputs, factor=multiplier: (factor * inputs[0], *inputs[1:])
            )
$branches

$optimizer

def build_schedule(optimizer, steps=STEPS):
    """Multiplies every group's rate; schedulers with absolute floors would break their ratios."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step, steps))


$clipping
''')
