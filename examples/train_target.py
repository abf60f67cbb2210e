"""Train a target from a pinned recommendation, and print its first losses to be reported.

python examples/train_target.py recommendation.yaml --updates 50
torchrun --nproc-per-node 2 examples/train_target.py recommendation.yaml --sha256 2c26...

The last line that the first process prints is what `POST /v1/recommendations/{id}/observations`
takes: the service answers whether the run is on the curve that the proxies predict.

`recommendation.build()` makes a model of a built-in family; put your own in its place. The text is
any file, read as bytes.
"""

import argparse
import json
import os
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

import widthwise


def pinned(given: argparse.Namespace) -> widthwise.Recommendation:
    """The recommendation, read by the first process alone and the same in all of them."""
    found: list[object] = [None]
    if rank() == 0:
        read = widthwise.load(
            given.recommendation, sha256=given.sha256, require_approved=given.require_approved
        )
        found = [read.document.model_dump(mode="json")]
    if dist.is_initialized():
        dist.broadcast_object_list(found, src=0)
    return widthwise.Recommendation.from_document(found[0])


def rank() -> int:
    """Rank of this process."""
    return dist.get_rank() if dist.is_initialized() else 0


def batch(text: Tensor, step: int, examples: int, context: int) -> tuple[Tensor, Tensor]:
    """Rows of this process for one update: pieces of the text, and the same one byte later."""
    generator = torch.Generator().manual_seed(1_000_003 * step + rank())
    starts = torch.randint(len(text) - context - 1, (examples,), generator=generator)
    places = starts[:, None] + torch.arange(context + 1)
    return text[places[:, :-1]], text[places[:, 1:]]


def clip(model: nn.Module, recommendation: widthwise.Recommendation) -> None:
    """Clip the gradients as the proxies' were."""
    norm, document = recommendation.gradient_clip_norm, recommendation.document
    if document.gradient_clip_percentile is not None:
        raise SystemExit("the proxies clipped at a percentile of past norms: do so here")
    if norm is not None:
        clip_grad_norm_(model.parameters(), norm)
    if document.gradient_clip_value is not None:
        clip_grad_value_(model.parameters(), document.gradient_clip_value)


def mean(loss: Tensor, processes: int) -> float:
    """Mean over all processes."""
    seen = loss.detach() / processes
    if processes > 1:
        dist.all_reduce(seen)
    return float(seen)


def train(given: argparse.Namespace, processes: int) -> None:
    """Train for the first updates of the target's training; print a line an update."""
    recommendation = pinned(given)

    # What the recommendation does for a model, in three lines. Every process draws one start.
    model = recommendation.build()
    optimizer, schedule = recommendation.apply(model, despite_abstain=given.despite_abstain)
    trained = nn.parallel.DistributedDataParallel(model) if processes > 1 else model

    steps, full = recommendation.steps, recommendation.target.batch_size
    context = recommendation.document.family["context"]
    data = recommendation.document.dataset
    text = torch.frombuffer(bytearray(given.text.read_bytes()), dtype=torch.uint8).long()
    text = text % (data.vocabulary if data and data.vocabulary else 256)
    losses = []
    for step in range(min(given.updates, steps)):
        examples = recommendation.schedule.batch_size(step, steps, full, multiple=processes)
        inputs, targets = batch(text, step, examples // processes, context)
        loss = cross_entropy(trained(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        clip(model, recommendation)
        optimizer.step()
        schedule.step()
        losses.append({"step": step + 1, "loss": mean(loss, processes)})
        if rank() == 0:
            print(f"update {step + 1} of {steps}: loss {losses[-1]['loss']:.4f}", flush=True)
    if rank() == 0:
        print(json.dumps({"observations": losses}))


def main(given: argparse.Namespace) -> None:
    """Train in this process, or as one of several."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1:
        dist.init_process_group("gloo")  # nccl on GPUs
    train(given, processes)
    if processes > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("recommendation", help="a file, or the id of a stored one")
    parser.add_argument("--sha256", help="of its content: anything else is refused")
    parser.add_argument("--require-approved", action="store_true")
    parser.add_argument("--despite-abstain", action="store_true")
    parser.add_argument("--updates", type=int, default=100, help="of the first; default: 100")
    parser.add_argument("--text", type=Path, default=Path(__file__), help="default: this script")
    main(parser.parse_args())
