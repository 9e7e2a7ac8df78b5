"""Charts as SVG, by the standard library alone: panels side by side, lines and points, one legend; or bars.

    series = Series("Troth", [(x, y), ...], slot=0)
    write(path, "Title", ["What it shows."], [Panel("left", Axis(...), Axis(...), [series])])
    write_bars(path, "Title", ["What it shows."], [Bar("Troth", 5.0, 4.0, 7.0, slot=0), ...])

A chart is readable on a light and on a dark page: it has its own ground, and its colors change with
the reader's preference. Series are told apart by color and by marker. The same input gives the same
bytes.
"""
import math
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

# One color a slot, for a light and a dark ground; each at least 3:1 against its ground, and apart for
# the color-blind.
COLORS = (("#1f6fd0", "#5aa2f5"), ("#c2541b", "#f08a4b"), ("#0b8a6a", "#35c49a"),
          ("#8a4fc4", "#b98bec"), ("#5f6b7a", "#9aa7b8"), ("#b8860b", "#e0b545"))
MARKERS = ("circle", "square", "triangle", "diamond", "cross", "ring")

PANEL_WIDTH, PANEL_HEIGHT = 270, 240
LEFT, RIGHT, TOP, BOTTOM, GAP = 76, 22, 122, 56, 60
LEGEND_STEP, LEGEND_Y = 20, 82
BAR_HEIGHT, BAR_STEP, BAR_NAMES, BAR_WIDTH, BAR_TOP, BAR_VALUES = 16, 28, 250, 380, 78, 90

STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #3a424d; }
  .title { font-size: 15px; font-weight: 600; fill: #12161b; }
  .panel { font-weight: 600; fill: #12161b; }
  .ground { fill: #ffffff; }
  .grid { stroke: #e3e7ec; stroke-width: 1; }
  .axis { stroke: #8b95a3; stroke-width: 1; }
  .guide { stroke: #8b95a3; stroke-width: 1; stroke-dasharray: 4 4; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
"""
DARK = """
  text { fill: #b9c2cd; }
  .title, .panel { fill: #f0f3f6; }
  .ground { fill: #0f1318; }
  .grid { stroke: #252c35; }
  .axis, .guide { stroke: #6b7685; }
"""


@dataclass
class Axis:
    """low..high, linear or logarithmic; ticks: (value, text) pairs."""
    label: str
    low: float
    high: float
    ticks: list
    log: bool = False

    def place(self, value):
        """0 at low, 1 at high; what is outside is drawn at the edge."""
        if self.log:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, part))


@dataclass
class Series:
    """Points in drawing order. line: joined. marked: every point has its marker; else those in
    `marks` have. arrows: points that lie further right than they are drawn."""
    name: str
    points: list
    slot: int
    line: bool = True
    marked: bool = True
    marks: list = field(default_factory=list)
    arrows: list = field(default_factory=list)


@dataclass
class Panel:
    title: str
    x: Axis
    y: Axis
    series: list
    guide: list = field(default_factory=list)  # a dashed line


@dataclass
class Bar:
    """A value from 0 on, and between what its repetitions lay."""
    name: str
    value: float
    low: float
    high: float
    slot: int


def short(value):
    """1200 -> 1.2 k; 2000000 -> 2 M."""
    for size, sign in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{sign}"
    return f"{value:g}"


def decades(low, high):
    """Ticks at powers of ten."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    return [(10.0 ** power, short(10.0 ** power)) for power in range(first, last + 1)]


def _marker(kind, x, y, slot):
    shape = {
        "circle": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"',
        "ring": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"',
        "square": f'<rect x="{x - 3.7:.1f}" y="{y - 3.7:.1f}" width="7.4" height="7.4"',
        "triangle": f'<path d="M{x:.1f} {y - 5:.1f}l4.8 8.4h-9.6z"',
        "diamond": f'<path d="M{x:.1f} {y - 5.4:.1f}l5.4 5.4l-5.4 5.4l-5.4 -5.4z"',
        "cross": f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"',
    }[kind]
    hollow = kind in ("cross", "ring")
    return f'{shape} class="{"open" if hollow else "mark"}{slot}"/>'


def _series(series, place):
    out = []
    if series.line and len(series.points) > 1:
        path = "L".join("{:.1f} {:.1f}".format(*place(point)) for point in series.points)
        out.append(f'<path class="line color{series.slot}" d="M{path}"/>')
    for point in series.points if series.marked else series.marks:
        out.append(_marker(MARKERS[series.slot], *place(point), series.slot))
    for point in series.arrows:
        x, y = place(point)
        out.append(f'<path class="line color{series.slot}" d="M{x + 6:.1f} {y:.1f}h14m-5 -4l5 4l-5 4"/>')
    return out


def _panel(panel, left, top):
    def place(point):
        return (left + panel.x.place(point[0]) * PANEL_WIDTH,
                top + (1.0 - panel.y.place(point[1])) * PANEL_HEIGHT)

    right, bottom = left + PANEL_WIDTH, top + PANEL_HEIGHT
    out = [f'<text class="panel" x="{left}" y="{top - 10}">{escape(panel.title)}</text>']
    for value, text in panel.y.ticks:
        y = place((panel.x.low, value))[1]
        out.append(f'<path class="grid" d="M{left} {y:.1f}H{right}"/>')
        out.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>')
    for value, text in panel.x.ticks:
        x = place((value, panel.y.low))[0]
        out.append(f'<path class="grid" d="M{x:.1f} {top}V{bottom}"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(text)}</text>')
    out.append(f'<path class="axis" d="M{left} {bottom}H{right}"/>')
    out.append(f'<text x="{left + PANEL_WIDTH / 2:.1f}" y="{bottom + 40}" text-anchor="middle">'
               f'{escape(panel.x.label)}</text>')
    if panel.guide:
        path = "L".join("{:.1f} {:.1f}".format(*place(point)) for point in panel.guide)
        out.append(f'<path class="guide" d="M{path}" fill="none"/>')
    for series in panel.series:
        out += _series(series, place)
    return out


def _style():
    light, dark = STYLE, DARK
    for slot, (on_light, on_dark) in enumerate(COLORS):
        for color, dark_side in ((on_light, False), (on_dark, True)):
            rules = (f"  .color{slot} {{ stroke: {color}; }}\n  .mark{slot} {{ fill: {color}; }}\n"
                     f"  .open{slot} {{ fill: none; stroke: {color}; stroke-width: 2.2; }}\n")
            if dark_side:
                dark += rules
            else:
                light += rules
    return f"<style>{light}@media (prefers-color-scheme: dark) {{{dark}}}\n</style>"


def _head(title, subtitle, width, height):
    """The beginning of an SVG: its ground, title and at most two lines below."""
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
           f'height="{height}" role="img" aria-label="{escape(title)}">', _style(),
           f'<rect class="ground" width="{width}" height="{height}" rx="6"/>',
           f'<text class="title" x="16" y="26">{escape(title)}</text>']
    return out + [f'<text x="16" y="{46 + 17 * i}">{escape(line)}</text>' for i, line in enumerate(subtitle)]


def render_bars(title, subtitle, bars):
    """Returns the SVG's text: one bar below the other, each with its value and a line from its least to its greatest."""
    scale = BAR_WIDTH / max(bar.high for bar in bars)
    out = _head(title, subtitle, 16 + BAR_NAMES + BAR_WIDTH + BAR_VALUES, BAR_TOP + len(bars) * BAR_STEP + 12)
    left = 16 + BAR_NAMES
    for i, bar in enumerate(bars):
        top = BAR_TOP + i * BAR_STEP
        middle = top + BAR_HEIGHT / 2
        out.append(f'<text x="{left - 10}" y="{middle + 4}" text-anchor="end">{escape(bar.name)}</text>')
        out.append(f'<rect class="mark{bar.slot}" x="{left}" y="{top}" width="{bar.value * scale:.1f}" '
                   f'height="{BAR_HEIGHT}"/>')
        out.append(f'<path class="axis" d="M{left + bar.low * scale:.1f} {middle}H{left + bar.high * scale:.1f}"/>')
        out.append(f'<text x="{left + bar.high * scale + 8:.1f}" y="{middle + 4}">{bar.value:,.0f}</text>')
    return "\n".join(out + ["</svg>", ""])


def render(title, subtitle, panels):
    """Returns the SVG's text. In subtitle: at most two lines. The y axis's label of the first panel
    stands for all of them."""
    legend = []
    for panel in panels:
        for series in panel.series:
            if series.name not in [known.name for known in legend]:
                legend.append(series)
    width = LEFT + len(panels) * PANEL_WIDTH + (len(panels) - 1) * GAP + RIGHT
    height = TOP + PANEL_HEIGHT + BOTTOM
    out = _head(title, subtitle, width, height)
    x = 16
    for series in legend:
        if series.line:
            out.append(f'<path class="line color{series.slot}" d="M{x} {LEGEND_Y}h22"/>')
        out.append(_marker(MARKERS[series.slot], x + 11, LEGEND_Y, series.slot))
        out.append(f'<text x="{x + 28}" y="{LEGEND_Y + 4}">{escape(series.name)}</text>')
        x += 28 + 6.6 * len(series.name) + LEGEND_STEP
    middle = TOP + PANEL_HEIGHT / 2
    out.append(f'<text transform="translate(17 {middle}) rotate(-90)" text-anchor="middle">'
               f'{escape(panels[0].y.label)}</text>')
    for i, panel in enumerate(panels):
        out += _panel(panel, LEFT + i * (PANEL_WIDTH + GAP), TOP)
    return "\n".join(out + ["</svg>", ""])


def write(path, title, subtitle, panels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(title, subtitle, panels), encoding="utf-8")


def write_bars(path, title, subtitle, bars):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_bars(title, subtitle, bars), encoding="utf-8")
