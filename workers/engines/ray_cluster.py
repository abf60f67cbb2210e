"""Join a Ray cluster from this process, and leave it again.

Ray is an optional package (`widthwise[cluster]`): it is imported when a cluster is joined.
"""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ANSWER_SECONDS: Final = 5.0
NAMESPACE: Final = "widthwise"
HEAD_GONE_SECONDS: Final = 10
"""A head that does not answer for so long ends the processes that have joined its cluster."""
HEALTH: Final = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 5,
}
"""Of a head: a node that is silent for five checks is dead; by itself Ray takes a minute to say so.
`RAY_health_check_period_ms=1000` and so on in the environment of `ray start --head` do the same."""
_ENVIRONMENT: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": str(HEAD_GONE_SECONDS),
}
"""No usage statistics leave this machine; workers hide GPUs by themselves."""


_REMEDY: Final = (
    "Start it (ray start --head), or name another by RAY_ADDRESS; a node of its cluster has to run"
    " on this machine. WIDTHWISE_ENGINE=local trains on this machine alone"
)


class ClusterUnreachable(RuntimeError):
    """There is no Ray cluster to join, or no Ray to join it with."""


class ClusterUnfit(RuntimeError):
    """No slot of the cluster can be used, each for a reason of its own."""


def settle_ray() -> None:
    """Set what Ray reads from the environment when it is first imported, unless it is set."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def joined_cluster(address: str | None = None) -> Iterator[None]:
    """Join the cluster as a driver, until the block ends.

    If the head dies, Ray ends this process (exit status 1) after HEAD_GONE_SECONDS. A supervisor
    has to start it again; it then joins the cluster that is there.

    Args:
        address: `host:port` of the head; None for RAY_ADDRESS, or the cluster that this machine is
            a node of. A node of the cluster has to run on this machine.

    Raises:
        ClusterUnreachable: if it cannot be joined, with what to do about it.

    """
    settle_ray()
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ClusterUnreachable(
            "the Ray engine needs Ray, which is not installed: pip install 'widthwise[cluster]'"
        ) from error
    named = address or os.environ.get("RAY_ADDRESS", "auto")
    _require_answer(named)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        ray.init(
            named,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterUnreachable(
            f"no Ray cluster can be joined at {named}: {error}. {_REMEDY}"
        ) from error
    finally:
        for number, handler in handlers.items():  # Ray's own would end the process in mid-write
            signal.signal(number, handler)
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Refuse an address that does not answer: Ray itself would wait, then end this process."""
    if address.startswith("ray://"):
        raise ClusterUnreachable(
            f"RAY_ADDRESS={address} is that of a Ray client: name the head itself, `host:6379`, and"
            " start a node of its cluster on this machine (ray start --address=host:6379)"
        )
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return  # `auto`: Ray looks for a node on this machine
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except OSError as error:
        raise ClusterUnreachable(f"no Ray head answers at {address} ({error}). {_REMEDY}") from None
