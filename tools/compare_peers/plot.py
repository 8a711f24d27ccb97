"""A picture of the results: for each section a panel, for each load a line with a dot for each system; and curves of
what changes with rows, batches, and connections."""

from __future__ import annotations

import math
from typing import Sequence
from xml.sax.saxutils import escape, quoteattr

from .curves import Curves, curves_of
from .measuring import Result
from .report import load_text, rate_text
from .systems import SYSTEMS

# Okabe and Ito's colours, which the colour-blind tell apart, in the order of the systems; this server has the first.
COLOURS = ("#d55e00", "#882255", "#e69f00", "#0072b2", "#56b4e9", "#009e73", "#cc79a7", "#000000", "#999999",
           "#8c564b")
CURVES_HEIGHT = 240
WIDTH, LABEL_WIDTH, LINE_HEIGHT, HEAD_HEIGHT, MARGIN = 960, 260, 20, 58, 16


def plot(results: Sequence[Result], caption: str) -> str:
    """An SVG that needs nothing else. The scale is logarithmic, and the same in all panels."""
    rates = [
        rate for result in results for load in result.section.loads
        for label in result.rates.get(load, {}) if (rate := result.rate(load, label))]
    low = math.floor(math.log10(min(rates, default=1e5)))
    high = max(low + 1, math.ceil(math.log10(max(rates, default=1e6))))
    parts, top = [], MARGIN + 24
    for curves in curves_of(results):
        parts += _curves(curves, top, low, high)
        top += HEAD_HEIGHT + CURVES_HEIGHT + 40
    for result in results:
        if result.section.workload != "growth":  # a curve says it
            panel, height = _panel(result, top, low, high)
            parts += panel
            top += height
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" '
        f'height="{top}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{top}" fill="white"/>',
        _text(MARGIN, MARGIN + 8, f"rows/s; {caption}", "#555555")]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, fill: str = "black", anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _colours(result: Result) -> dict[str, str]:
    """By label: that of the system, and where a panel has two of one the second gets one that is left."""
    measured = [
        contender for contender in result.section.contenders
        if any(contender.label in rates for rates in result.rates.values())]
    own = dict(zip(SYSTEMS, COLOURS))
    left = [colour for name, colour in own.items() if name not in {one.system for one in measured}]
    colours: dict[str, str] = {}
    for contender in measured:
        colour = own[contender.system]
        colours[contender.label] = left.pop() if colour in colours.values() and left else colour
    return colours


def _legend(colours: dict[str, str], y: float) -> list[str]:
    parts, at = [], MARGIN + LABEL_WIDTH
    for label, colour in colours.items():
        parts.append(f'<circle cx="{at:.1f}" cy="{y}" r="4" fill="{colour}"/>')
        parts.append(_text(at + 8, y + 4, label))
        at += 24 + 7 * len(label)
    return parts


def _curves(curves: Curves, top: float, low: int, high: int) -> list[str]:
    """Both scales are logarithmic."""
    left, right = MARGIN + LABEL_WIDTH, WIDTH - 2 * MARGIN
    first, last = top + HEAD_HEIGHT, top + HEAD_HEIGHT + CURVES_HEIGHT
    values = sorted({x for line in curves.lines.values() for x, _ in line})

    def across(value: float) -> float:
        return left + math.log(value / values[0]) / math.log(values[-1] / values[0]) * (right - left)

    def down(rate: float) -> float:
        return last - (math.log10(rate) - low) / (high - low) * CURVES_HEIGHT

    own = dict(zip(SYSTEMS, COLOURS))
    colours = {label: own[curves.systems[label]] for label in curves.lines}
    parts = [_text(MARGIN, top + 16, curves.title, more=' font-weight="bold"'), *_legend(colours, top + 34)]
    for power in range(low, high + 1):
        y = down(10.0**power)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(_text(left - 10, y + 4, rate_text(10.0**power), "#555555", "end"))
    for value in values:
        parts.append(_text(across(value), last + 16, f"{value:,}", "#555555", "middle"))
    for label, line in reversed(curves.lines.items()):  # the first on top
        points = " ".join(f"{across(x):.1f},{down(rate):.1f}" for x, rate in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colours[label]}" stroke-width="2"/>')
        for x, rate in line:
            title = f"{label}: {x:,}: {rate_text(rate)} rows/s"
            parts.append(
                f'<circle cx="{across(x):.1f}" cy="{down(rate):.1f}" r="4" fill={quoteattr(colours[label])}>'
                f"<title>{escape(title)}</title></circle>")
    return parts


def _panel(result: Result, top: float, low: int, high: int) -> tuple[list[str], int]:
    section = result.section
    left, right = MARGIN + LABEL_WIDTH, WIDTH - 2 * MARGIN
    height = HEAD_HEIGHT + LINE_HEIGHT * len(section.loads) + 28
    first, last = top + HEAD_HEIGHT, top + HEAD_HEIGHT + LINE_HEIGHT * len(section.loads)

    def x(rate: float) -> float:
        return left + (math.log10(rate) - low) / (high - low) * (right - left)

    colours = _colours(result)
    parts = [_text(MARGIN, top + 16, section.title, more=' font-weight="bold"'), *_legend(colours, top + 34)]
    for power in range(low, high + 1):
        across = x(10.0**power)
        parts.append(f'<line x1="{across:.1f}" y1="{first - 8}" x2="{across:.1f}" y2="{last}" stroke="#dddddd"/>')
        parts.append(_text(across, last + 14, rate_text(10.0**power), "#555555", "middle"))
    for number, load in enumerate(section.loads):
        y = first + LINE_HEIGHT * number + 4
        parts.append(_text(left - 10, y + 4, load_text(load, section.loads), anchor="end"))
        parts.append(f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="#eeeeee"/>')
        for label, colour in reversed(colours.items()):  # the first on top
            if rate := result.rate(load, label):
                title = f"{label}: {rate_text(rate)} rows/s"
                parts.append(
                    f'<circle cx="{x(rate):.1f}" cy="{y}" r="5" fill={quoteattr(colour)}>'
                    f"<title>{escape(title)}</title></circle>")
    return parts, height
