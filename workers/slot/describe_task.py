"""Describe a user's task in a process of its own, which its code may do what it likes with.

`python -m workers.slot.describe_task SOURCE FILE PARENT`, started by `service.registration`: the
answer goes to the file, whatever the code prints.
"""

import json
import sys
from pathlib import Path
from typing import Any

from workers.slot.process import follow_parent_into_death, settle_torch


def main(text: str, answer: Path) -> None:
    """Write `{"registration": ...}`, or `{"problems": ..., "proposals": ...}`."""
    from widthwise.task_source import TaskSource
    from widthwise.task_words import TaskRefused
    from workers.own_tasks.opened import TaskFailed
    from workers.training.task_description import described

    said: dict[str, Any]
    try:
        said = {"registration": described(TaskSource.parse(text)).model_dump(mode="json")}
    except TaskRefused as error:
        said = {"problems": error.problems, "proposals": error.proposals}
    except TaskFailed as error:
        said = {"problems": [str(error)], "proposals": {}}
    unfinished = answer.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(said))
    unfinished.replace(answer)


if __name__ == "__main__":
    follow_parent_into_death(int(sys.argv[3]))
    settle_torch()
    main(sys.argv[1], Path(sys.argv[2]))
