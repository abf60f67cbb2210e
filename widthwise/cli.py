"""The `widthwise` command."""
