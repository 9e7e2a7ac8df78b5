#!/usr/bin/env python3
"""Charts and tables of what bench_detection measured.

  bench/detection/charts.py FILE [--charts DIR] [--tables]

  FILE          what `bench_detection --json FILE` wrote
  --charts DIR  writes detection.svg, detection_windows.svg and calibration.svg there
  --tables      prints the tables of bench/README.md, as Markdown
"""
import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from chart import Axis, Panel, Series, decades, write  # noqa: E402

FLOOR = 0.98  # of the cells that have curves
TRADEOFF_WINDOWS, TRADEOFF_MULTIPLE = (240, 1200, 12000), 5
OWN = (("troth", "Troth, narrow", 0), ("troth_warn", "Troth, warn", 4),
       ("troth_change", "Troth, narrow at change too", 5))
PEERS = (("raw", "raw rate, last 50", 1), ("wilson", "Wilson, last window", 2),
         ("page", "burn rates (page)", 3))
FEWEST_ALARMS = 5  # below, a point's place on a curve is a guess
ENOUGH_RUNS = 100
LEAST_BETWEEN = 200  # what alarms more often than this is no rule
MULTIPLES = (2, 5, 15)


def delay(rule, multiple):
    return next(d for d in rule["delays"] if d["multiple"] == multiple)


def between(rule):
    """Events between false alarms, or so many at least."""
    return rule["between"] or rule["between_least"]


def point_of(rule, multiple):
    return between(rule), delay(rule, multiple)["p50"]


def curve(points, multiple):
    """Delay against false alarms, of points that are known well enough."""
    return [point_of(p, multiple) for p in points
            if p["alarms"] >= FEWEST_ALARMS and delay(p, multiple)["p50"]
            and delay(p, multiple)["runs"] >= ENOUGH_RUNS and between(p) >= LEAST_BETWEEN]


def is_bound(rule):
    """Whether its false alarms are so few that it lies somewhere to the right."""
    return rule["alarms"] < FEWEST_ALARMS


def peer_series(curves, key, name, slot):
    usual = [p for p in curves[key] if p.get("usual") and delay(p, TRADEOFF_MULTIPLE)["p50"]]
    points = [point_of(p, TRADEOFF_MULTIPLE) for p in usual]
    return Series(name, curve(curves[key], TRADEOFF_MULTIPLE), slot, marked=False, marks=points,
                  arrows=[point for p, point in zip(usual, points) if is_bound(p)])


def own_series(cell, curves, key, name, slot):
    rules = [p for p in curves["troth"] if not is_bound(p)] if key == "troth" else []
    rules = rules or [cell["rules"][key]]
    points = [point_of(p, TRADEOFF_MULTIPLE) for p in rules]
    return Series(name, points, slot, line=key == "troth",
                  arrows=[point for p, point in zip(rules, points) if is_bound(p)])


def tradeoff_panel(cell, curves):
    return Panel(f"{cell['window_events']:,} events a window",
                 Axis("events to a false alarm", LEAST_BETWEEN, 2e8, decades(1e3, 1e8), log=True),
                 Axis("events until noticed (median)", 5, 5000, decades(10, 1000), log=True),
                 [peer_series(curves, *peer) for peer in PEERS] + [own_series(cell, curves, *own) for own in OWN])


def draw_tradeoff(data, folder):
    curves = {c["window_events"]: c for c in data["curves"]}
    cells = [c for c in data["cells"] if c["floor"] == FLOOR and c["window_events"] in TRADEOFF_WINDOWS]
    write(folder / "detection.svg", "How soon a worse agent is noticed, against how rarely a good one is",
          [f"Floor {FLOOR:g}; from 0.4 to {TRADEOFF_MULTIPLE} times the allowance; the same streams for every rule. "
           "Lower and further right is better.",
           "A line is a rule by its threshold, a marker its usual one (on Troth's: below 0.10, 0.05, 0.02); an arrow: "
           "rarer than was seen."],
          [tradeoff_panel(c, curves[c["window_events"]]) for c in cells])


def draw_windows(data, folder):
    panels = []
    for multiple in MULTIPLES:
        cells = [c for c in data["cells"] if c["floor"] == FLOOR]
        series = []
        for key, name, slot in PEERS:
            points = [(c["window_events"], delay(c["rules"][key]["as_narrow"], multiple)["p50"])
                      for c in cells]
            series.append(Series(name, [p for p in points if p[1]], slot))
        for key, name, slot in OWN:
            points = [(c["window_events"], delay(c["rules"][key], multiple)["p50"]) for c in cells]
            series.append(Series(name, [p for p in points if p[1]], slot))
        panels.append(Panel(f"{multiple} times its allowance",
                            Axis("events a window", 200, 15000,
                                 [(v, f"{v:,}") for v in (240, 1200, 4000, 12000)], log=True),
                            Axis("events until noticed (median)", 3, 20000,
                                 decades(10, 10000), log=True),
                            series))
    write(folder / "detection_windows.svg", "What the length of the window does",
          [f"Floor {FLOOR:g}; the thresholds of the other rules are such that they alarm falsely as often as Troth "
           "narrows."], panels)


def draw_calibration(data, folder):
    panels = []
    ticks = [(v / 4, f"{v / 4:g}") for v in range(5)]
    for ageing, title in ((False, "evidence that does not age"), (True, "default half-life")):
        series = []
        for slot, c in enumerate(c for c in data["calibration"] if c["ageing"] == ageing):
            points = [(b["confidence"], b["share"]) for b in c["bins"] if b["agents"]]
            series.append(Series(f"floor {c['floor']:g}", points, slot))
        panels.append(Panel(title, Axis("confidence (mean of a bin)", 0, 1, ticks),
                            Axis("share that keeps its promise", 0, 1, ticks), series,
                            guide=[(0, 0), (1, 1)]))
    write(folder / "calibration.svg", "Is confidence a probability?",
          ["Fleets whose true rates are drawn from the prior; on the dashed line it is."], panels)


def number(value):
    if value >= 1e6:
        return f"{value / 1e6:.3g} M"
    return f"{float(f'{value:.3g}'):,.0f}"


def rate_text(rule):
    if rule["alarms"] == 0:
        return f"> {number(rule['between_least'])}"
    return number(rule["between"])


def delay_text(d, horizon):
    if d["p50"] is None:
        return f"> {horizon:,}"
    return f"{d['p50']:,} ({d['p95']:,})" if d["p95"] else f"{d['p50']:,} (> {horizon:,})"


def print_row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def print_tables(data):
    own = [key for key, _, _ in (OWN[1], OWN[0], OWN[2])]
    peers = [key for key, _, _ in PEERS]
    print("Events between false alarms:\n")
    print_row("floor", "events a window", "Troth warn", "narrow", "narrow at change too", "raw", "Wilson", "page",
              "ticket")
    print("|---" * 9 + "|")
    for c in data["cells"]:
        print_row(f"{c['floor']:g}", f"{c['window_events']:,}",
                  *(rate_text(c["rules"][key]) for key in (*own, *peers, "ticket")))
    for multiple in MULTIPLES:
        print(f"\nEvents from the change to {multiple} times the allowance until it is noticed, p50 (p95):\n")
        print_row("floor", "events a window", "Troth warn", "narrow", "raw, tuned", "Wilson, tuned", "page, tuned",
                  "narrow at change too", "raw, tuned to that", "Wilson, tuned to that", "page, tuned to that")
        print("|---" * 11 + "|")
        for c in data["cells"]:
            rules = c["rules"]
            shown = [rules["troth_warn"], rules["troth"], *(rules[key]["as_narrow"] for key in peers),
                     rules["troth_change"], *(rules[key]["as_change"] for key in peers)]
            print_row(f"{c['floor']:g}", f"{c['window_events']:,}",
                      *(delay_text(delay(rule, multiple), c["horizon"]) for rule in shown))
    print("\nThe share that keeps its promise (mean confidence) by bin of confidence:\n")
    print_row("floor", "ageing", *(f"{i / 10:g}–{(i + 1) / 10:g}" for i in range(10)), "most off", "standard error")
    print("|---" * 14 + "|")
    for c in data["calibration"]:
        print_row(f"{c['floor']:g}", "yes" if c["ageing"] else "no",
                  *(f"{b['share']:.3f} ({b['confidence']:.3f})" if b["agents"] else "none" for b in c["bins"]),
                  f"{c['worst']:.3f}", f"{max(b['error'] for b in c['bins']):.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--charts", type=Path, metavar="DIR")
    parser.add_argument("--tables", action="store_true")
    arguments = parser.parse_args()
    try:
        data = json.loads(arguments.file.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        print(f"charts.py: {arguments.file}: {error}", file=sys.stderr)
        return 1
    if arguments.charts:
        for draw in (draw_tradeoff, draw_windows, draw_calibration):
            draw(data, arguments.charts)
    if arguments.tables:
        print_tables(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
