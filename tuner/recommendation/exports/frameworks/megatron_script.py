"""Text of the Python that Megatron-LM takes beside the flags."""

from string import Template
from typing import Final

SCRIPT: Final = Template('''\
$heading
"""Overrides of Megatron-Core's parameter groups: every tensor's own numbers.

    get_megatron_optimizer(config, model, config_overrides=config_overrides())

in the place of what get_megatron_optimizer_config and get_mup_config_overrides return: merged with
those, they raise "Conflicting overrides". The flags keep --use-mup for the forward pass.
"""
from fnmatch import fnmatch

# Any match counts. names: ((what the group gets), (initial std, or None for the constant))
TENSORS = {
$table}


def config_overrides():
    from megatron.core.optimizer import ParamKey

    return {ParamKey(name=names): override for names, (override, _) in TENSORS.items()}


def initialise(model):
    """Draw every tensor anew: Megatron knows two initial sizes. Setting init_method would not do.

    Every rank draws its own shard: seed as Megatron's own initialisation does.
    """
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            for names, (_, (std, constant)) in TENSORS.items():
                if any(fnmatch(name, one) for one in names):
                    if std is not None:
                        parameter.normal_(std=std)
                    elif constant is not None:
                        parameter.fill_(constant)
''')
