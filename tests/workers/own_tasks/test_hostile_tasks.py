"""Tasks that misbehave in real workers: the trial ends with a clear reason, the service is well."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.workers.engines.worker_processes import wait_for_death
from tests.workers.own_tasks.families import own_family
from tests.workers.own_tasks.hostile import BEHAVIOURS, CHILD, HANGS
from tests.workers.specs import model_spec, train_order, trial_spec
from tuner.engine.orders import DescribeOrder, OrderId
from tuner.engine.reports import Done, Failed, Lost, Reached
from tuner.spec.states import StateReason
from workers.engines import slot_process
from workers.engines.local import LocalEngine

pytestmark = pytest.mark.slow

MEMORY_LIMIT_BYTES = 1_200 * 2**20
STALL_SECONDS = 3.0
"""Once a task hangs; before that, and where none does, a busy machine may take longer."""
FAILURES = [
    ("raises", StateReason.ERROR, "mine: loss raised RuntimeError: the user's own error (task.py,"),
    ("raises_deep", StateReason.ERROR, "LinAlgError: Singular matrix (task.py, line "),
    ("exits", StateReason.ERROR, "mine: loss raised SystemExit: enough (task.py, line "),
    ("cancels", StateReason.ERROR, "mine: loss raised CancelledError: given up (task.py, line "),
    ("says_nothing", StateReason.ERROR, "mine: loss raised Unspeakable (task.py, line "),
    ("says_too_much", StateReason.ERROR, "mine: loss raised RuntimeError: xxx"),
    ("mixes_shapes", StateReason.ERROR, "must match the size of tensor b (4)"),
    ("returns_a_vector", StateReason.ERROR, "mine: loss returned a tensor of shape [3]: return a"),
    ("returns_a_float", StateReason.ERROR, "mine: loss returned a float, not a tensor"),
    ("gives_no_tensor", StateReason.ERROR, "mine: loss returned nothing, not a tensor"),
    ("detaches", StateReason.ERROR, "mine: loss returned a tensor without a gradient"),
    ("returns_no_model", StateReason.ERROR, "mine: model returned nothing, not a torch.nn.Module"),
    ("returns_elsewhere", StateReason.ERROR, "mine: model put tensors on meta: leave out devices"),
    ("eats_memory", StateReason.OUT_OF_MEMORY, "does not fit into the memory of the slot"),
    ("sleeps", StateReason.TIMEOUT, "no step was taken for 3 s; it stands in task.py, line "),
    ("spins", StateReason.TIMEOUT, "no step was taken for 3 s; it stands in task.py, line "),
]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the hostile task, in a folder of its own."""
    folder = tmp_path_factory.mktemp("hostile task")
    return Path(shutil.copy(Path(__file__).with_name("hostile.py"), folder / "task.py"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    folder = tmp_path_factory.mktemp("checkpoints")
    with pytest.MonkeyPatch.context() as patched:
        # The line where a worker hangs is awaited for a second only: other slots wait meanwhile.
        patched.setattr(slot_process, "_STANDING_SECONDS", PATIENCE_SECONDS)
        engine = LocalEngine(1, folder, MEMORY_LIMIT_BYTES)
        yield engine
        engine.close()


class Runs:
    """Trials of the task's behaviours, one after another, each order with a name of its own."""

    def __init__(self, engine: LocalEngine, task: Path) -> None:
        self._engine, self._task = engine, task
        self._hangs = task.parent / HANGS
        self._orders = 0

    def ended(self, behaviour: str) -> Done | Failed | Lost:
        """The last report of a trial that behaves so."""
        self._orders += 1
        name = f"ord_{behaviour}_{self._orders}"
        family = own_family(self._task, "Hostile", depth=BEHAVIOURS.index(behaviour) + 1)
        self._engine.start(train_order(trial_spec(model=model_spec(family)), name=name))
        reports: list[Reached | Done | Failed | Lost] = []
        while not reports or isinstance(reports[-1], Reached):
            self._engine._stall_seconds = STALL_SECONDS if self._hangs.exists() else None
            reports += self._engine.wait(1.0)
        self._hangs.unlink(missing_ok=True)
        assert {report.order_id for report in reports} == {name}
        last = reports[-1]
        assert not isinstance(last, Reached)
        return last

    def losses(self, behaviour: str) -> bytes:
        """The curve of a trial that behaves so and gets to its end, bit for bit."""
        ended = self.ended(behaviour)
        assert isinstance(ended, Done), ended
        (trial,) = ended.trials
        assert not trial.diverged
        return next(one.packed for one in trial.curves if one.metric == "train_loss")


@pytest.fixture(scope="module")
def runs(engine: LocalEngine, task: Path) -> Runs:
    return Runs(engine, task)


@pytest.fixture(scope="module")
def undisturbed(runs: Runs) -> bytes:
    return runs.losses("well")


@pytest.mark.parametrize(
    ("behaviour", "reason", "words"), FAILURES, ids=[one[0] for one in FAILURES]
)
def test_a_hostile_task_ends_its_trial_with_the_reason_and_the_line(
    runs: Runs, undisturbed: bytes, behaviour: str, reason: StateReason, words: str
) -> None:
    ended = runs.ended(behaviour)
    assert isinstance(ended, Failed)
    assert ended.reason is reason
    assert words in ended.message
    assert runs.losses("well") == undisturbed


@pytest.mark.parametrize(
    "behaviour", ["prints", "forks", "moves_away", "seeds", "changes_settings"]
)
def test_what_a_task_does_beside_its_work_changes_nothing(
    runs: Runs, undisturbed: bytes, behaviour: str
) -> None:
    assert runs.losses(behaviour) == undisturbed
    assert runs.losses("well") == undisturbed


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("leaves", "exit status 3"),
        ("closes_everything", "ended with"),
        ("breaks_the_gpu", "the GPU's context is gone, and with it the worker"),
    ],
)
def test_a_task_that_ends_its_process_loses_the_order_alone(
    runs: Runs, undisturbed: bytes, behaviour: str, words: str
) -> None:
    ended = runs.ended(behaviour)
    assert isinstance(ended, Lost)
    assert words in ended.message
    assert runs.losses("well") == undisturbed


def test_a_task_that_loses_to_nan_diverges(runs: Runs, undisturbed: bytes) -> None:
    ended = runs.ended("loses_to_nan")
    assert isinstance(ended, Done)
    assert ended.trials[0].diverged
    assert runs.losses("well") == undisturbed


def test_what_a_task_draws_is_the_same_every_time(runs: Runs, undisturbed: bytes) -> None:
    assert runs.losses("draws") == runs.losses("draws") != undisturbed


def test_what_a_task_starts_ends_with_its_order(runs: Runs, task: Path) -> None:
    ended = runs.ended("starts_another")
    assert isinstance(ended, Failed)
    assert ended.reason is StateReason.TIMEOUT
    child = int((task.parent / CHILD).read_text())
    wait_for_death(child)


def test_a_worker_refuses_a_file_of_another_version(engine: LocalEngine, task: Path) -> None:
    family = own_family(task, "Hostile")
    other = family.model_copy(update={"version": "0" * 64})
    engine.start(DescribeOrder(id=OrderId("ord_v"), study_id="std_1", model=model_spec(other)))
    reports: list[Reached | Done | Failed | Lost] = []
    while not reports:
        reports = engine.wait(1.0)
    (report,) = reports
    assert isinstance(report, Failed)
    assert report.reason is StateReason.CHANGED
    words = f"has changed (version {'0' * 12} then, {family.version[:12]} now): put it back"
    assert words in report.message
