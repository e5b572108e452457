"""How a kind describes what it wants to be told: for its parser, the create form and the API's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Protocol, Self, cast

from probes.contract import InvalidSpec
from probes.hosts import plain_host
from probes.sentences import say

MASK = "********"
"""What is shown in place of a secret, everywhere; given back, it stands for the secret that is kept."""

FAMILIES = {"any": None, "4": 4, "6": 6}
Reader = Callable[[Any, str], Any]
"""Takes what was given and the field's name; answers the value to keep or raises ``InvalidSpec``."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a kind can be told.

    ``type`` is one of url, host, text, number, integer, boolean, choice, object, list.
    """

    name: str
    type: str
    help: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    secret: bool = False
    """May hold a password or a key: never shown again once saved."""


class Spec(Protocol):
    """What every kind's spec class offers. Instances are frozen."""

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Self:
        """Raises ``InvalidSpec`` naming the field that is wrong."""

    @classmethod
    def describe(cls) -> tuple[Field, ...]: ...

    @property
    def dialled_host(self) -> str:
        """The host that will be dialled, for ``guard.refusal_for_host``."""

    @property
    def dialled_field(self) -> str:
        """Which field told that host."""

    @property
    def dialled_port(self) -> int: ...

    @property
    def default_name(self) -> str: ...


def told(
    reader: Reader,
    type: str,  # noqa: A002  # as in Field
    help: str,  # noqa: A002
    *,
    default: Any = MISSING,
    **more: Any,
) -> Any:
    """A dataclass field that knows how to read itself and what to say about itself."""
    metadata = {"reader": reader, "about": {"type": type, "help": help, **more}}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


class Described:
    """Reads and describes a spec class from its fields."""

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Self:
        if not isinstance(data, dict):
            raise InvalidSpec(say("spec must be a JSON object"))
        known = {item.name: item for item in fields(cast(Any, cls))}
        for name in data:
            if name not in known:
                raise InvalidSpec(
                    say("there is no such field; the fields are {names}", names=", ".join(known)), str(name)[:100]
                )
        values = {}
        for name, item in known.items():
            if data.get(name) is not None:
                values[name] = item.metadata["reader"](data[name], name)
            elif item.default is MISSING:
                raise InvalidSpec(say("this field is required"), name)
        return cls(**values)

    @classmethod
    def describe(cls) -> tuple[Field, ...]:
        return tuple(cls._describe_all())

    @classmethod
    def _describe_all(cls) -> Iterator[Field]:
        for item in fields(cast(Any, cls)):
            required = item.default is MISSING
            default = None if required else item.metadata["about"].get("default", item.default)
            about = {key: value for key, value in item.metadata["about"].items() if key != "default"}
            yield Field(name=item.name, default=default, required=required, **about)


# -- readers


def text(maximum: int, *, minimum: int = 1) -> Reader:
    def read(value: Any, name: str) -> str:
        if not isinstance(value, str) or not minimum <= len(value) <= maximum:
            raise InvalidSpec(
                say("must be a text of {minimum} to {maximum} characters", minimum=minimum, maximum=maximum), name
            )
        return value

    return read


def whole_number(low: int, high: int) -> Reader:
    def read(value: Any, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidSpec(say("must be a whole number from {low} to {high}", low=low, high=high), name)
        return value

    return read


def number(low: float, high: float) -> Reader:
    def read(value: Any, name: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InvalidSpec(say("must be a number from {low} to {high}", low=f"{low:g}", high=f"{high:,.0f}"), name)
        return value

    return read


def unless_empty(reader: Reader) -> Reader:
    """Forms send an empty text for what was left out."""

    def read(value: Any, name: str) -> Any:
        return None if value == "" else reader(value, name)

    return read


def yes_or_no(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidSpec(say("must be true or false"), name)
    return value


def read_host(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidSpec(say("must be a host name or an address"), name)
    return plain_host(value.strip(), name)


def read_family(value: Any, name: str) -> str:
    plain = str(value).lower().removeprefix("ipv").removeprefix("v")
    return str(one_of(*FAMILIES)(plain, name))


def one_of(*choices: str) -> Reader:
    by_lower = {choice.lower(): choice for choice in choices}

    def read(value: Any, name: str) -> str:
        choice = by_lower.get(str(value).lower())
        if choice is None:
            raise InvalidSpec(say("must be one of {names}", names=", ".join(choices)), name)
        return choice

    return read


# -- fields of several kinds


def family() -> Any:
    return told(read_family, "choice", "Which Internet Protocol to use", default="any", choices=tuple(FAMILIES))


def slowest_ms() -> Any:
    reader = number(1, 300_000)
    return told(reader, "number", "Slower than this is degraded", default=None, minimum=1, maximum=300_000)


def expiry_days() -> Any:
    words = "Degraded when the certificate expires within so many days (14, or a third of a shorter life)"
    return told(whole_number(0, 365), "integer", words, default=None, minimum=0, maximum=365)


class AtPort(Described):
    """A kind that is told a host and a port, and dials them."""

    host: str
    port: int

    @property
    def dialled_host(self) -> str:
        return self.host

    @property
    def dialled_field(self) -> str:
        return "host"

    @property
    def dialled_port(self) -> int:
        return self.port

    @property
    def default_name(self) -> str:
        return f"{self.host}:{self.port}"
