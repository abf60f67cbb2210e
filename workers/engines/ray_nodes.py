"""Run a Ray cluster of several nodes on this machine, for a demonstration and for tests.

`python -m workers.engines.ray_nodes --nodes 2 --cores 1` prints the head's address and ends its
cluster when its input ends. For every line of its input another node joins, and it prints the
process id of that node's raylet.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from workers.engines.ray_cluster import HEALTH, settle_ray

_STORE_BYTES = 80 * 2**20
"""Of a node's shared memory: orders and reports are small. Ray's least is 75 MiB."""
_PATIENCE = {"health_check_timeout_ms": 10_000}
"""All nodes share one machine, which may be busy: they may be slow, and one that is gone is refused
at once."""


class LocalCluster(NamedTuple):
    """Address and processes of a cluster: a process that dies ends those that it started."""

    address: str
    gcs: int
    """Process id of the head's GCS, the store of the cluster's state."""
    raylets: tuple[int, ...]
    """Process id of each node's raylet, the head's first."""


@contextmanager
def local_cluster(nodes: int, cores: int, port: int | None = None) -> Iterator[LocalCluster]:
    """A head without cores, and nodes with some; they end with the block.

    Args:
        port: the head's; None for a free one.

    """
    with _running(nodes, cores, port, HEALTH | _PATIENCE) as cluster:
        yield _described(cluster)


@contextmanager
def _running(
    nodes: int,
    cores: int,
    port: int | None,
    health: Mapping[str, int],
    kinds: Sequence[str] = (),
) -> Iterator[Any]:
    """Ray's own object for a cluster."""
    settle_ray()
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        os.environ["RAY_TMPDIR"] = folder  # Ray notes the cluster's address in `ray` of it
        (own := Path(folder, "ray")).mkdir()
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                "object_store_memory": _STORE_BYTES,
                "temp_dir": str(own),
                # By default actors make way for everything else on the machine.
                "_system_config": {**health, "worker_niceness": 0},
                **({} if port is None else {"gcs_server_port": port}),
            },
        )
        try:
            for number in range(nodes):
                _add(cluster, cores, kinds[number] if kinds else None)
            yield cluster
        finally:
            cluster.shutdown()  # type: ignore[no-untyped-call]


def _add(cluster: Any, cores: int, kind: str | None = None) -> int:  # noqa: ANN401
    """Let another node join, of a kind if it is named; process id of its raylet."""
    declared = {} if kind is None else {f"accelerator_type:{kind}": 1}
    node = cluster.add_node(num_cpus=cores, object_store_memory=_STORE_BYTES, resources=declared)
    return _process_id(node, "raylet")


def _described(cluster: Any) -> LocalCluster:  # noqa: ANN401  a class that Ray keeps to itself
    nodes = [cluster.head_node, *cluster.worker_nodes]
    return LocalCluster(
        cluster.address,
        _process_id(cluster.head_node, "gcs_server"),
        tuple(_process_id(node, "raylet") for node in nodes),
    )


def _process_id(node: Any, name: str) -> int:  # noqa: ANN401  a class that Ray keeps to itself
    return int(node.all_processes[name][0].process.pid)


def main() -> None:
    """Run a cluster until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--cores", type=int, default=1, help="of each node")
    parser.add_argument("--port", type=int, help="of the head; default: a free one")
    parser.add_argument("--kinds", nargs="*", default=[], help="of each node's devices")
    parser.add_argument(
        "--watchful",
        action="store_true",
        help="give a silent node up as soon as machines of their own would be",
    )
    given = parser.parse_args()
    health = HEALTH if given.watchful else HEALTH | _PATIENCE
    with _running(given.nodes, given.cores, given.port, health, given.kinds) as cluster:
        _print(_described(cluster)._asdict())
        for _ in sys.stdin:
            _print({"raylet": _add(cluster, given.cores)})


def _print(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
