"""The benchmark of the coordinator runs a whole study and counts its reports."""

from benchmarks.service_load.coordinator import coordinator_load


def test_a_study_is_run_to_its_end_and_every_report_counted() -> None:
    row = coordinator_load(4, "random", "none")
    checks, orders_of_search, measured = 1 + 4, 4, 3 * 7 * 2
    probes = 4  # the proxy width when it searches has more than one trial; then the others
    assert (row["trials"], row["sampler"], row["pruner"]) == (4, "random", "none")
    assert row["reports"] > checks + probes + orders_of_search + measured
    assert row["cpu_milliseconds_per_report"] > 0
    assert row["busy_seconds"] > 0
