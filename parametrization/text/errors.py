"""Texts of errors that other people's code raises."""


def error_text(error: BaseException) -> str:
    """The error's text; empty where its class fails to give one."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  whatever that code raises
        return ""
