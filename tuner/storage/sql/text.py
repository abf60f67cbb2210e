"""Text that every database can store."""


def storable(text: str | None) -> str | None:
    """Replace what PostgreSQL and UTF-8 refuse: NUL and lone surrogates.

    Messages of errors raised in training can hold anything.
    """
    if text is None:
        return None
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
