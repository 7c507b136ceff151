"""From a syntax tree to pieces: definitions whole where they fit, else their members or statements.

The tree is walked at the level of definitions only. A node is opened when it is too large for one
chunk, and then only its children are looked at; nothing recurses, so the depth of a tree does not
matter, and each node is looked at a bounded number of times.
"""

from dataclasses import dataclass
from itertools import pairwise

from tree_sitter import Node

from pgdex.indexer.chunking.c_lines import add_by_lines
from pgdex.indexer.chunking.definitions import FUNCTION_LIKE, Named, definition_of, definitions_in
from pgdex.indexer.chunking.embedded import embedded_code
from pgdex.indexer.chunking.grammar import Grammar, Trait
from pgdex.indexer.chunking.hazards import LONGEST_LINE, readable
from pgdex.indexer.chunking.line_definitions import Parsed, add_line_definitions
from pgdex.indexer.chunking.lines import Lines, by_lines, line_pieces
from pgdex.indexer.chunking.model import Definition, Limits, Piece
from pgdex.indexer.chunking.parsing import Watch, parse
from pgdex.indexer.chunking.second_reading import MACRO_GRAMMARS, best_reading
from pgdex.indexer.chunking.tables import grammar_of

_ABORT_CHECK_EVERY = 256


@dataclass(slots=True, eq=False)
class _Unit:
    """Consecutive lines with the nodes that are on them."""

    start: int
    stop: int
    nodes: list[Node]
    grammar: Grammar
    # The innermost definition that was cut and of which this is a part.
    owner: Definition | None = None
    # The definition that these lines are.
    named: Named | None = None
    # Cut definitions whose first lines these are.
    begins: tuple[Definition, ...] = ()
    # Comments and attributes only, which belong to what follows up to `reach`.
    leading: bool = False
    reach: int = 0
    # Whether any of the nodes may be a definition or have some inside.
    looks_inside: bool = False

    def part(self, start: int, stop: int) -> "_Unit":
        """Some of the lines, without their nodes."""
        return _Unit(start, stop, [], self.grammar, self.owner)


def syntax_pieces(lines: Lines, source: bytes, grammar_name: str, limits: Limits, watch: Watch) -> list[Piece]:
    """The pieces of a text by the grammar of its language, in order and without gaps; by lines where it is not safe to
    parse."""
    safe_source = readable(lines, source, grammar_name)
    if safe_source is None:
        return line_pieces(lines, limits)
    root = parse(safe_source, grammar_name, watch).root_node
    root, grammar_name = best_reading(root, safe_source, grammar_name, watch)
    cutter = _Cutter(lines, source, limits, watch)
    pieces = cutter.cut(root, grammar_of(grammar_name))
    if grammar_name in MACRO_GRAMMARS:
        add_by_lines(lines, root, pieces)
    for parsed in (Parsed(root, grammar_name, 0, lines.count), *cutter.embedded):
        add_line_definitions(lines, parsed, pieces, watch)
    return pieces


class _Cutter:
    def __init__(self, lines: Lines, source: bytes, limits: Limits, watch: Watch) -> None:
        self._lines = lines
        self._source = source
        self._limits = limits
        self._watch = watch
        self._pieces: list[Piece] = []
        # What was parsed by other grammars.
        self.embedded: list[Parsed] = []

    def cut(self, root: Node, grammar: Grammar) -> list[Piece]:
        whole = _Unit(0, self._lines.count, [root], grammar)
        stack = self._units(_expand(grammar, whole.nodes, None)[0], whole, glue=True)
        stack.reverse()
        offsets = self._lines.offsets
        seen = 0
        while stack:
            seen += 1
            if seen % _ABORT_CHECK_EVERY == 0:
                self._watch.check_abort()
            unit = stack.pop()
            size = offsets[unit.stop] - offsets[unit.start]
            injected = self._inject(unit) if unit.grammar.injections else None
            if injected is not None:
                stack.extend(reversed(injected))
            elif unit.stop - unit.start == 1 or self._fits(unit, size):
                self._emit(unit, size)
            else:
                parts = self._open(unit)
                if parts is None:
                    self._emit_lines(unit)
                else:
                    stack.extend(reversed(parts))
        _drop_prototypes(self._pieces)
        return self._pieces

    def _fits(self, unit: _Unit, size: int) -> bool:
        """Whether a unit of so many characters stays whole; statements of a cut function are kept smaller than chunks,
        so that there are enough places between which to choose."""
        owner = unit.owner
        if unit.named is None and owner is not None and owner.kind in FUNCTION_LIKE:
            return size <= self._limits.target // 2
        return size <= self._limits.maximum

    # -- opening: a unit that is too large becomes several

    def _open(self, unit: _Unit) -> list[_Unit] | None:
        """Smaller units for the same lines; None where the tree tells nothing more."""
        named = unit.named
        if named is not None:
            parts = self._separate(unit, named)
            if parts is not None:
                return parts
            unit.begins = (*unit.begins, *named.definitions)
            unit.owner = named.definition
        nodes = unit.nodes
        while True:
            nodes, changed = _expand(unit.grammar, nodes, named)
            if not changed:
                return None
            named = None
            units = self._units(nodes, unit, glue=True)
            if len(units) > 1:
                units[0].begins = unit.begins
                return units

    def _separate(self, unit: _Unit, named: Named) -> list[_Unit] | None:
        """A definition's own lines apart from the comments and attributes above it."""
        units = self._units(unit.nodes, unit, glue=False)
        if len(units) < 2:
            return None
        for part in units:
            if part.named is not None and part.named.node == named.node:
                part.named = named
            else:
                part.owner = named.definition
        units[0].begins = unit.begins
        return units

    # -- units: which lines belong together

    def _units(self, nodes: list[Node], parent: _Unit, *, glue: bool) -> list[_Unit]:
        """One unit per node on lines of its own; with `glue`, comments join what follows them."""
        grammar = parent.grammar
        traits = grammar.traits
        owner = parent.owner
        in_function = owner is not None and owner.kind in FUNCTION_LIKE
        first_row, last_row = parent.start, parent.stop
        units: list[_Unit] = []
        current: _Unit | None = None
        for node in nodes:
            start = node.start_point[0]
            stop, column = node.end_point
            if column or stop == start:
                stop += 1
            if start >= last_row or stop <= first_row:
                continue
            trait = traits[node.kind_id]
            if current is not None and (
                start < current.stop or (glue and (trait.follows or (current.leading and start <= current.reach)))
            ):
                current.nodes.append(node)
                if stop > current.stop:
                    current.reach += stop - current.stop
                    current.stop = stop
                current.leading = current.leading and trait.leads
            else:
                apart = current is None or start > current.stop
                if apart and current is not None and current.leading and glue:
                    _give_back(units)
                current = _Unit(start, stop, [node], grammar, owner)
                current.leading = trait.leads
                # A comment with a blank line above it reaches over one below it.
                current.reach = stop + 1 if apart else stop
                units.append(current)
            if (trait.looks_inside or trait.names) and not (in_function and trait.only_variable):
                current.looks_inside = True
                if trait.names and current.named is None:
                    current.named = definition_of(grammar, node, owner, self._source)
                    if grammar.clauses and glue:
                        current = self._continued(units)
        return self._close_gaps(units, parent)

    def _close_gaps(self, units: list[_Unit], parent: _Unit) -> list[_Unit]:
        """The units with the lines between them, which are blank and belong to what precedes them."""
        if not units:
            return [parent.part(parent.start, parent.stop)]
        units[0].start = parent.start
        for unit, after in pairwise(units):
            unit.stop = after.start
        units[-1].stop = parent.stop
        if self._lines.longest <= LONGEST_LINE:
            return units
        return [part for unit in units for part in self._without_unread(unit)]

    def _without_unread(self, unit: _Unit) -> list[_Unit]:
        """A unit apart from the lines at its end that the parser was not given."""
        last_node_row = max(node.end_point[0] for node in unit.nodes)
        for row in range(last_node_row + 1, unit.stop):
            if self._lines.size(row, row + 1) > LONGEST_LINE:
                rest = unit.part(row, unit.stop)
                unit.stop = row
                return [unit, rest]
        return [unit]

    def _continued(self, units: list[_Unit]) -> _Unit:
        """The last unit, joined to the one before where both are clauses of one function."""
        unit = units[-1]
        before = units[-2] if len(units) > 1 else None
        if (
            before is None
            or before.named is None
            or unit.named is None
            or before.named.definition.symbol != unit.named.definition.symbol
            or self._lines.size(before.start, unit.stop) > self._limits.maximum
        ):
            return unit
        before.nodes += unit.nodes
        before.stop = unit.stop
        units.pop()
        return before

    # -- code in another language: <script>, <style>

    def _inject(self, unit: _Unit) -> list[_Unit] | None:
        """An element's tags apart, and between them the units of the code that it holds."""
        code = embedded_code(unit.grammar, unit.nodes, self._source)
        if code is None or code.stop >= unit.stop:
            return None
        safe_source = readable(self._lines, self._source, code.grammar)
        if safe_source is None:
            return None
        tree = parse(safe_source, code.grammar, self._watch, within=code.place)
        inner = _Unit(code.start, code.stop, [tree.root_node], grammar_of(code.grammar))
        self.embedded.append(Parsed(tree.root_node, code.grammar, code.start, code.stop))
        nodes, _ = _expand(inner.grammar, inner.nodes, None)
        opening = unit.part(unit.start, code.start)
        opening.begins = unit.begins
        return [opening, *self._units(nodes, inner, glue=True), unit.part(code.stop, unit.stop)]

    # -- pieces

    def _emit(self, unit: _Unit, size: int) -> None:
        defines: list[Definition] = []
        if unit.named is not None:
            unit.named.definition.size = size
            defines = list(unit.named.definitions)
        if unit.looks_inside and size <= self._limits.maximum:
            defines = definitions_in(unit.grammar, unit.nodes, unit.owner, unit.named, self._source)
        self._append(unit, unit.start, unit.stop, defines)

    def _emit_lines(self, unit: _Unit) -> None:
        starts = by_lines(self._lines, unit.start, unit.stop, self._limits)
        for start, stop in pairwise([*starts, unit.stop]):
            self._append(unit, start, stop, [])
            unit.begins = ()

    def _append(self, unit: _Unit, start: int, stop: int, defines: list[Definition]) -> None:
        if unit.begins:
            for definition in unit.begins:
                definition.size = self._lines.size(start, stop)
            defines = [*unit.begins, *defines]
        self._pieces.append(Piece(start, stop, unit.owner, defines))


def _drop_prototypes(pieces: list[Piece]) -> None:
    """A function that stands in the file is not defined by what declares it there as well."""
    if not any(definition.is_prototype for piece in pieces for definition in piece.defines):
        return
    bodies = {d.symbol for piece in pieces for d in piece.defines if not d.is_prototype}
    for piece in pieces:
        piece.defines = [d for d in piece.defines if not (d.is_prototype and d.symbol in bodies)]


def _expand(grammar: Grammar, nodes: list[Node], named: Named | None) -> tuple[list[Node], bool]:
    """The children of nodes, those of bodies and of the definition's node as well; and whether there are any."""
    traits = grammar.traits
    core = None if named is None else named.node
    result: list[Node] = []
    changed = False
    for node in nodes:
        children = node.children
        if not children:
            result.append(node)
            continue
        changed = True
        stack = [iter(children)]
        while stack:
            for child in stack[-1]:
                trait = traits[child.kind_id]
                if trait.opens or (core is not None and _leads_to(child, core, trait)):
                    children = child.children
                    if children:
                        stack.append(iter(children))
                        break
                result.append(child)
            else:
                stack.pop()
    return result, changed


def _give_back(units: list[_Unit]) -> None:
    """A comment right below some code, and with a blank line below it, to that code."""
    comment = units[-1]
    if len(units) > 1 and comment.start == units[-2].stop:
        units.pop()
        units[-1].nodes += comment.nodes
        units[-1].stop = comment.stop


def _leads_to(node: Node, named: Node, trait: Trait) -> bool:
    """Whether a node is the one that its definition is named by, or wraps it."""
    if trait.wraps:
        return node.start_byte <= named.start_byte and named.end_byte <= node.end_byte
    return node.start_byte == named.start_byte and node == named
