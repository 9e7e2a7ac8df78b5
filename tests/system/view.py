"""What Redis and the topics say, held against what they must say; for the system tests.

  view.py standings REDIS PREFIX [AGENT]    every standing in Redis, a line of JSON each; of the
                                            agents alone that the glob fits
  view.py compare REDIS PREFIX EXPECTED [--within US] [--rungs] [--records FILE]
      EXPECTED is what `troth replay --json` prints (or gives: *.gz). Compared are all standings in
      Redis: rung, score, since, counts by term and the rest that EXPECTED has; with --rungs the
      rungs, their `since` and the scores alone: where neither moves, a count is no news and may be
      of before (with `dead_band: 0` a score is always news). With --records, the
      interventions of a dump (dump_topic records), too: per standing, in order; no id twice.
      Times agree within --within microseconds (0), other numbers within 1e-6.
  view.py ids EXPECTED RECORDS              every id of EXPECTED stands in the dump

Prints what differs, at most 20 lines. Exit status 0: nothing differs; 1; 2 wrong use.
"""
import argparse
import gzip
import json
import socket
import sys

TIMES = {"since", "as_of", "good_until", "offer_until", "decided_at", "degraded_at",
         "time_to_narrow_us", "from_since"}
NUMBERS = {"compliance", "freshness"}


class Redis:
    """As much of RESP as is asked here."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.stream = socket.create_connection((host, int(port)), 10).makefile("rwb")

    def __call__(self, *words):
        parts = [w.encode() if isinstance(w, str) else w for w in words]
        self.stream.write(b"*%d\r\n" % len(parts))
        for part in parts:
            self.stream.write(b"$%d\r\n%s\r\n" % (len(part), part))
        self.stream.flush()
        return self.answer()

    def answer(self):
        line = self.stream.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        if kind == b"$":
            return None if int(rest) < 0 else self.stream.read(int(rest) + 2)[:-2]
        if kind == b"-" or not line:
            raise SystemExit("redis: " + (rest.decode() or "gone"))
        return int(rest) if kind == b":" else rest


def hashes(redis, pattern):
    keys, cursor = set(), b"0"
    while True:
        cursor, found = redis("SCAN", cursor, "MATCH", pattern, "COUNT", "10000")
        keys.update(found)
        if cursor == b"0":
            break
    for key in sorted(keys):
        flat = [item.decode() for item in redis("HGETALL", key)]
        yield dict(zip(flat[::2], flat[1::2]))


def standing_of(fields):
    """A standing's hash in the words of `troth replay --json`."""
    standing = {"agent": fields["agent"], "contract": fields["contract"], "rung": fields["rung"],
                "limiting": fields["limiting"] or None, "cause": fields["cause"]}
    for name in ("contract_version", "score", "since", "as_of", "good_until", "offer_until",
                 "relapses"):
        standing[name] = int(fields[name])
    for name in NUMBERS:
        standing[name] = float(fields[name])
    standing["terms"] = {}
    for name in filter(None, fields["terms"].split(",")):
        term = {}
        for key in ("kept", "broken", "alarm", "amount"):
            if f"term.{name}.{key}" in fields:
                term[key] = int(fields[f"term.{name}.{key}"])
        for key in ("confidence", "freshness"):
            if f"term.{name}.{key}" in fields:
                term[key] = float(fields[f"term.{name}.{key}"])
        standing["terms"][name] = term
    return standing


def read_standings(address, prefix, agent=""):
    redis = Redis(address)
    return {(s["agent"], s["contract"]): s
            for s in map(standing_of, hashes(redis, f"{prefix}:standing:{agent}*"))}


def read_expected(path):
    standings, interventions = {}, {}
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as lines:
        for line in lines:
            for kind, item in json.loads(line).items():
                key = (item["agent"], item["contract"])
                if kind == "standing":
                    standings[key] = item
                else:
                    interventions.setdefault(key, []).append(item)
    return standings, interventions


def read_records(path, problems):
    """Interventions of a dump, by standing in the order of the log."""
    seen, interventions = set(), {}
    with open(path) as lines:
        for line in lines:
            record = json.loads(line)
            item = json.loads(bytes.fromhex(record["value"]))
            if item["id"] in seen:
                problems.append(f"id {item['id']} stands there twice")
            seen.add(item["id"])
            interventions.setdefault((item["agent"], item["contract"]), []).append(item)
    return interventions


def same(name, wanted, found, within):
    if isinstance(wanted, bool) or isinstance(found, bool):
        return bool(wanted) == bool(found)
    if wanted is None or found is None or isinstance(wanted, str):
        return wanted == found
    if name in TIMES:
        return abs(wanted - found) <= within
    if name in NUMBERS or name == "confidence":
        return abs(wanted - found) <= 1e-6
    return wanted == found


def compare_fields(who, wanted, found, names, within, problems):
    for name in names:
        if name in wanted and not same(name, wanted[name], found.get(name), within):
            problems.append(f"{who}: {name} is {found.get(name)}, expected {wanted[name]}")


def compare_standings(expected, found, options, problems):
    for key in sorted(set(expected) ^ set(found)):
        where = "is not in Redis" if key in expected else "is in Redis and should not be"
        problems.append(f"standing {key}: {where}")
    names = ["rung", "since", "score"]
    if not options.rungs:
        names += ["contract_version", "compliance", "freshness", "limiting", "good_until",
                  "offer_until", "relapses"]
    for key in sorted(set(expected) & set(found)):
        wanted, there = expected[key], found[key]
        compare_fields(f"standing {key}", wanted, there, names, options.within, problems)
        for term in [] if options.rungs else wanted["terms"]:
            compare_fields(f"standing {key} term {term['name']}", term,
                           there["terms"].get(term["name"], {}),
                           ["kept", "broken", "confidence", "freshness", "alarm"], options.within,
                           problems)


def compare_interventions(expected, found, options, problems):
    names = ["from", "to", "from_since", "narrowing", "decided_at", "degraded_at", "time_to_narrow_us",
             "exposed_tasks", "exposed_cost_micros", "score"]
    for key in sorted(set(expected) | set(found)):
        wanted, there = expected.get(key, []), found.get(key, [])
        if len(wanted) != len(there):
            problems.append(f"{key}: {len(there)} interventions, expected {len(wanted)}")
        for i, (w, t) in enumerate(zip(wanted, there)):
            who = f"intervention {i} of {key}"
            compare_fields(who, w, t, names, options.within, problems)
            compare_fields(who, w["cause"], t["cause"], ["condition", "term"], 0, problems)


def compare(options):
    problems = []
    standings, interventions = read_expected(options.expected)
    found = read_standings(options.redis, options.prefix)
    compare_standings(standings, found, options, problems)
    count = 0
    if options.records:
        records = read_records(options.records, problems)
        compare_interventions(interventions, records, options, problems)
        count = sum(map(len, records.values()))
    for problem in problems[:20]:
        print(problem)
    if len(problems) > 20:
        print(f"... and {len(problems) - 20} more")
    print(f"{len(found)} standings, {count} interventions, {len(problems)} differences")
    return 1 if problems or not standings else 0


def compare_ids(options):
    problems = []
    wanted = [i["id"] for items in read_expected(options.expected)[1].values() for i in items]
    found = {i["id"] for items in read_records(options.records, problems).values() for i in items}
    missing = set(wanted) - found
    print(f"{len(wanted)} ids, of which {len(missing)} are not in the topic; {problems[:3]}")
    return 1 if missing or problems or not wanted else 0


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("standings", "compare"):
        command = commands.add_parser(name)
        command.add_argument("redis")
        command.add_argument("prefix")
        if name == "standings":
            command.add_argument("agent", nargs="?", default="")
    command.add_argument("expected")
    command.add_argument("--within", type=int, default=0)
    command.add_argument("--rungs", action="store_true")
    command.add_argument("--records")
    command = commands.add_parser("ids")
    command.add_argument("expected")
    command.add_argument("records")
    options = parser.parse_args()
    if options.command == "compare":
        return compare(options)
    if options.command == "ids":
        return compare_ids(options)
    for standing in read_standings(options.redis, options.prefix, options.agent).values():
        print(json.dumps(standing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
