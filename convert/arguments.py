"""What constructors of networks say about their arguments."""

import inspect
from typing import Any


def defaults(network: Any) -> dict[str, Any]:
    """The arguments that a network's constructor has by itself."""
    fields = inspect.signature(network.__init__).parameters.values()
    return {field.name: field.default for field in fields if field.default is not field.empty}
