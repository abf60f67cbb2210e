"""When a slot is set aside, for how long, and what brings it back."""

from hypothesis import given
from hypothesis import strategies as st

from workers.engines.slot_health import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    SlotHealth,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def dies_in_an_order(health: SlotHealth) -> None:
    health.started()
    health.is_up()
    assert not health.died("ended with SIGKILL")


def test_a_worker_that_dies_once_in_mid_order_may_have_been_killed() -> None:
    health = SlotHealth(Clock())
    dies_in_an_order(health)
    assert health.problem is None
    health.works()
    dies_in_an_order(health)
    assert health.problem is None, "it has worked in between"


def test_a_slot_that_ends_one_order_after_the_other_is_set_aside_for_ever_longer() -> None:
    clock = Clock()
    health = SlotHealth(clock)
    dies_in_an_order(health)
    pauses = []
    for _ in range(12):
        dies_in_an_order(health)
        assert health.problem is not None
        assert "its worker ended with SIGKILL in as many orders, " in health.problem
        since = clock.now
        while not health.may_start:
            clock.now += 0.5
        pauses.append(clock.now - since)
        health.started()
        assert health.problem is not None, "being started proves nothing"
        health.is_up()
        assert health.problem is None, "it is given one more order"
    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert max(pauses) == pauses[-1] == LONGEST_PAUSE_SECONDS
    health.works()
    dies_in_an_order(health)
    assert health.problem is None, "all is forgiven to one that has worked"


def test_a_slot_that_gives_its_own_reason_is_set_aside_at_once() -> None:
    health = SlotHealth(Clock())
    health.started()
    health.is_up()
    health.set_aside("cannot write the checkpoint")
    assert health.problem == "cannot write the checkpoint; it is tried again"
    assert not health.may_start


@given(
    st.lists(
        st.sampled_from(("not up", "in an order", "own reason", "works", "waits")), max_size=30
    )
)
def test_a_slot_takes_orders_exactly_if_it_has_worked_since_its_last_two_deaths_or_is_up(
    events: list[str],
) -> None:
    clock = Clock()
    health, in_a_row, is_up = SlotHealth(clock), 0, False
    for event in events:
        if event == "waits":
            clock.now += LONGEST_PAUSE_SECONDS
            health.started()
            health.is_up()
            is_up = True
        elif event == "works":
            health.works()
            in_a_row = 0
        elif event == "own reason":
            health.set_aside("no room")
            in_a_row, is_up = max(in_a_row + 1, 2), False
        else:
            health.started()
            if event == "in an order":
                health.is_up()
            assert health.died("ended") == (event == "not up")
            in_a_row, is_up = in_a_row + 1, False
        assert (health.problem is None) == (in_a_row < 2 or is_up)
