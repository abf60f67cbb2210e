"""Hours of slots by who asked for them, and what they cost."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import update

from app.settings import AppSettings
from tests.app.access.keyed import client_of, made_key
from tests.app.coordinated import Coordinated
from tests.app.served import Served
from tuner.storage.sql.tables import OrderRow

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def settings() -> AppSettings:
    return AppSettings(price_per_hour=3.0, currency="EUR", slots_per_gpu=2)


def with_orders(served: Served, *orders: tuple[dt.datetime, dt.datetime | None]) -> str:
    """A study whose orders held slots at these times."""
    study_id = served.submit(project="vision", name="wide")
    with served.database.write() as session:
        for number, (begin, end) in enumerate(orders):
            session.add(
                OrderRow(
                    id=f"{study_id}-{number}",
                    study_id=study_id,
                    kind="train",
                    payload={},
                    attempt=1,
                    state="open" if end is None else "done",
                    created_at=begin,
                    finished_at=end,
                )
            )
    return study_id


def usage(served: Served, **query: Any) -> dict[str, Any]:  # noqa: ANN401  parameters
    answer = served.client.get("/v1/usage", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_slots_of_one_gpu_share_its_price(served: Served) -> None:
    study_id = with_orders(served, (NOON, NOON + HOUR), (NOON, NOON + 3 * HOUR))
    found = usage(served, group_by="study")
    (row,) = found["rows"]
    assert (row["name"], row["study_name"], row["orders"]) == (study_id, "wide", 2)
    assert row["hours"] == pytest.approx(2.0, abs=1e-6)
    assert row["cost"] == pytest.approx(6.0, abs=1e-5)
    assert (found["unit"], found["price_per_hour"], found["currency"]) == ("gpu", 3.0, "EUR")
    assert found["total"]["hours"] == pytest.approx(row["hours"])
    assert found["others"]["orders"] == 0


def test_a_period_counts_the_part_of_an_order_that_lies_in_it(served: Served) -> None:
    with_orders(served, (NOON, NOON + 4 * HOUR))
    inside = usage(served, since=NOON + HOUR, until=NOON + 2 * HOUR)
    assert inside["total"]["hours"] == pytest.approx(0.5, abs=1e-6)
    assert usage(served, since=NOON + 5 * HOUR)["rows"] == []


def test_an_order_that_runs_counts_up_to_now(served: Served) -> None:
    begin = dt.datetime.now(dt.UTC) - 2 * HOUR
    with_orders(served, (begin, None))
    assert usage(served)["total"]["hours"] >= 1.0


@pytest.mark.parametrize(
    ("group", "names"), [("project", ["vision"]), ("day", ["2026-11-21", "2026-11-20"])]
)
def test_rows_are_projects_or_days(served: Served, group: str, names: list[str]) -> None:
    day = dt.timedelta(days=1)
    with_orders(served, (NOON, NOON + HOUR), (NOON + day, NOON + day + HOUR))
    assert [row["name"] for row in usage(served, group_by=group)["rows"]] == names


def test_rows_beyond_the_limit_are_summed(served: Served) -> None:
    with_orders(served, (NOON, NOON + 3 * HOUR))
    with_orders(served, (NOON, NOON + HOUR))
    found = usage(served, group_by="study", limit=1)
    assert found["rows"][0]["hours"] == pytest.approx(1.5, abs=1e-6)
    assert found["others"]["hours"] == pytest.approx(0.5, abs=1e-6)


def test_slots_of_ones_own_have_hours_and_no_price(served: Served) -> None:
    study = Coordinated(served)
    study.lease()
    with served.database.write() as session:
        session.execute(update(OrderRow).values(created_at=NOON, finished_at=NOON + HOUR))
    (row,) = usage(served, group_by="study")["rows"]
    assert (row["hours"], row["cost"]) == (0.0, 0.0)
    assert row["own_hours"] > 0.9


def test_owners_see_their_own_and_administrators_the_sums_of_all(served: Served) -> None:
    secrets = {
        owner: made_key(served.database, scope, owner=owner)[1]
        for owner, scope in (("ana", "submit"), ("ben", "submit"), ("operator", "admin"))
    }
    for owner in ("ana", "ben"):
        with client_of(served, secrets[owner]) as client:
            with_orders(Served(client, served.database, served.server), (NOON, NOON + HOUR))
    seen = {}
    for owner, secret in secrets.items():
        with client_of(served, secret) as client:
            seen[owner] = [row["name"] for row in client.get("/v1/usage").json()["rows"]]
            studies = client.get("/v1/usage", params={"group_by": "study"}).json()["rows"]
            assert len(studies) == (owner != "operator")
    assert seen == {"ana": ["ana"], "ben": ["ben"], "operator": ["ana", "ben"]}


def test_a_budget_by_cost_takes_the_price_of_the_moment(served: Served) -> None:
    body = {"family": {"name": "mlp"}, "target": {"width": 512}, "budget": {"cost": 30}}
    stored = served.client.post("/v1/studies", json=body).json()["spec"]["budget"]
    assert (stored["cost"], stored["price_per_hour"]) == (30, 3)
