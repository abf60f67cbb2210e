"""What a process has loaded is not looked through for garbage again; what comes later is."""

import subprocess
import sys

CODE = """
import gc, weakref
import app.main
from service.garbage import keep_loaded

before = len(gc.get_objects())
keep_loaded()
assert len(gc.get_objects()) < before / 10, (before, len(gc.get_objects()))

class Circle:
    def __init__(self):
        self.itself = self

circle = weakref.ref(Circle())
gc.collect()
assert circle() is None
"""


def test_what_is_loaded_stays_out_of_collections_that_go_on() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True)
