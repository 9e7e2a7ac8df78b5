#!/usr/bin/env python3
"""What is wanted of the benches, beside what they found; and the chart of what an event costs.

  bench/wanted.py RESULTS [--charts DIR]

  RESULTS       results.json, as bench/all writes it
  --charts DIR  draws speed.svg there, where `consume` and `peers` are among the results

One line a figure: its name, the median, least and greatest, what is wanted, and whether it is met. What was not
measured is told as such.
"""
import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from chart import Bar, write_bars

DETAIL = re.compile(r"min ([\d.e+-]+), max ([\d.e+-]+), (\d+) runs")


@dataclass
class Wanted:
    name: str
    limit: float
    least: bool = True  # else the limit is the most

    def met(self, value):
        return value >= self.limit if self.least else value <= self.limit

    def text(self):
        return f"{'>=' if self.least else '<='} {self.limit:g}"


WANTED = (
    Wanted("consume_ratio", 0.65),
    Wanted("decode_vs_avro_c", 12),
    Wanted("apply_vs_probe_1m", 3, least=False),
    Wanted("vs_kafka_streams", 8),
    Wanted("vs_flink", 8),
    Wanted("memory_vs_kafka_streams", 0.25, least=False),
    Wanted("publish_ratio", 0.7),
    Wanted("scale_10m_10k", 0.6),
    Wanted("zipf_ratio", 0.9),
    Wanted("late_ratio", 0.9),
    Wanted("latency_vs_bare", 2, least=False),
    Wanted("two_workers_cpu", 1.15, least=False),
    Wanted("txn_ratio", 0.9),
    Wanted("restore_ratio", 2, least=False),
    Wanted("route_vs_get", 4, least=False),
    Wanted("try_ratio", 1.2, least=False),
)

# CPU time of an event on one core. Slots are colors: what is bare, ours, Flink, Kafka Streams.
SPEED = (
    ("librdkafka alone", "consume_bare_ns", 4),
    ("trothd, nothing kept", "peers_trothd_unkept_ns", 0),
    ("trothd, exactly once", "peers_trothd_ns", 0),
    ("Flink, nothing kept", "peers_flink_ns", 1),
    ("Flink, exactly once", "peers_flink_eos_ns", 1),
    ("Kafka Streams, nothing kept", "peers_streams_memory_ns", 2),
    ("Kafka Streams, at least once", "peers_streams_memory_alo_ns", 2),
    ("Kafka Streams, exactly once", "peers_streams_memory_eos_ns", 2),
    ("Kafka Streams, RocksDB, at least once", "peers_streams_rocksdb_alo_ns", 2),
    ("Kafka Streams, RocksDB, exactly once", "peers_streams_rocksdb_eos_ns", 2),
)


def by_name(results):
    return {figure["name"]: figure for suite in results["suites"].values() for figure in suite["figures"]}


def spread(figure):
    """Returns the least, the greatest and the number of repetitions; of one value, that alone."""
    found = DETAIL.search(figure.get("detail", ""))
    return (float(found.group(1)), float(found.group(2)), int(found.group(3))) if found else (figure["value"],) * 2 + (1,)


def lines(results):
    """Returns one line of text for each figure that is wanted."""
    found = by_name(results)
    out = []
    for wanted in WANTED:
        figure = found.get(wanted.name)
        if figure is None:
            out.append(f"{wanted.name:<26} not measured")
            continue
        low, high, runs = spread(figure)
        out.append(f"{wanted.name:<26} {figure['value']:>8.4g}  {f'{low:.4g} to {high:.4g}, {runs} runs':<30} "
                   f"{wanted.text():<8} {'met' if wanted.met(figure['value']) else 'MISSED'}")
    return out


def draw(results, charts):
    """Draws the chart, where there is anything to be compared with."""
    found = by_name(results)
    bars = [Bar(text, found[name]["value"], *spread(found[name])[:2], slot) for text, name, slot in SPEED if name in found]
    if len({bar.slot for bar in bars}) > 1:
        write_bars(charts / "speed.svg", "What an event costs: CPU-nanoseconds on one core",
                   ["The same topic, contract of three share terms and windows; results to the same Redis. Peers score",
                    "alone: no ladder, no detector of changes. Median; the line is from the least to the greatest."], bars)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, metavar="RESULTS")
    parser.add_argument("--charts", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text(encoding="utf-8"))
    print("\n".join(lines(results)))
    if arguments.charts:
        draw(results, arguments.charts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
