"""Declare the task of train.py as that of an installed package; read without torch."""

from typing import Final

from widthwise.task_declaration import TaskDeclaration

OWN_GPT: Final = TaskDeclaration(
    name="own_gpt",
    task="own_gpt.train:Task",
    words="A GPT on its own source.",
    base_width=64,
    width_divisor=16,
    tokens_per_example=32,
    residual_blocks=True,
)
