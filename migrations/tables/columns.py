"""The schema that all tables are in, and the kinds of columns that many of them have."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    MetaData,
    func,
    text,
)

SCHEMA = "pgdex"
metadata = MetaData(schema=SCHEMA)


def timestamp(name: str, *, default: bool = False) -> Column[object]:
    """A point in time; with `default`, the moment of the insert."""
    kind = DateTime(timezone=True)
    if default:
        return Column(name, kind, nullable=False, server_default=func.clock_timestamp())
    return Column(name, kind)


def count(name: str, *, wide: bool = False) -> Column[int]:
    """A number that starts at 0; `wide` for those that may pass two thousand million."""
    kind = BigInteger() if wide else Integer()
    return Column(name, kind, nullable=False, server_default=text("0"))


def amount(name: str, default: str = "0") -> Column[float]:
    """A number with a fraction."""
    return Column(name, Float(53), nullable=False, server_default=text(default))


def flag(name: str) -> Column[bool]:
    """False unless it is set."""
    return Column(name, Boolean, nullable=False, server_default=text("false"))
