"""Slots' time is summed alike on both databases."""

import datetime as dt

import pytest

from tests.tuner.builders import spec
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import OrderRow
from tuner.storage.studies import open_study
from tuner.storage.usage.slot_time import Period, UsageGroup, slot_time

EVENING = dt.datetime(2026, 11, 20, 23, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def test_time_counts_within_a_period_for_the_day_on_which_it_began(database: Database) -> None:
    with database.write() as session:
        study, _ = open_study(session, spec())
        for number in range(2):
            session.add(
                OrderRow(
                    id=f"{study.id}-{number}",
                    study_id=study.id,
                    kind="train",
                    payload={},
                    attempt=1,
                    state="open" if number else "done",
                    created_at=EVENING + number * HOUR,
                    finished_at=None if number else EVENING + HOUR,
                )
            )
    period, now = Period(EVENING + HOUR / 2, EVENING + 4 * HOUR), EVENING + 3 * HOUR
    with database.read() as session:
        days = slot_time(session, UsageGroup.DAY, period, now)
        (owner,) = slot_time(session, UsageGroup.OWNER, period, now)
    assert [(day.name, day.orders) for day in days] == [("2026-11-21", 1), ("2026-11-20", 1)]
    assert [day.seconds for day in days] == [pytest.approx(7200), pytest.approx(1800)]
    assert (owner.name, owner.studies) == ("local", 1)
