"""Modules are loaded without collecting garbage, and are left out of collections afterwards."""

import gc
import subprocess
import sys
from typing import Final

import pytest

from workers.slot.process import loading

SERVING: Final = """
import gc, weakref
import app.main
from workers.slot.process import keep_loaded

loaded = len(gc.get_objects())
keep_loaded()
assert len(gc.get_objects()) < loaded / 10, (loaded, len(gc.get_objects()))

class Circle:
    def __init__(self):
        self.itself = self

circle = weakref.ref(Circle())
gc.collect()
assert circle() is None
"""


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


def test_what_a_serving_process_has_loaded_stays_out_of_collections_that_go_on() -> None:
    subprocess.run([sys.executable, "-c", SERVING], check=True)
