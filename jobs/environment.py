"""Settings as environment variables: a class declares them as fields, with their types, limits and meanings.

Not pydantic-settings: every command and every worker reads its settings first, and with pydantic that was 0.1 s of
importing, more than all else that a command does by itself.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, Final, NamedTuple, Self, get_args, get_type_hints

TRUE: Final = frozenset({"1", "on", "true", "yes", "t", "y"})
FALSE: Final = frozenset({"0", "off", "false", "no", "f", "n"})


class Secret:
    """A text that nothing shows by accident: no message, no traceback, no log."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        """Asterisks."""
        return "Secret('**********')" if self._text else "Secret('')"

    def __eq__(self, other: object) -> bool:
        """Whether it is the same text."""
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        """Of the text."""
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `default`, or what `default_factory` makes; what it must be at least (`ge`), above (`gt`), at most
    (`le`), or match (`pattern`); what it is for; and what makes another value of it, or raises ValueError."""

    default: Any = None
    default_factory: Callable[[], Any] | None = None
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    pattern: str | None = None
    description: str = ""
    check: Callable[[Any], Any] | None = None

    def checked(self, value: Any, kind: type) -> Any:
        """`value` as a `kind` within the limits. Raises ValueError, whose message does not hold it."""
        value = _converted(value, kind)
        if self.ge is not None and value < self.ge:
            raise ValueError(f"it must be at least {self.ge:,}")
        if self.gt is not None and value <= self.gt:
            raise ValueError(f"it must be above {self.gt:,}")
        if self.le is not None and value > self.le:
            raise ValueError(f"it must be at most {self.le:,}")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise ValueError(f"it must match {self.pattern}")
        return value if self.check is None else self.check(value)


def setting(
    default: Any = None,
    *,
    default_factory: Callable[[], Any] | None = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    pattern: str | None = None,
    description: str,
    check: Callable[[Any], Any] | None = None,
) -> Any:
    """A field of a class of settings; see `Setting`."""
    return Setting(default, default_factory, ge, gt, le, pattern, description, check)


class Declared(NamedTuple):
    """A setting as its class declares it: a `kind`, or None as well where it `is_optional`."""

    setting: Setting
    kind: type
    is_optional: bool


class UnusableValue(ValueError):
    """A setting's value can't be used; the message says why and never holds it: it may be a key."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class Environment:
    """An immutable set of settings. Equal where all of its values are."""

    prefix: ClassVar[str] = ""
    given: frozenset[str]
    """The fields that were given, and not left at their defaults."""

    def __init__(self, **given: Any) -> None:
        """Raises UnusableValue, and TypeError for a name that is no setting."""
        known = self.known()
        if unknown := given.keys() - known.keys():
            raise TypeError(f"{type(self).__name__} has no setting {', '.join(sorted(unknown))}")
        for name, (declared, kind, is_optional) in known.items():
            if name not in given:
                value = declared.default if declared.default_factory is None else declared.default_factory()
            else:
                value = given[name]
            if value is not None or not is_optional:
                try:
                    value = declared.checked(value, kind)
                except ValueError as error:
                    raise UnusableValue(name, str(error)) from None
            self.__dict__[name] = value
        self.__dict__["given"] = frozenset(given)

    @classmethod
    @cache
    def known(cls) -> dict[str, Declared]:
        """The settings of the class by name."""
        found = {}
        for name, hint in get_type_hints(cls).items():
            declared = getattr(cls, name, None)
            if isinstance(declared, Setting):
                kinds = [one for one in get_args(hint) if one is not NoneType] or [hint]
                found[name] = Declared(declared, kinds[0], NoneType in get_args(hint))
        return found

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """From the variables whose names begin with the prefix; an empty one counts as unset. Raises UnusableValue."""
        names = {name: f"{cls.prefix}{name.upper()}" for name in cls.known()}
        return cls(**{name: value for name, variable in names.items() if (value := variables.get(variable))})

    def with_values(self, **changes: Any) -> Self:
        """The same settings with others of these values. Raises UnusableValue."""
        return type(self)(**{name: self.__dict__[name] for name in self.given} | changes)

    def __setattr__(self, name: str, value: Any) -> None:
        """Raises AttributeError: nothing changes."""
        raise AttributeError(f"settings are immutable: {name}")

    def __eq__(self, other: object) -> bool:
        """Whether all values are the same."""
        return type(other) is type(self) and other._values() == self._values()

    def __hash__(self) -> int:
        """Of all values."""
        return hash(self._values())

    def __repr__(self) -> str:
        """Those that were given; secrets as asterisks."""
        return f"{type(self).__name__}({', '.join(f'{name}={self.__dict__[name]!r}' for name in sorted(self.given))})"

    def _values(self) -> tuple[Any, ...]:
        return tuple(self.__dict__[name] for name in self.known())


def _converted(value: Any, kind: type) -> Any:
    if kind is Secret:
        return value if isinstance(value, Secret) else Secret(str(value))
    if kind is Path:
        return Path(value)
    if kind is bool:
        return value if isinstance(value, bool) else _boolean(str(value))
    if kind is int or kind is float:
        return _number(value, kind)
    if not isinstance(value, kind):
        raise ValueError("it must be a text")  # noqa: TRY004 (what callers catch)
    return value


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError("it must be on or off")
    return word in TRUE


def _number(value: Any, kind: type) -> Any:
    try:
        number = float(value)
        whole = int(number)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"it must be {'an integer' if kind is int else 'a number'}") from None
    if kind is float:
        return number
    if whole != number:
        raise ValueError("it must be an integer")
    return int(value) if isinstance(value, str) and value.strip().lstrip("+-").isdigit() else whole
