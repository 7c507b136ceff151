"""Plots as SVG, written by hand: lines over an axis, and bars made of parts. Colours that do in light and dark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from pathlib import Path

IMAGES = Path(__file__).parent.parent / "docs" / "images"
COLOURS = ("#3b82c4", "#d9822b", "#3d9950", "#b04fa0", "#8a8d91", "#c23030", "#1f9e9e")
WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 72, 20, 52, 48
STYLE = "font-family:system-ui,sans-serif;font-size:12px;fill:#7a7f87"


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows. A logarithmic one (base 2 or 10 alike) has its ticks at the values of the points."""

    label: str
    logarithmic: bool = False


def line_chart(
    path: Path, *, title: str, x: Axis, y: Axis, series: Mapping[str, Sequence[tuple[float, float]]]
) -> None:
    """Write lines, one for each name in `series`. Linear axes begin at zero."""
    points = [point for line in series.values() for point in line]
    if not points:
        raise ValueError(f"nothing to draw in {title!r}")
    across = _scale([px for px, _ in points], x, start=LEFT, end=WIDTH - RIGHT)
    up = _scale([py for _, py in points], y, start=HEIGHT - BOTTOM, end=TOP)
    parts = [*_frame(title, x.label, y.label)]
    for value in across.ticks:
        at = across(value)
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_number(value)}</text>')
    for value in up.ticks:
        at = up(value)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#8884" stroke-width="1"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        way = " ".join(f"{across(px):.1f},{up(py):.1f}" for px, py in line)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(line) <= 12:
            parts += [f'<circle cx="{across(px):.1f}" cy="{up(py):.1f}" r="3.5" fill="{colour}"/>' for px, py in line]
        parts += _legend(number, name, colour, of=len(series))
    _write(path, parts)


def stacked_bars(path: Path, *, title: str, label: str, bars: Mapping[str, Mapping[str, float]]) -> None:
    """Write one horizontal bar for each name in `bars`, made of its parts in their order."""
    names = list(dict.fromkeys(part for bar in bars.values() for part in bar))
    axis = Axis(label)
    across = _scale([sum(bar.values()) for bar in bars.values()], axis, start=LEFT + 60, end=WIDTH - RIGHT)
    room = (HEIGHT - TOP - BOTTOM) / max(1, len(bars))
    parts = [*_frame(title, label, "")]
    for value in across.ticks:
        at = across(value)
        parts.append(f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#8884" stroke-width="1"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_number(value)}</text>')
    for row, (bar_name, bar) in enumerate(bars.items()):
        top = TOP + room * (row + 0.2)
        parts.append(
            f'<text x="{LEFT + 52}" y="{top + room * 0.3 + 4:.1f}" text-anchor="end">{escape(bar_name)}</text>'
        )
        done = 0.0
        for name in names:
            value = bar.get(name, 0.0)
            begin, end = across(done), across(done + value)
            done += value
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(
                f'<rect x="{begin:.1f}" y="{top:.1f}" width="{end - begin:.1f}" height="{room * 0.6:.1f}"'
                f' fill="{colour}"><title>{escape(name)}: {value:.2f}</title></rect>'
            )
    for number, name in enumerate(names):
        parts += _legend(number, name, COLOURS[number % len(COLOURS)], of=len(names))
    _write(path, parts)


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = log10(low), log10(high), log10(value)
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)


def _scale(values: Sequence[float], axis: Axis, *, start: float, end: float) -> _Scale:
    if axis.logarithmic:
        if min(values) <= 0:
            raise ValueError(f"a logarithmic axis ({axis.label}) can't show {min(values)}")
        ticks = tuple(sorted(set(values)))
        if len(ticks) > 8:
            ticks = tuple(10.0**n for n in range(floor(log10(ticks[0])), ceil(log10(ticks[-1])) + 1))
        return _Scale(min(ticks), max(ticks), start, end, logarithmic=True, ticks=ticks)
    highest = max([*values, 0.0])
    ticks = nice_ticks(highest)
    return _Scale(0.0, ticks[-1], start, end, logarithmic=False, ticks=ticks)


def nice_ticks(highest: float) -> tuple[float, ...]:
    """From zero to at least `highest` in four to eight steps of 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return (0.0, 1.0)
    power = 10.0 ** floor(log10(highest / 4))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * 8 >= highest)
    return tuple(step * number for number in range(ceil(highest / step - 1e-9) + 1))


def _frame(title: str, x_label: str, y_label: str) -> list[str]:
    parts = [
        f'<text x="{LEFT}" y="20" style="font-size:15px;font-weight:600">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>',
        f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="#888" stroke-width="1"/>',
    ]
    if y_label:
        middle = (TOP + HEIGHT - BOTTOM) / 2
        parts.append(
            f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">'
            f"{escape(y_label)}</text>"
        )
    return parts


def _legend(number: int, name: str, colour: str, *, of: int) -> list[str]:
    left = LEFT + number * (WIDTH - LEFT - RIGHT) / of
    return [
        f'<rect x="{left:.1f}" y="30" width="10" height="10" fill="{colour}"/>',
        f'<text x="{left + 15:.1f}" y="39">{escape(name)}</text>',
    ]


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _write(path: Path, parts: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join(parts)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" style="{STYLE}">\n{body}\n</svg>\n'
    )
