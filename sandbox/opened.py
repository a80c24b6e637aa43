"""What is there for as long as it is entered: parts that are opened in turn, and closed the other way round."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self


class Opened:
    """Opens its parts when it is entered; what was opened before one that fails is closed again."""

    def open_parts(self, stack: ExitStack) -> None:
        """Enter each part on the stack."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.open_parts(stack)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()
