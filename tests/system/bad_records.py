"""Good events and every kind of bad record among them, and what must become of the bad ones.

  bad_records.py make PARTITIONS OUT    writes OUT.send, for send_records, and OUT.json: the bad ones
  bad_records.py check OUT PLACES RECORDS    PLACES is what send_records printed, RECORDS a dump of
                                        the rejects topic: each bad record stands in it once, with
                                        its reason, its place, its key and its value; nothing else
  bad_records.py good OUT STANDINGS     STANDINGS is what view.py printed: every good event counts
"""
import collections
import json
import random
import sys
import time

import events

GOOD_AGENTS = [f"good-{i}" for i in range(8)]


def now_us():
    return int(time.time() * 1e6)


def good(rng, agent=None):
    # A small lead is taken as the record's own time, so that no event is older than its standing.
    return {"id": rng.randbytes(16).hex(), "agent": agent or rng.choice(GOOD_AGENTS),
            "at": now_us() + 30_000_000, "kind": "task",
            "outcome": rng.choice(["ok", "ok", "failed"]), "latency_us": rng.randrange(1_000_000)}


def long_text(count):
    return "x" * count


def bad_events(rng):
    """Whole records that no event may be: what is wrong, the reason, changes to a good event."""
    return [
        ("an hour ahead", "ahead_of_time", {"at": now_us() + 3_600_000_000}),
        ("an agent of 129 bytes", "over_limit", {"agent": "good-" + long_text(124)}),
        ("a task of 1025 bytes", "over_limit", {"task": long_text(1025)}),
        ("65 attributes", "over_limit", {"attributes": {f"a{i}": "" for i in range(65)}}),
        ("65 verdicts", "over_limit", {"verdicts": [{"term": "t", "kept": True}] * 65}),
        ("a line feed in the agent", "invalid", {"agent": "good\n0"}),
        ("a zero byte in the agent", "invalid", {"agent": "good\0"}),
        ("DEL in the agent", "invalid", {"agent": "good-\x7f"}),
        ("a C1 control in the agent", "invalid", {"agent": "good-\x85"}),
        ("an agent that is not UTF-8", "invalid", {"agent": b"good-\xff"}),
        ("an empty agent", "invalid", {"agent": "", "key": b"good-0"}),
        ("a task that is not UTF-8", "invalid", {"task": b"\xc3\x28"}),
        ("a time before 1970", "invalid", {"at": -1}),
        ("a time past 2199", "invalid", {"at": 2**62}),
        ("a negative latency", "invalid", {"latency_us": -5}),
        ("a verdict that is no number", "invalid",
         {"verdicts": [{"term": "t", "kept": True, "value": float("nan")}]}),
        ("a kind that does not exist", "undecodable", {"kind": 8}),
        ("a negative enumeration", "undecodable", {"outcome": -1}),
        ("a boolean of 2", "undecodable", {"verdicts": [{"term": "t", "kept": 2}]}),
    ]


def bad_bytes(rng):
    """Bytes that are no record at all, but "random" ones, which may be any: what is wrong, value."""
    whole = events.bare(good(rng, "good-0"))
    id_ = whole[:16]
    return [
        ("random bytes", b"\xff" + rng.randbytes(200)),
        ("random bytes of 64 KiB", b"\xff" + rng.randbytes(65536)),
        ("no value", None),
        ("an empty value", b""),
        ("one byte", b"\0"),
        ("text", b'{"agent":"good-0","at":1790000000000000,"kind":"task"}'),
        ("a truncated event", whole[:-3]),
        ("half an event", whole[:len(whole) // 2]),
        ("bytes left over", whole + b"\0"),
        ("a text longer than the record", id_ + events.long(2**40) + b"good-0"),
        ("a text of negative length", id_ + events.long(-2) + b"good-0"),
        ("a varint past 64 bits", id_ + b"\xff" * 12),
        ("a schema id that is not mapped", events.confluent(4711, whole)),
        ("a fingerprint that nobody knows", b"\xc3\x01" + bytes(8) + whole),
    ]


def make(partitions, out):
    rng = random.Random(7)
    lines, bad = [], []

    def send(agent, key, value, partition=None):
        if partition is None:
            partition = events.partition_of(agent, partitions)
        lines.append(f"{partition} {events.digits(key)} {events.digits(value)}")

    def send_good(count):
        for _ in range(count):
            event = good(rng)
            counts[event["agent"]] += 1
            send(event["agent"], event["agent"].encode(), events.bare(event))

    def send_bad(what, reason, key, value, agent="good-0", partition=None):
        bad.append({"what": what, "reason": reason, "line": len(lines),
                    "key": None if key is None else key.hex(),
                    "value": None if value is None else value.hex()})
        send(agent, key, value, partition)
        send_good(5)

    counts = collections.Counter()
    send_good(100)
    for what, value in bad_bytes(rng):
        send_bad(what, None if "random" in what else "undecodable", b"good-0", value)
    for what, reason, changes in bad_events(rng):
        event = good(rng, "good-1") | changes
        name = event["agent"].encode() if isinstance(event["agent"], str) else event["agent"]
        send_bad(what, reason, changes.get("key", name), events.bare(event),
                 changes.get("key", name))
    event = events.bare(good(rng, "good-2"))
    home = events.partition_of("good-2", partitions)
    send_bad("no key", "unkeyed", None, event, "good-2")
    send_bad("an empty key", "unkeyed", b"", event, "good-2")
    send_bad("another agent's key", "misrouted", b"good-3", event, "good-3")
    send_bad("another agent's partition", "misrouted", b"good-2", event,
             partition=(home + 1) % partitions)
    send_good(100)
    with open(out + ".send", "w") as file:
        file.write("\n".join(lines) + "\n")
    with open(out + ".json", "w") as file:
        json.dump({"bad": bad, "good": counts}, file)
    print(len(bad))


def check(out, places, records):
    with open(out + ".json") as file:
        bad = json.load(file)["bad"]
    with open(places) as file:
        where = [tuple(map(int, line.split())) for line in file]
    rejects = {}
    failures = []
    with open(records) as file:
        for line in file:
            record = json.loads(line)
            headers = {k: bytes.fromhex(v).decode() for k, v in record["headers"].items()}
            place = (int(headers["partition"]), int(headers["offset"]))
            if place in rejects:
                failures.append(f"{place} was rejected twice")
            rejects[place] = (record, headers)
    for item in bad:
        place = where[item["line"]]
        record, headers = rejects.pop(place, ({"key": 0, "value": 0}, {}))
        for name, found in (("reason", headers.get("reason")), ("key", record["key"]),
                            ("value", record["value"])):
            if found != item[name] and not (name == "reason" and found and item[name] is None):
                failures.append(f"{item['what']} at {place}: {name} is {str(found)[:80]}, "
                                f"expected {str(item[name])[:80]}")
        if not headers.get("detail") or not headers.get("topic"):
            failures.append(f"{item['what']}: no detail or topic in {headers}")
    for place, (_, headers) in rejects.items():
        failures.append(f"rejected and was good: {place}: {headers}")
    for failure in failures[:20]:
        print(failure)
    return 1 if failures else 0


def check_good(out, standings):
    with open(out + ".json") as file:
        wanted = json.load(file)["good"]
    found = {}
    with open(standings) as file:
        for line in file:
            standing = json.loads(line)
            term = standing["terms"]["seen"]
            found[standing["agent"]] = term["kept"] + term["broken"]
    if found != wanted:
        print(f"counted {found}, sent {wanted}")
    return 0 if found == wanted else 1


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "make":
        sys.exit(make(int(arguments[0]), arguments[1]))
    sys.exit((check if command == "check" else check_good)(*arguments))
