"""Read an export with its framework's own code; a script for the framework's environment.

    python benchmarks/exports/own_code.py READER FOLDER

FOLDER holds the export's files and `asked.json`: parameters with their shapes, and steps. Prints
the peak rate, decay and epsilon of every parameter, and the schedule's factors at the steps.
"""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import distributed, nn

Read = tuple[list[dict[str, Any]], Callable[[], list[float]]]
"""Parameter groups, and their first one's rate over its peak at every update."""


def built(shapes: dict[str, list[int]]) -> nn.Module:
    """A module whose parameters have these names."""
    root = nn.Module()
    for name, shape in shapes.items():
        *path, last = name.split(".")
        owner = root
        for piece in path:
            if piece not in dict(owner.named_children()):
                owner.add_module(piece, nn.Module())
            owner = owner.get_submodule(piece)
        owner.register_parameter(last, nn.Parameter(torch.zeros(shape)))
    return root


def stepped(optimizer: Any, scheduler: Any, steps: int) -> list[float]:  # noqa: ANN401
    """The first group's rate at every update, over the last warm one."""
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


def by_torch(folder: Path, model: nn.Module, asked: dict[str, Any]) -> Read:
    """`torch.optim` and `LambdaLR`."""
    defined = runpy.run_path(str(folder / "train_target.py"))
    optimizer = defined["build_optimizer"](model)
    peaks = [dict(group, lr=group["lr"]) for group in optimizer.param_groups]
    scheduler = defined["build_schedule"](optimizer)
    return peaks, lambda: stepped(optimizer, scheduler, asked["steps"])


def by_trainer(folder: Path, model: nn.Module, asked: dict[str, Any]) -> Read:
    """The argument `optimizers` of `Trainer`, and Granite's own config and model."""
    from transformers import GraniteConfig, GraniteForCausalLM

    config = GraniteConfig(**json.loads((folder / "config.json").read_text()))
    with torch.device("meta"):
        granite = GraniteForCausalLM(config)
    shapes = {name: list(p.shape) for name, p in granite.named_parameters()}
    assert shapes == asked["shapes"], "the config is of the recommended model"
    defined = runpy.run_path(str(folder / "train_target.py"))
    optimizer = defined["build_optimizer"](model)
    peaks = [dict(group) for group in optimizer.param_groups]
    optimizer, scheduler = defined["trainer_optimizers"](model)
    return peaks, lambda: stepped(optimizer, scheduler, asked["steps"])


def by_mup(folder: Path, model: nn.Module, asked: dict[str, Any]) -> Read:
    """`mup.set_base_shapes` and its optimizers."""
    defined = runpy.run_path(str(folder / "train_with_mup.py"))
    optimizer, scheduler = defined["prepare"](model, str(folder / "base_shapes.bsh"))
    peaks = [dict(group, lr=group["initial_lr"]) for group in optimizer.param_groups]
    return peaks, lambda: stepped(optimizer, scheduler, asked["steps"])


def by_torchtitan(folder: Path, model: nn.Module, asked: dict[str, Any]) -> Read:
    """`OptimizersContainer` and `LRSchedulersContainer`."""
    defined = runpy.run_path(str(folder / "widthwise_target.py"))
    container = defined["optimizer"](implementation="for-loop").build(model_parts=[model])
    (optimizer,) = container.optimizers
    peaks = [dict(group) for group in optimizer.param_groups]
    scheduler = defined["lr_scheduler"]().build(optimizers=container, training_steps=asked["steps"])
    return peaks, lambda: stepped(optimizer, scheduler, asked["steps"])


def by_olmo_core(folder: Path, model: nn.Module, asked: dict[str, Any]) -> Read:
    """`AdamWConfig.build` and the recipe's own `Scheduler`; the trainer counts from 1."""
    defined = runpy.run_path(str(folder / "widthwise_target.py"))
    optimizer = defined["optim"]().build(model)
    peaks = [dict(group) for group in optimizer.param_groups]
    scheduler, rate = defined["scheduler"](), peaks[0]["lr"]
    steps = asked["steps"]
    return peaks, lambda: [scheduler.get_lr(rate, at + 1, steps) for at in range(steps)]


def by_automodel(folder: Path, model: nn.Module, asked: dict[str, Any]) -> Read:
    """The typed config, and `OptimizerParamScheduler`."""
    import yaml
    from nemo_automodel.components.optim.optimizer import AdamWConfig, LRSchedulerConfig

    config = yaml.safe_load((folder / "widthwise_target.yaml").read_text())
    given = {k: v for k, v in config["optimizer"].items() if k != "_target_"}
    (optimizer,) = AdamWConfig(**given).build(model)
    peaks = [
        dict(
            group,
            lr=group["lr"] * group.get("lr_mult", 1.0),
            weight_decay=group["weight_decay"] * group.get("wd_mult", 1.0),
        )
        for group in optimizer.param_groups
    ]
    total = SimpleNamespace(epoch_len=None, max_steps=asked["steps"])
    (scheduler,) = LRSchedulerConfig(**config["lr_scheduler"]).build(optimizer, total)

    def rates() -> list[float]:
        found = []
        for _ in range(asked["steps"]):
            found.append(optimizer.param_groups[0]["lr"])
            scheduler.step(1)
        return found

    return peaks, rates


def by_megatron(folder: Path, model: nn.Module, asked: dict[str, Any]) -> Read:
    """Megatron-Core's own grouping and `OptimizerParamScheduler`, with the overrides."""
    from megatron.core.optimizer import OptimizerConfig, _get_param_groups
    from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler

    distributed.init_process_group(
        "gloo", init_method=f"file://{folder.resolve()}/store", rank=0, world_size=1
    )
    flags = asked["flags"]
    defined = runpy.run_path(str(folder / "config_overrides.py"))
    rate, floor = float(flags["lr"]), float(flags["min-lr"])
    config = OptimizerConfig(optimizer="adam", lr=rate, min_lr=floor)
    groups = _get_param_groups([model], config, defined["config_overrides"]())
    groups = [group for group in groups if group["params"]]
    peaks = [dict(group, lr=group["max_lr"], weight_decay=group["start_wd"]) for group in groups]
    decay = float(flags["weight-decay"])
    scheduler = OptimizerParamScheduler(
        SimpleNamespace(param_groups=groups),
        init_lr=float(flags["lr-warmup-init"]),
        max_lr=rate,
        min_lr=floor,
        lr_warmup_steps=int(flags["lr-warmup-iters"]),
        lr_decay_steps=int(flags["lr-decay-iters"]),
        lr_decay_style=flags["lr-decay-style"],
        start_wd=decay,
        end_wd=decay,
        wd_incr_steps=asked["steps"],
        wd_incr_style="constant",
    )

    def rates() -> list[float]:
        found = []
        for _ in range(asked["steps"]):
            found.append(groups[0]["lr"])
            scheduler.step(1)
        return found

    return peaks, rates


READERS: dict[str, Callable[[Path, nn.Module, dict[str, Any]], Read]] = {
    "torch": by_torch,
    "torch-multiplier-free": by_torch,
    "deepspeed": by_torch,
    "hf-trainer": by_trainer,
    "mup": by_mup,
    "torchtitan": by_torchtitan,
    "olmo-core": by_olmo_core,
    "nemo-automodel": by_automodel,
    "megatron": by_megatron,
}


def main(reader: str, folder: Path) -> None:
    """Print one JSON object: `tensors` by name, and `factors` by update."""
    asked = json.loads((folder / "asked.json").read_text())
    model = built(asked["shapes"])
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups, rates = READERS[reader](folder, model, asked)
    tensors = {
        names[id(parameter)]: {
            "learning_rate": float(group["lr"]),
            "weight_decay": float(group["weight_decay"]),
            "epsilon": float(group["eps"]),
        }
        for group in groups
        for parameter in group["params"]
    }
    peak = float(groups[0]["lr"])
    print(json.dumps({"tensors": tensors, "factors": [rate / peak for rate in rates()]}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
