"""Train your own model under FSDP2, stop it, and resume it bit for bit.

torchrun --nproc-per-node 2 examples/fsdp2.py checkpoint_folder

Run it twice: the second run goes on where the first one stopped. On GPUs, replace gloo by nccl and
"cpu" by the process's device.
"""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.fsdp import fully_shard
from torch.nn.functional import cross_entropy, gelu

import widthwise
from parametrization.nn.initialise import materialise

BASE_WIDTH, WIDTH, STEPS, STOP = 32, 128, 20, 10
HYPERPARAMETERS = {  # tuned at the base width
    **{"learning_rate": 2**-5, "init_std": 1.0, "output_multiplier": 1.0},
    **{"momentum": 0.95, "epsilon": 1e-7, "weight_decay": 0.0, "learning_rate_ratio": 0.25},
    **{"companion_beta1": 0.9, "companion_beta2": 0.95, "companion_epsilon": 1e-8},
    "companion_weight_decay": 0.1,
}


class Block(nn.Module):
    """A residual branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.down(gelu(self.up(self.norm(x))))
        return result


class Model(nn.Module):
    """An ordinary model: `apply` puts the readout's multiplier in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(2))
        self.head = nn.Linear(width, 64, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x)
        return logits


def main(folder: Path) -> None:
    """Train until the next stop; print the last loss."""
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    shape = widthwise.shape(Model, BASE_WIDTH, roles={"head.weight": widthwise.Role.OUTPUT})

    # In this order: shard on the meta device, give it memory, then let `apply` fill it.
    with torch.device("meta"):
        model = Model(WIDTH)
    for block in model.blocks:
        fully_shard(block)
    fully_shard(model)
    materialise(model, "cpu")
    optimizer, schedule = widthwise.apply(
        model,
        shape,
        HYPERPARAMETERS,
        widthwise.Multipliers(WIDTH / BASE_WIDTH),
        optimizer="muon_spectral",  # any other as well
        schedule=widthwise.Schedule(),
        steps=STEPS,
        seed=0,  # the same in every process
    )

    first = 0
    if (folder / ".metadata").exists():
        states = dict(zip(("model", "optimizer"), get_state_dict(model, optimizer), strict=True))
        states["schedule"] = schedule.state_dict()
        dcp.load(states, checkpoint_id=folder)
        set_state_dict(
            model,
            optimizer,
            model_state_dict=states["model"],
            optim_state_dict=states["optimizer"],
        )
        schedule.load_state_dict(states["schedule"])
        first = schedule.last_epoch

    for step in range(first, min(first + STOP, STEPS)):
        generator = torch.Generator().manual_seed(2 * step + rank)  # rows of its own
        tokens = torch.randint(64, (32,), generator=generator)
        loss = cross_entropy(model(tokens), (3 * tokens + 1) % 64)
        loss.backward()
        optimizer.step()
        schedule.step()  # after every update
        optimizer.zero_grad()

    states = dict(zip(("model", "optimizer"), get_state_dict(model, optimizer), strict=True))
    dcp.save(states | {"schedule": schedule.state_dict()}, checkpoint_id=folder)
    if rank == 0:
        print(f"step {schedule.last_epoch}: loss {loss.item():.6f}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # All is stored. As the interpreter ends, a thread of torch's that comes back to Python is ended
    # in the middle of C++, which now and then aborts the process (Python before 3.14).
    sys.stdout.flush()
    os._exit(0)
