"""The demonstration on a Ray cluster: two nodes on this machine, stopped again after it."""

import os
import signal
import sys

from scripts import demo
from workers.engines.ray_nodes import local_cluster

NODES = 2


def main() -> None:
    """Run the demonstration on a cluster of its own; its arguments and its exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the cluster is stopped
    cores = max(1, len(os.sched_getaffinity(0)) // NODES)
    with local_cluster(NODES, cores) as cluster:
        demo.out.print(f"Ray cluster at {cluster.address}: {NODES} nodes, {cores} cores each")
        os.environ["RAY_ADDRESS"] = cluster.address
        demo.main()


if __name__ == "__main__":
    main()
