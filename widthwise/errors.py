"""The client's errors, whose texts say what to change."""

from typing import Any

from parametrization.text.visible import visible


class WidthwiseError(Exception):
    """The service could not be reached, or refused; the text says what to change."""

    @property
    def is_temporary(self) -> bool:
        """True if the same request may succeed later."""
        return False


class Unreachable(WidthwiseError):
    """Nothing answers at the address."""

    def __init__(self, address: str, cause: str) -> None:
        super().__init__(
            f"no Widthwise service answers at {address} ({cause}).\n"
            "Start one with `widthwise up`, or name its address with --address"
            " or WIDTHWISE_ADDRESS."
        )
        self.address = address

    @property
    def is_temporary(self) -> bool:
        """True: the service may start again."""
        return True


class Refused(WidthwiseError):
    """The service answered with a problem document (RFC 9457).

    Attributes:
        status: HTTP status of the answer.
        problem: the document; its `errors` hold one {pointer, detail} per bad field.

    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__("\n".join(map(visible, _lines(status, problem))))
        self.status = status
        self.problem = problem

    @property
    def is_temporary(self) -> bool:
        """True for an error of the service itself."""
        return self.status >= 500


def _lines(status: int, problem: dict[str, Any]) -> list[str]:
    title = str(problem.get("title") or f"the service answered with status {status}")
    detail = str(problem.get("detail") or "")
    errors = [
        f"{error.get('pointer') or '/'}: {error.get('detail', '')}"
        for error in problem.get("errors") or []
    ]
    if len(errors) > 1:
        return [f"{title}:", *(f"  {error}" for error in errors)]  # of which detail is a summary
    told = errors[0] if errors else detail
    return [f"{title}: {told}" if told and told != title else title]
