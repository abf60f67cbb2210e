"""Print the round-trip table of exports: `python -m benchmarks.exports --json`.

Every form of an example recommendation is read back, by the documented formula of its framework
and by the framework's own code, where it is installed here or in .venv-exports (`make
test-exports`). With `--output`, the table of docs/exports.md
follows by `python -m benchmarks.documents.exports`.
"""

from benchmarks.exports.round_trips import rows
from benchmarks.report import command_line, give


def main() -> None:
    """Read the command line and print."""
    parser = command_line("Round trips of every export")
    given = parser.parse_args()
    give({"rows": list(rows())}, given)


if __name__ == "__main__":
    main()
