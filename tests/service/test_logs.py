"""The log: one line of key=value pairs for whatever is logged, by whichever library."""

import subprocess
import sys

_SCRIPT = """
import logging, structlog
from service.logs import configure_logs
configure_logs("tuner")
structlog.get_logger().info("leading", engine="ray")
fields = {"study": "std_1", "order": "ord_1", "message": "killed\\x1b[2J", "reason": None}
logging.getLogger("tuner.storage.events").warning("order.lost", extra={"fields": fields})
logging.getLogger("tuner").debug("unheard")
logging.getLogger("elsewhere").info("unheard")
logging.getLogger("elsewhere").warning("heard of %s", "that")
try:
    raise ValueError("two\\nlines")
except ValueError:
    logging.getLogger("workers").exception("failed")
"""


def test_every_line_is_one_event_with_its_ids() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True
    )
    assert ended.stdout == ""
    lines = [line.partition(" ")[2] for line in ended.stderr.splitlines()]
    assert lines[:3] == [
        "level=info process=tuner event=leading engine=ray",
        "level=warning process=tuner event=order.lost study=std_1 order=ord_1"
        " message=killed\\u001b[2J reason=",
        'level=warning process=tuner event="heard of that" logger=elsewhere',
    ]
    assert len(lines) == 4
    assert lines[3].startswith("level=error process=tuner event=failed exception=")
    assert all(line.startswith("timestamp=") for line in ended.stderr.splitlines())
