"""A chart of the harm in each attack, under each policy, as an SVG that suits light and dark pages."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from benchmarks.fraud.comparison import Result
from benchmarks.fraud.policies import NONE, OURS

CHART = Path("docs/fraud.svg")
_LOWEST, _HIGHEST = -3.0, 3.0  # powers of ten of the share of the undefended spend
_LEFT, _TOP, _ROW, _PLOT, _MARGIN = 190, 64, 22, 520, 50
_BAR = 0.10
# Readable on white and on black; shapes tell them apart as well.
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .line { stroke: #bbb; stroke-width: 1 }
  .bar { stroke: #777; stroke-width: 1.5; stroke-dasharray: 4 3 }
  .guard { fill: #0a7d4f } .sequential-test { fill: #2f6fd0 } .unverified-budget { fill: #c2410c }
  .limits { fill: #8b5cf6 } .\\33 0-an-hour { fill: #a16207 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .line { stroke: #555 } .bar { stroke: #999 }
    .guard { fill: #3ddc97 } .sequential-test { fill: #7fb0ff } .unverified-budget { fill: #ff9a5c }
    .limits { fill: #c4a7ff } .\\33 0-an-hour { fill: #e6b450 }
  }
"""
_SHAPES = {
    OURS: "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z",
    "sequential test": "M-5 -5h10v10h-10z",
    "unverified budget": "M0 -6l6 11h-12z",
    "30 an hour": "M0 6l6 -11h-12z",
    "limits": "M0 -6l5 6l-5 6l-5 -6z",
}


def write(results: Sequence[Result], path: Path = CHART) -> None:
    """Draw the attacks among the results."""
    path.write_text(draw([result for result in results if result.scenario.is_attack]), encoding="utf-8")


def draw(attacks: Sequence[Result]) -> str:
    """Return the SVG: a row for each attack, a mark for each policy, on a logarithmic scale."""
    width, height = _LEFT + _PLOT + _MARGIN, _TOP + _ROW * len(attacks) + 40
    rows = [line for place, result in enumerate(attacks) for line in _row(result, _TOP + _ROW * place + _ROW / 2)]
    title = "Harm in each attack as a share of the undefended spend, by policy"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">',
        f"<style>{_STYLE}</style>",
        f'<text x="30" y="18">{title} (synthetic traffic)</text>',
        *_legend(),
        *_axis(height - 40),
        *rows,
        "</svg>\n",
    ])  # fmt: skip


def _x(share: float) -> float:
    power = min(_HIGHEST, max(_LOWEST, math.log10(share))) if share > 0 else _LOWEST
    return _LEFT + _PLOT * (power - _LOWEST) / (_HIGHEST - _LOWEST)


def _legend() -> Iterator[str]:
    for place, name in enumerate(_SHAPES):
        x = 40 + place * 145
        yield _mark(name, x, 38)
        yield f'<text x="{x + 10}" y="42">{escape(name)}</text>'


def _axis(bottom: float) -> Iterator[str]:
    for power in range(int(_LOWEST), int(_HIGHEST) + 1):
        x = _x(10.0**power)
        yield f'<line class="line" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{bottom}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{10.0 ** (power + 2):,.10g} %</text>'
    for share in (_BAR, 1.0):
        yield f'<line class="bar" x1="{_x(share):.1f}" x2="{_x(share):.1f}" y1="{_TOP - 8}" y2="{bottom}"/>'


def _row(result: Result, y: float) -> Iterator[str]:
    yield f'<text x="{_LEFT - 12}" y="{y + 4:.1f}" text-anchor="end">{escape(result.scenario.name)}</text>'
    yield f'<line class="line" x1="{_LEFT}" x2="{_LEFT + _PLOT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    for name in reversed(_SHAPES):
        if name != NONE and name in result.by_policy:
            yield _mark(name, _x(result.by_policy[name].harm_share), y)


def _mark(name: str, x: float, y: float) -> str:
    place = f"translate({x:.1f} {y:.1f})"
    return (
        f'<path class="{name.replace(" ", "-")}" transform="{place}" d="{_SHAPES[name]}"><title>{name}</title></path>'
    )
