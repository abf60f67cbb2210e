"""Losses of a real model: a character GPT, 100 AdamW steps, base width 32, by width and rate.

Two blocks, head size 16, batch 16 x 32 characters of Shakespeare, 10 % warm-up, then linear to
zero; loss is the mean over the second half. At width 32 both parametrizations are one.
"""

import csv
from pathlib import Path

from parametrization.rules.parametrization import Parametrization

Losses = dict[float, list[float | None]]


def gpt_losses(parametrization: Parametrization, width: int) -> Losses:
    """Losses of the seeds, by log2(learning rate)."""
    wanted = Parametrization.MUP if width == 32 else parametrization
    losses: Losses = {}
    with (Path(__file__).parent / "data" / "gpt_losses.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if (row["parametrization"], int(row["width"])) == (wanted, width):
                losses.setdefault(float(row["log2_learning_rate"]), []).append(float(row["loss"]))
    return losses
