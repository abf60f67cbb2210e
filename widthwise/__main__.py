"""Run the command as `python -m widthwise`."""

from widthwise.cli.commands import app

app(prog_name="widthwise")
