"""Own tasks of installed packages: entry points `widthwise.models`, which lead to declarations."""

from typing import Final

from parametrization.plugins import Group, Plugin
from tuner.spec.families.registered_tasks import Registration, TaskFacts, is_task_name
from widthwise.task_declaration import TaskDeclaration


def _declaration_in(found: object) -> TaskDeclaration:
    if not isinstance(found, TaskDeclaration):
        raise TypeError(f"is a {type(found).__name__}, not a TaskDeclaration")
    if not is_task_name(found.name):
        raise ValueError(
            f"declares the name {found.name!r:.80}: use lower-case letters, digits, - and _"
        )
    return found


GROUP: Final = Group(
    "widthwise.models", "a family", _declaration_in, lambda declaration: declaration.name
)


def registration_of(plugin: Plugin[TaskDeclaration]) -> Registration:
    """A package's declaration, in the form that describing a file gives."""
    declared = plugin.declaration
    return Registration(
        name=declared.name,
        words=declared.words,
        source=declared.task,
        version=plugin.package,
        depth=declared.depth,
        facts=TaskFacts(
            base_width=declared.base_width,
            width_divisor=declared.width_divisor,
            tokens_per_example=declared.tokens_per_example,
            metric=declared.metric,
            validates=declared.validates,
            batches=declared.batches,
            residual_blocks=declared.residual_blocks,
            draws=declared.draws,
        ),
        package=plugin.package,
    )
