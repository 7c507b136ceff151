"""Starting the servers of several registrations, each different way once."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdex.jobs.agents.machine import Machine
    from pgdex.jobs.agents.proof import Proof
    from pgdex.jobs.agents.registered import Registration


def proofs_of(
    registrations: "Iterable[Registration]", machine: "Machine", *, folder: Path
) -> "Iterator[tuple[Registration, Proof]]":
    """What came of each. Agents of the desktop start a server in the home folder, the others in `folder`, or all of
    them in the project's. Registrations without a command are passed over; what somebody else may have written into a
    project's files is not started."""
    from pgdex.jobs.agents.proof import Proof, prove, variables_of
    from pgdex.jobs.agents.registered import reason_not_to_start

    done: dict[tuple[object, ...], Proof] = {}
    for one in registrations:
        if one.launch is None:
            continue
        variables = variables_of(one.client.environment, one.launch, machine)
        reason = reason_not_to_start(one, variables.get("PATH", os.defpath))
        if reason is not None:
            yield one, Proof(works=False, said=f"not started: {reason}", was_tried=False)
            continue
        place = one.project or (machine.home if one.client.environment == "desktop" else folder)
        way = (one.launch.program, one.launch.arguments, tuple(sorted(variables.items())), place)
        if way not in done:
            done[way] = prove(one.launch, variables, place)
        yield one, done[way]
