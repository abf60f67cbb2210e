"""The family of users' own tasks: a class in a file, or of an installed package."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, ValidationInfo, model_validator

from parametrization.recommendation.target import Comparison
from tuner.spec.datasets.own_batches import OwnBatches
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.registered_tasks import REGISTERED, Registration, TaskFacts
from tuner.spec.submitted import is_stored

TaskName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")]
_CURVATURE: Final = (
    "it reads what every layer sees of every prediction, and how many predictions a batch of an own"
    " task has is not known"
)
_FILLED_IN: Final = ("source", "facts")


class OwnTask(ModelFamily):
    """A model, a loss and batches of the user's own, by the name that they were registered under.

    Its facts are stored with every study: a study whose file or package is gone can still be read
    and answers, but trains no more.
    """

    trains_on: ClassVar = OwnBatches
    builder: ClassVar = "workers.models.own_task:build"
    roles: ClassVar = "workers.models.own_task:roles"
    blocks: ClassVar = "workers.models.own_task:blocks"
    fixed_starts: ClassVar = "workers.models.own_task:fixed_starts"
    objective: ClassVar = "workers.training.own_objective:objective"
    refused_optimizers: ClassVar = dict.fromkeys(("kfac", "ekfac"), _CURVATURE)
    refuses_recomputation: ClassVar = "the blocks of an own task are not known"

    name: TaskName
    depth: int = Field(ge=1, le=1024)
    """As its `model` counts it. Default: as its class says."""
    source: str = Field(max_length=4096)
    """`/where/train.py:Task`, or `package.module:Task`; filled in."""
    version: str = Field(max_length=200)
    """Hash of the file and of what it imports from its folder, or package and version; filled in,
    and kept with the study."""
    facts: TaskFacts
    """Facts that its description found; filled in."""

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, given: Any, info: ValidationInfo) -> Any:  # noqa: ANN401
        if is_stored(info) or not isinstance(given, Mapping):
            return given
        found = REGISTERED.find(given.get("name"))
        if found is None:
            raise ValueError("no task of this name is registered")
        known = _known(found)
        for field in _FILLED_IN:
            if field in given and given[field] != known[field]:
                raise ValueError(f"{field} is what {found.name} was registered with: leave it out")
        return {"depth": found.depth, "version": found.version} | known | dict(given)

    @property
    def comparison(self) -> Comparison:
        """The value that its `validate` returns, or else the train loss."""
        if not self.facts.validates:
            return self.compared_by
        words = f"{self.facts.metric} at the end of training, as the task's validate returns it"
        return Comparison(metric="validation_loss", name=self.facts.metric, words=words)

    @property
    def default_pruner(self) -> Literal["none", "median"]:
        """None where batches come from a loader: its trials train in one piece."""
        return "median" if self.facts.batches == "by_step" else "none"

    @property
    def trains_alone(self) -> bool:
        """True if it draws random numbers, which a cohort would draw once for all trials."""
        return self.facts.draws or self.facts.batches == "loader"

    @property
    def trains_in_one_piece(self) -> bool:
        """True if its batches come in sequence: every segment would read them all again."""
        return self.facts.batches == "loader"

    @property
    def no_depth_rule(self) -> str:  # type: ignore[override]  # the same for all of other families
        """The reason that depth has no rule (no tensor is in a residual block), or empty."""
        if self.facts.residual_blocks:
            return ""
        return "none of its tensors is in a residual block (its class may name `blocks`)"

    @property
    def parts_of_width(self) -> Mapping[str, int]:
        """The class's `width_divisor`."""
        return {"width_divisor": self.facts.width_divisor}

    @property
    def tokens_per_example(self) -> int:
        """Tokens of one sequence, as its class declares."""
        return self.facts.tokens_per_example

    def proxy_width(self, target_width: int) -> int:
        """The task's base width; an eighth of the target's width where that is narrower."""
        if self.facts.base_width <= target_width:
            return self.facts.base_width
        return super().proxy_width(target_width)

    @property
    def folder(self) -> Path | None:
        """Folder of its file; None for a package's task."""
        path, _, _ = self.source.rpartition(":") if ":" in self.source else (self.source, "", "")
        return Path(path).parent if path.endswith(".py") else None


def _known(found: Registration) -> dict[str, Any]:
    return {"name": found.name, "source": found.source, "facts": found.facts.model_dump()}
