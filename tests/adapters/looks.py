"""An admin client that tells how often a source has looked at something beside its consumer."""

from collections import Counter
from collections.abc import Callable
from typing import Any


class Looks:
    """Passes every call on, and counts them by name."""

    def __init__(self, admin: Any) -> None:
        self._admin = admin
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._admin, name)

        def counted(*args: Any, **more: Any) -> Any:
            self.calls[name] += 1
            return method(*args, **more)

        return counted
