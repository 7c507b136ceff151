"""The plots of the benchmarks: axes that reach past every value, and SVG that is well-formed whatever it is told."""

import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.plots import Axis, line_chart, nice_ticks, stacked_bars

SVG = "{http://www.w3.org/2000/svg}"


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_ticks_begin_at_zero_and_reach_the_highest_value_in_a_few_equal_steps(highest: float) -> None:
    ticks = nice_ticks(highest)

    assert ticks[0] == 0
    assert ticks[-1] >= highest * (1 - 1e-6)
    assert ticks[-2] < highest
    assert 4 <= len(ticks) - 1 <= 8
    assert max(b - a for a, b in pairwise(ticks)) == pytest.approx(min(b - a for a, b in pairwise(ticks)))


def test_a_line_runs_from_its_first_point_to_its_last(tmp_path: Path) -> None:
    path = tmp_path / "plot.svg"

    line_chart(path, title="a < b & c", x=Axis("s"), y=Axis("files/s"), series={"<one>": [(0, 0), (5, 10), (10, 20)]})

    root = ElementTree.parse(path).getroot()
    line = root.find(f"{SVG}polyline")
    assert line is not None
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True), "up is a smaller y"
    assert {"a < b & c", "<one>"} <= {text.text for text in root.iter(f"{SVG}text")}


def test_equal_factors_are_equally_far_apart_on_a_logarithmic_axis(tmp_path: Path) -> None:
    path = tmp_path / "plot.svg"
    slots = [1, 2, 4, 8, 16, 32]

    line_chart(
        path,
        title="t",
        x=Axis("slots", logarithmic=True),
        y=Axis("times", logarithmic=True),
        series={"ideal": [(n, n) for n in slots]},
    )

    line = ElementTree.parse(path).getroot().find(f"{SVG}polyline")
    assert line is not None
    across = [float(point.split(",")[0]) for point in line.attrib["points"].split()]
    steps = [later - earlier for earlier, later in pairwise(across)]
    assert max(steps) - min(steps) < 0.3


def test_a_logarithmic_axis_refuses_what_it_cannot_show(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"slots.*0"):
        line_chart(
            tmp_path / "plot.svg",
            title="t",
            x=Axis("slots", logarithmic=True),
            y=Axis("y"),
            series={"a": [(0, 1), (1, 2)]},
        )


def test_a_plot_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'empty'"):
        line_chart(tmp_path / "plot.svg", title="empty", x=Axis("x"), y=Axis("y"), series={})


def test_the_parts_of_a_bar_are_as_wide_as_their_shares_and_touch(tmp_path: Path) -> None:
    path = tmp_path / "bars.svg"

    stacked_bars(path, title="t", label="%", bars={"one": {"a": 25, "b": 75}, "two": {"b": 100}})

    boxes = [box for box in ElementTree.parse(path).getroot().iter(f"{SVG}rect") if box.find(f"{SVG}title") is not None]
    widths = [float(box.attrib["width"]) for box in boxes]
    assert widths[1] == pytest.approx(3 * widths[0], abs=0.2)
    assert float(boxes[1].attrib["x"]) == pytest.approx(float(boxes[0].attrib["x"]) + widths[0], abs=0.1)
    assert widths[0] + widths[1] == pytest.approx(widths[2] + widths[3], abs=0.2)
