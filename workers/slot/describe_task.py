"""Describe a user's task in a process of its own, which its code may do what it likes with.

`python -m workers.slot.describe_task SOURCE FILE PARENT`, started by `service.registration`: the
answer goes to the file, whatever the code prints.
"""

import faulthandler
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from workers.slot.process import follow_parent_into_death, loading, settle_torch

STANDING: Final = ".standing"
"""Ending of the file beside the answer that says, on SIGUSR1, where the code stands."""


def main(text: str, answer: Path) -> None:
    """Write `{"registration": ...}`, or `{"problems": ..., "proposals": ...}`."""
    from workers.device.heartbeat import end_copies

    with answer.with_suffix(STANDING).open("w") as standing:
        faulthandler.register(signal.SIGUSR1, file=standing)
        said = _said(text)
        end_copies()  # that importing the file has forked
        unfinished = answer.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(said))
        unfinished.replace(answer)
        sys.stderr.flush()
        os._exit(0)  # without waiting for threads that the code has left


def _said(text: str) -> dict[str, Any]:
    from widthwise.task_source import TaskSource
    from widthwise.task_words import TaskRefused
    from workers.device.heartbeat import watch_for_copies
    from workers.device.out_of_memory import free_bytes, limit_memory
    from workers.own_tasks.opened import TaskFailed
    from workers.training.task_description import described

    watch_for_copies()
    if free := free_bytes():
        limit_memory(free)
    try:
        return {"registration": described(TaskSource.parse(text)).model_dump(mode="json")}
    except TaskRefused as error:
        return {"problems": error.problems, "proposals": error.proposals}
    except TaskFailed as error:
        return {"problems": [str(error)], "proposals": {}}


if __name__ == "__main__":
    follow_parent_into_death(int(sys.argv[3]))
    with loading():
        settle_torch()
    main(sys.argv[1], Path(sys.argv[2]))
