"""Floods for the system tests, as lines for send_records; what must become of them in a file.

  flood_records.py garbage COUNT SEED PARTITIONS OUT    a fifth are good events, the rest is every
                                        kind of bad record, and ticks and pointers that are forged
  flood_records.py agents COUNT SEED HELD OUT           each event is of an agent that nobody has
                                        heard of, but for some good ones; HELD agents find room
  flood_records.py great COUNT SEED PARTITIONS OUT      records of the greatest size, and events at
                                        their limits, among good ones
  flood_records.py check EXPECTED REASONS LOG           REASONS is what dump_topic says of the
                                        rejects, LOG is trothd's: both have counted what was sent
"""
import itertools
import json
import random
import re
import sys

import bad_records
import events

CHUNK = 10000
VARIANTS = 20     # of each kind of record, so that nothing is encoded a million times
GREAT_VARIANTS = 2
KNOWN_EACH = 100  # of the events of invented agents, one is of a known one
RECORD_MAX = 65536  # bytes that an event may have
RANDOM_KIND = "?"  # of bytes that may be wrong in several ways
FORGED = "forged"  # ticks and pointers: they are what they say, and do no harm


class Pool:
    """Lines with what becomes of them, drawn by weight."""

    def __init__(self, rng, partitions):
        self.rng, self.partitions = rng, partitions
        self.lines, self.fates, self.weights = [], [], []

    def add(self, fate, weight, key, value, home=None, partition=None):
        if partition is None:
            partition = events.partition_of(key if home is None else home, self.partitions)
        self.lines.append(f"{partition} {events.digits(key)} {events.digits(value)}\n")
        self.fates.append(fate)
        self.weights.append(weight)

    def add_good(self, weight):
        for agent in bad_records.GOOD_AGENTS:
            for _ in range(VARIANTS):
                self.add(("good", agent), weight / VARIANTS / len(bad_records.GOOD_AGENTS),
                         agent.encode(), events.bare(event(self.rng, agent)))

    def draw(self, count, write):
        """Writes COUNT lines. Returns how often each fate was drawn."""
        counts = dict.fromkeys(self.fates, 0)
        cumulative = list(itertools.accumulate(self.weights))
        for start in range(0, count, CHUNK):
            drawn = self.rng.choices(range(len(self.lines)), cum_weights=cumulative,
                                     k=min(CHUNK, count - start))
            for i in drawn:
                counts[self.fates[i]] += 1
            write("".join([self.lines[i] for i in drawn]))
        return counts


def event(rng, agent):
    # So far ahead that, also after minutes, it is no older than the standing that it makes.
    return bad_records.good(rng, agent) | {"at": bad_records.now_us() + 50_000_000}


def forged(rng, kind, contracts_offset):
    attributes = {"topic": "contracts", "offset": str(contracts_offset)} if kind == "pointer" else {}
    return events.bare({"agent": "", "at": bad_records.now_us(), "kind": kind, "source": "engine",
                        "id": rng.randbytes(16).hex(), "attributes": attributes})


def garbage_pool(rng, partitions):
    pool = Pool(rng, partitions)
    pool.add_good(300)
    for _ in range(VARIANTS):
        for what, value in bad_records.bad_bytes(rng):
            long = value is not None and len(value) > 10000
            pool.add(RANDOM_KIND if "random" in what else "undecodable", 0.02 if long else 1,
                     b"good-0", value)
        for _, reason, changes in bad_records.bad_events(rng):
            bad = event(rng, "good-1") | changes
            name = bad["agent"].encode() if isinstance(bad["agent"], str) else bad["agent"]
            key = changes.get("key", name)
            pool.add(reason, 1, key, events.bare(bad))
        good = events.bare(event(rng, "good-2"))
        home = events.partition_of("good-2", partitions)
        pool.add("unkeyed", 5, None, good, home="good-2")
        pool.add("unkeyed", 1, b"", good, home="good-2")
        pool.add("misrouted", 5, b"good-3", good)
        pool.add("misrouted", 5, b"good-2", good, partition=(home + 1) % partitions)
        anywhere = rng.randrange(partitions)
        pool.add(FORGED, 1, None, forged(rng, "tick", 0), partition=anywhere)
        pool.add(FORGED, 1, None, forged(rng, "pointer", rng.randrange(10**17)),
                 partition=anywhere)
        pool.add(FORGED, 1, None, forged(rng, "pointer", 0), partition=anywhere)
        pool.add(FORGED, 1, b"good-0", forged(rng, "tick", 0))
    return pool


def great_pool(rng, partitions):
    """A topic takes 1,048,588 bytes by default, some 80 of them not the record's own. The largest
    here need one that takes more, and do not fit in the rejects topic."""
    pool = Pool(rng, partitions)
    pool.add_good(600)
    for _ in range(GREAT_VARIANTS):
        for size in (RECORD_MAX - 1, RECORD_MAX):
            pool.add(RANDOM_KIND, 2, b"good-0", rng.randbytes(size))
        for size in (RECORD_MAX + 1, 899_990, 900_000, 1_000_000, 1_048_400, 4_000_000):
            pool.add("over_limit", 2, b"good-0", rng.randbytes(size))
        pool.add("undecodable", 2, b"k" * 1_000_000, b"\xff" * 100)
        pool.add("unkeyed", 2, None, largest(rng, "good-2", RECORD_MAX), home="good-2")
        for agent in bad_records.GOOD_AGENTS:
            pool.add(("good", agent), 4, agent.encode(), largest(rng, agent, RECORD_MAX))
            pool.add("over_limit", 1, agent.encode(), largest(rng, agent, RECORD_MAX + 1))
            pool.add("over_limit", 1, agent.encode(), events.bare(
                event(rng, agent) | {"attributes": {f"{i}": "" for i in range(100_000)}}))
            pool.add("over_limit", 1, agent.encode(), events.bare(
                event(rng, agent) | {"task": bad_records.long_text(1_000_000)}))
    return pool


def largest(rng, agent, size):
    """An event of that many bytes, with as many verdicts and attributes as there may be."""
    text = bad_records.long_text
    whole = event(rng, agent) | {
        "task": text(1024), "tool": text(1024), "agent_version": text(1024), "owner": text(1024),
        "issuer": text(1024), "verdicts": [{"term": text(256), "kept": True, "value": 1.0}] * 64,
        "attributes": {f"{i:02}" + text(254): text(256) for i in range(64)}}
    for name in whole["attributes"]:  # all take 2 bytes for their length
        missing = size - len(events.bare(whole))
        whole["attributes"][name] += text(min(missing, 1024 - 256))
    record = events.bare(whole)
    assert len(record) == size
    return record


def invent(count, rng, held, write):
    """Agents that are known come first, and now and then. Of the others only the name differs; the
    partition is the sender's to work out."""
    pool = Pool(rng, 1)
    pool.add_good(1)
    known = len(pool.lines)  # each, so that all of them are held
    counts = dict.fromkeys(pool.fates, 0)
    value = events.bare(event(rng, "nobody") | {"agent": ""}).hex()
    head, tail = value[:32], value[34:]  # around the empty name
    lines = []
    for i in range(count):
        if i < known or i % KNOWN_EACH == 0:
            good = i if i < known else rng.randrange(known)
            counts[pool.fates[good]] += 1
            lines.append("*" + pool.lines[good][1:])
        else:
            name = f"invented-{i}".encode()
            lines.append(f"* {name.hex()} {head}{events.text(name).hex()}{tail}\n")
        if len(lines) == CHUNK or i + 1 == count:
            write("".join(lines))
            lines.clear()
    invented = count - sum(counts.values())
    return counts | {"agents_full": invented - (held - len(bad_records.GOOD_AGENTS))}


def make(kind, count, seed, number, out):
    rng = random.Random(seed)
    expected = {"records": count}
    if kind == "agents":
        counts = invent(count, rng, number, sys.stdout.write)
    else:
        pool = (garbage_pool if kind == "garbage" else great_pool)(rng, number)
        counts = pool.draw(count, sys.stdout.write)
    expected["good"] = {fate[1]: n for fate, n in counts.items() if isinstance(fate, tuple)}
    expected["reasons"] = {fate: n for fate, n in counts.items() if not isinstance(fate, tuple)}
    with open(out, "w") as file:
        json.dump(expected, file)
    return 0


ACCOUNT = re.compile(r"(\d+) records: (\d+) applied.* (\d+) rejected(?: \((.*)\))?$")


def read_account(path):
    """What trothd said last of all that it has read: reasons and their counts."""
    with open(path) as lines:
        matches = list(filter(None, (ACCOUNT.search(line.rstrip()) for line in lines)))
    if not matches:
        return {}
    parts = (matches[-1][4] or "").split(", ")
    return {reason: int(number) for number, reason in map(str.split, filter(None, parts))}


def check(expected, reasons, log):
    with open(expected) as file:
        wanted = json.load(file)["reasons"]
    with open(reasons) as lines:
        found = {reason: int(count) for reason, count in map(str.split, lines)}
    twice = found.pop("twice")
    open_kind = wanted.pop(RANDOM_KIND, 0)
    wanted.pop(FORGED, 0)
    counted = read_account(log)
    total = sum(wanted.values()) + open_kind
    good = twice == 0 and sum(found.values()) == total and counted == found and all(
        wanted.get(reason, 0) <= found.get(reason, 0) <= wanted.get(reason, 0) + open_kind
        for reason in wanted.keys() | found.keys())
    print(f"sent {wanted} and {open_kind} random, {total} in all; in the topic {found}, "
          f"{twice} twice; counted {counted}")
    return 0 if good else 1


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "check":
        sys.exit(check(*arguments))
    sys.exit(make(command, *map(int, arguments[:3]), arguments[3]))
