"""The schedules that are compared see the same examples, from the same first batch."""

from benchmarks.transfer.schedule_transfer import BATCH, trainings


def test_a_growing_batch_sees_as_many_examples_in_fewer_updates() -> None:
    plain, growing = trainings().values()
    seen = [
        one.schedule.examples_before(one.steps, one.steps, one.batch_size)
        for one in (plain, growing)
    ]
    assert 0 <= seen[1] - seen[0] < growing.batch_size
    assert growing.steps < plain.steps
    first = growing.schedule.batch_size(0, growing.steps, growing.batch_size)
    assert first == plain.batch_size == BATCH
