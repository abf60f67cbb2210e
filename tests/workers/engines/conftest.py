"""A real Ray cluster of two nodes, for every test of this folder that needs one."""

from collections.abc import Iterator

import pytest

from tests.workers.engines.ray_under_test import ray_nodes
from workers.engines.ray_cluster import joined_cluster
from workers.engines.ray_nodes import LocalCluster

KINDS = ("fast", "slow")


@pytest.fixture(scope="package")  # its dozen processes are not idle when they do nothing
def joined_ray() -> Iterator[LocalCluster]:
    """Two nodes of two cores and of a kind each, and this process a driver of theirs."""
    with ray_nodes(nodes=2, cores=2, kinds=KINDS) as cluster, joined_cluster(cluster.address):
        yield cluster
