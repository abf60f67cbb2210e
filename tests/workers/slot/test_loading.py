"""Modules are loaded without collecting garbage, and are left out of collections afterwards."""

import gc

import pytest

from workers.slot.process import loading


def test_nothing_is_collected_while_modules_load() -> None:
    begun: list[str] = []

    def note(phase: str, _: dict[str, int]) -> None:
        begun.append(phase)

    gc.callbacks.append(note)
    try:
        with loading():
            made: list[list[object]] = [[] for _ in range(10 * gc.get_threshold()[0])]
    finally:
        gc.callbacks.remove(note)
        gc.unfreeze()
    assert made
    assert not begun


def test_what_was_loaded_is_not_looked_at_again() -> None:
    with loading():
        loaded: list[object] = []
    try:
        assert gc.isenabled()
        assert not any(one is loaded for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_garbage_is_collected_again_after_a_failed_import() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    gc.unfreeze()
    assert gc.isenabled()
