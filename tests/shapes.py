"""How annotations are checked while testing."""

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

# An int is welcome where a float is, as the static type checker has it.
_watch = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function):
    """beartype, where it can read the annotations.

    It reads neither `Self` in a method nor a Protocol that is not `@runtime_checkable`; such a
    function is left to the static type checker.
    """
    try:
        return _watch(function)
    except BeartypeDecorHintException:
        return function
