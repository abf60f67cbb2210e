"""The benchmark of large tables and many slots, at the smallest size."""

from contextlib import closing
from pathlib import Path

from benchmarks.scale.answers import OPERATIONS, answer_rows, growth
from benchmarks.scale.slots import SimulatedEngine, coordinator_cost
from benchmarks.scale.tables import TRIALS, filled
from tests.workers.specs import train_order, trial_spec
from tuner.engine.orders import OrderId
from tuner.spec.states import StudyState
from tuner.storage.evidence import read_summary
from tuner.storage.sql.database import open_database
from tuner.storage.studies import get_study
from tuner.storage.trials.trial_list import list_trials


def test_copies_of_a_study_are_whole_studies(tmp_path: Path) -> None:
    with (
        filled(tmp_path / "small", "sqlite", studies=3) as made,
        closing(open_database(made.url)) as database,
        database.read() as session,
    ):
        assert len(set(made.study_ids)) == 3
        assert made.trials == 3 * TRIALS
        summaries = []
        for study_id in made.study_ids:
            study = get_study(session, study_id)
            assert study.state is StudyState.COMPLETED
            assert len(list_trials(session, study_id, page_size=1_000).trials) == TRIALS
            summaries.append(read_summary(session, study))
        assert summaries[0].finished_trials == TRIALS
        assert summaries[1:] == summaries[:1] * 2


def test_growth_is_of_the_largest_table_over_the_smallest() -> None:
    rows = [
        {"operation": name, "trials": trials, "p50_ms": median, "cpu_ms": median / 2}
        for name, medians in (("list", (2.0, 2.5, 3.0)), ("study", (4.0, 9.0, 4.0)))
        for trials, median in zip((200, 2_000, 20_000), medians, strict=True)
    ]
    assert growth(rows) == {
        "list": {"p50_ms": 1.5, "cpu_ms": 1.5},
        "study": {"p50_ms": 1.0, "cpu_ms": 1.0},
    }


def test_every_operation_is_timed_over_every_table(tmp_path: Path) -> None:
    with (
        filled(tmp_path / "small", "sqlite", studies=1) as small,
        filled(tmp_path / "large", "sqlite", studies=2) as large,
    ):
        rows = answer_rows([small, large], repeats=4)
    asked = [(row["operation"], row["trials"]) for row in rows]
    assert asked == [(name, TRIALS * studies) for name in OPERATIONS for studies in (1, 2)]
    assert all(0 < row["p50_ms"] <= row["p99_ms"] for row in rows)


def test_simulated_slots_report_in_a_time_of_their_own() -> None:
    engine = SimulatedEngine(slots=2, computing=lambda: 0.0)
    for number in range(2):
        engine.start(train_order(trial_spec(number=number), name=f"ord_{number}", rungs=(4, 8)))
    reports = []
    while any(slot.busy_with for slot in engine.slots()):
        before = engine.now
        reports += engine.wait(0.25)
        assert before < engine.now <= before + 0.25
    assert [report.order_id for report in reports].count(OrderId("ord_0")) == 2
    assert len(reports) == engine.reports == 4
    assert 10 < engine.now < 30  # two reports a slot, of 5 to 15 s


def test_what_a_coordinator_costs_is_measured(tmp_path: Path) -> None:
    cost = coordinator_cost(tmp_path / "slots", "sqlite", studies=2, slots=2, reports=6)
    assert cost.keys() == {
        "tuner_cpu_share_per_slot",
        "cpu_milliseconds_per_report",
        "scheduling_ms",
    }
    assert min(cost.values()) > 0
