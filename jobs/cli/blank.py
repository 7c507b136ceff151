"""Empty arguments: `pgdex index "$FOLDER"` with a variable that is not set must not mean the present folder."""

from typing import Any

import click

ADVICE = "it is empty (an unset shell variable?)"


def refuse_blank(command: click.Command) -> None:
    """Make every text argument and option of `command` refuse an empty one, with a usage error that names it."""
    for parameter in command.params:
        # What a command hands on as it is (psql's own options) may well be empty.
        if parameter.type is not click.UNPROCESSED and not getattr(parameter.callback, "refuses_blank", False):
            parameter.callback = _refusing(parameter.callback)


def _refusing(callback: Any) -> Any:
    def check(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        given = value if isinstance(value, tuple | list) else (value,)
        if any(isinstance(one, str) and not one.strip() for one in given):
            raise click.BadParameter(f"{ADVICE}.", ctx=ctx, param=parameter)
        return value if callback is None else callback(ctx, parameter, value)

    check.refuses_blank = True  # type: ignore[attr-defined]
    return check
