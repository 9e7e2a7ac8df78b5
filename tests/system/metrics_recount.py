"""Holds a scrape of /metrics against what Kafka and Redis say; for the system test.

  metrics_recount.py SCRAPE --redis HOST:PORT --prefix P --telemetry RECORDS --interventions RECORDS
                     --reasons FILE --applied N --pointers N

RECORDS are what `dump_topic records` printed, FILE what `dump_topic reasons` did. Compared are the
records read, the events applied, pointers, rejects by reason, interventions by direction and cause,
standings of each contract by rung and its open reviews. Prints what differs. Exit status 0: nothing does; 1.
"""
import argparse
import collections
import json
import re

from view import Redis, read_standings

LINE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def read_scrape(path):
    """The samples of a scrape: (name, its labels' values in order) -> value."""
    samples = {}
    with open(path) as lines:
        for line in lines:
            if not line.startswith("#"):
                name, labels, value = LINE.match(line.rstrip("\n")).groups()
                key = (name, *(text for _, text in LABEL.findall(labels or "")))
                assert key not in samples, f"{key} stands there twice"
                samples[key] = float(value)
    return samples


def wanted_samples(options):
    wanted = collections.Counter()
    with open(options.telemetry) as lines:
        wanted["troth_records_total",] = sum(1 for _ in lines)
    wanted["troth_events_applied_total",] = options.applied
    wanted["troth_pointers_total",] = options.pointers
    with open(options.reasons) as lines:
        for line in lines:
            reason, count = line.split()
            if reason != "twice":
                wanted["troth_rejects_total", reason] = int(count)
    with open(options.interventions) as lines:
        for line in lines:
            item = json.loads(bytes.fromhex(json.loads(line)["value"]))
            direction = "narrowing" if item["narrowing"] else "widening"
            wanted["troth_interventions_total", direction, item["cause"]["condition"]] += 1
    for standing in read_standings(options.redis, options.prefix).values():
        wanted["troth_standings", standing["contract"], standing["rung"]] += 1
    for member in Redis(options.redis)("ZRANGE", f"{options.prefix}:reviews", "0", "-1"):
        wanted["troth_reviews_open", member.decode().rpartition(":")[2]] += 1
    return wanted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scrape")
    for name in ("redis", "prefix", "telemetry", "interventions", "reasons"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("applied", "pointers"):
        parser.add_argument(f"--{name}", required=True, type=int)
    options = parser.parse_args()
    samples, wanted = read_scrape(options.scrape), wanted_samples(options)
    families = {key[0] for key in wanted}
    differences = 0
    for key in sorted({k for k in samples if k[0] in families} | set(wanted)):
        if samples.get(key, 0) != wanted[key]:
            print(f"{key}: {samples.get(key)} in the scrape, {wanted[key]} counted")
            differences += 1
    kinds = sum(1 for key in wanted if wanted[key] > 0)
    print(f"{kinds} values above 0, {differences} differences")
    raise SystemExit(1 if differences else 0)


if __name__ == "__main__":
    main()
