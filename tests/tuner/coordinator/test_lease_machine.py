"""Leases under every order of events: no trial is held twice, and nothing acknowledged is lost."""

import datetime as dt
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.tuner.own_trainer import STEPS, external_spec
from tuner.coordinator.external_engine import ExternalEngine
from tuner.coordinator.reconcile import tick
from tuner.records.errors import LeaseLost
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.storage.commits import reopen_orders
from tuner.storage.leases.leasing import AskedForTrial, LeasedTrial, NothingDue, lease_trials
from tuner.storage.leases.offers import losses_of
from tuner.storage.leases.report_records import ReportAnswer, TrainerReport
from tuner.storage.leases.reports import store_reports
from tuner.storage.sql.database import open_database
from tuner.storage.studies import get_study, open_study, pause_study, resume_study
from tuner.storage.trials.curves import curves_of

TTL_SECONDS = 60
WORKERS = st.sampled_from(["one", "two", "three"])


@dataclass
class Held:
    """What a trainer believes of its lease."""

    lease: LeasedTrial
    expires_at: dt.datetime
    losses: list[float] = field(default_factory=list)
    """Acknowledged, from the step after `lease.reported_step` on."""


class Leases(RuleBasedStateMachine):
    """Three trainers, a coordinator that is turned, killed and started again, and a clock."""

    template: ClassVar[Path]
    ahead = True
    """Whether a further trial is on offer for each trainer that trains, as the service does."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        shutil.copyfile(self.template, self.folder / "widthwise.db")
        self.database = open_database(f"sqlite:///{self.folder / 'widthwise.db'}")
        self.now = dt.datetime.now(dt.UTC)
        spec = external_spec(search={"trials": 4, "batch_size": 4})
        with self.database.write() as session:
            study, _ = open_study(session, StudySpec.model_validate(spec))
        self.study = study.id
        self.held: dict[str, Held] = {}
        self.stored: dict[int, list[float]] = {}
        """Losses by trial that were acknowledged under the attempt that is still valid."""
        self.start_coordinator()
        self.turn()

    def start_coordinator(self) -> None:
        self.engine = ExternalEngine(self.database, ahead=self.ahead, clock=lambda: self.now)
        kept = {slot.busy_with for slot in self.engine.slots() if slot.busy_with is not None}
        with self.database.write() as session:
            reopen_orders(session, kept)

    @rule()
    def turn(self) -> None:
        tick(self.database, self.engine, 0.0)

    @rule()
    def kill_the_coordinator_and_start_it_again(self) -> None:
        self.start_coordinator()

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def time_passes(self, seconds: int) -> None:
        self.now += dt.timedelta(seconds=seconds)

    @rule(worker=WORKERS)
    def ask(self, worker: str) -> None:
        asked = AskedForTrial(study_id=self.study, worker=worker, ttl_seconds=TTL_SECONDS)
        with self.database.write() as session:
            (lease,) = lease_trials(session, [asked], self.now)
        if isinstance(lease, NothingDue):
            return
        assert isinstance(lease, LeasedTrial), lease
        for other, held in self.held.items():
            same = (held.lease.order_id, held.lease.attempt) == (lease.order_id, lease.attempt)
            assert other == worker or not same, "two trainers hold one attempt"
        before = self.held.get(worker)
        is_same = before is not None and before.lease.order_id == lease.order_id
        if before is not None and is_same and before.lease.attempt == lease.attempt:
            before.expires_at = lease.expires_at
        else:
            assert lease.reported_step == (lease.checkpoint_step or 0)
            self.held[worker] = Held(lease, lease.expires_at)

    @precondition(lambda self: self.held)
    @rule(worker=WORKERS, updates=st.integers(0, 5), repeat=st.booleans(), keeps=st.booleans())
    def report(self, worker: str, updates: int, repeat: bool, keeps: bool) -> None:
        held = self.held.get(worker)
        if held is None:
            return
        first = held.lease.reported_step + len(held.losses)
        losses = tuple(2.0 + 0.125 * n for n in range(first, min(STEPS, first + updates)))
        report = TrainerReport(
            order_id=held.lease.order_id,
            attempt=held.lease.attempt,
            step=first + len(losses),
            train_loss=losses,
            checkpoint=f"at {first + len(losses)}" if keeps else None,
        )
        for _ in range(1 + repeat):
            with self.database.write() as session:
                (answer,) = store_reports(session, [report], self.now)
        if isinstance(answer, LeaseLost):
            assert held.expires_at < self.now or self.was_stopped(held), "lost too early"
            del self.held[worker]
            return
        assert isinstance(answer, ReportAnswer)
        if answer.answer == "continue":
            held.losses += losses
            held.expires_at = self.now + dt.timedelta(seconds=TTL_SECONDS)
            assert answer.step == held.lease.reported_step + len(held.losses)
        else:
            if answer.reason == "done":
                assert report.step == STEPS
            del self.held[worker]

    def was_stopped(self, held: Held) -> bool:
        """Whether the study has been paused since: its orders are others by now."""
        with self.database.read() as session:
            version = get_study(session, self.study).version
        return f"-v{version}-" not in held.lease.order_id

    @rule()
    def pause_and_resume(self) -> None:
        with self.database.write() as session:
            pause_study(session, self.study)
        self.turn()
        with self.database.write() as session:
            resume_study(session, self.study)

    @invariant()
    def what_is_acknowledged_is_stored(self) -> None:
        with self.database.read() as session:
            for held in self.held.values():
                if held.expires_at < self.now or self.was_stopped(held):
                    continue
                first = held.lease.reported_step
                known = losses_of(session, self.study, held.lease.number).train.tolist()
                assert known[first : first + len(held.losses)] == held.losses

    @invariant()
    def no_update_is_stored_twice(self) -> None:
        with self.database.read() as session:
            for curve in curves_of(session, self.study):
                assert curve.steps == tuple(range(1, len(curve.steps) + 1))
            assert get_study(session, self.study).state is not StudyState.FAILED

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            shutil.rmtree(self.folder)


def test_leases_hold_whatever_happens_in_whatever_order(sqlite_template: Path) -> None:
    Leases.template = sqlite_template
    run_state_machine_as_test(
        Leases, settings=settings(max_examples=12, stateful_step_count=30, deadline=None)
    )


@pytest.mark.parametrize("seconds", [59, 61])
def test_a_lease_lasts_as_long_as_it_says(sqlite_template: Path, seconds: int) -> None:
    Leases.template = sqlite_template
    machine = Leases()
    machine.ahead = False  # so that the second trainer gets the first one's trial
    machine.open()
    machine.ask("one")
    machine.turn()
    machine.ask("one")
    machine.time_passes(seconds)
    machine.turn()
    machine.turn()
    first = machine.held["one"].lease
    machine.report("one", 1, repeat=False, keeps=False)
    assert ("one" in machine.held) is (seconds < TTL_SECONDS)
    machine.ask("two")
    machine.turn()
    machine.ask("two")
    again = machine.held.get("two")
    assert again is not None
    is_same = (again.lease.order_id, again.lease.attempt) == (first.order_id, 2)
    assert is_same is (seconds > TTL_SECONDS)
    machine.teardown()
