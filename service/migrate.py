"""Create or upgrade the database: `python -m service.migrate [URL]`."""

import argparse
import sys

from service.settings import settings_or_exit
from tuner.records.errors import TunerError
from tuner.storage.sql.migration import migrate


def main() -> None:
    """Migrate the database at the address given, or the settings' own."""
    parser = argparse.ArgumentParser(prog="python -m service.migrate", description=__doc__)
    parser.add_argument("url", nargs="?", help="default: WIDTHWISE_DATABASE_URL, or SQLite")
    url = parser.parse_args().url or settings_or_exit("service.migrate").url
    try:
        migrate(url)
    except (TunerError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
