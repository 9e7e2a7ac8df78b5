"""A router that goes away and comes back, as schemas/redis.md has it; for tests/system/catch_up.

  catch_up.py leave REDIS PREFIX STATE     notes the stream's last id, then reads every agent
  catch_up.py return REDIS PREFIX STATE [--records FILE] [--deaf]
      Reads the stream from the noted id on, and of the agents those alone of which it must: named in an
      entry, of a partition that was restated, or all where the id is not there any more. Then what it knows
      is compared with every agent's hash, and with --records (dump_topic records of the interventions topic,
      read_committed) with the last committed rung of each agent. Without a cut it is also seen that every
      committed intervention since is in the stream, or of a restated partition. --deaf: it reads nothing.

`return` prints what it saw and read, a line, and at most 20 lines of what differs.
Exit status: 0 the pictures agree; 1 they do not; 2 wrong use.
"""
import argparse
import json
import sys

from view import Redis, hashes

SCOPE = ("rung", "traffic", "capabilities", "max_cost_micros", "partition")
PAGE = 1000


class Router:
    def __init__(self, address, prefix):
        self.redis = Redis(address)
        self.prefix = prefix
        self.stream = f"{prefix}:interventions"

    def read(self, agent):
        fields = self.redis("HMGET", f"{self.prefix}:agent:{agent}", *SCOPE)
        return None if None in fields else [field.decode() for field in fields]

    def agents(self):
        """The names of all agents: a router that wants some work done asks the route of it instead."""
        return sorted(agent["agent"] for agent in hashes(self.redis, f"{self.prefix}:agent:*"))

    def last_id(self):
        entries = self.redis("XREVRANGE", self.stream, "+", "-", "COUNT", "1")
        return entries[0][0].decode() if entries else "0-0"

    def entries_from(self, last):
        """Every entry from an id on, that id's own, too, where it is there."""
        while True:
            page = self.redis("XRANGE", self.stream, last, "+", "COUNT", str(PAGE))
            for at, fields in page:
                yield at.decode(), fields[0].decode(), fields[1]
            if len(page) < PAGE:
                return
            last = "(" + page[-1][0].decode()


def leave(router, state):
    last = router.last_id()  # before the agents are read: what changes meanwhile is heard of later
    known = {agent: router.read(agent) for agent in router.agents()}
    with open(state, "w", encoding="utf-8") as out:
        json.dump({"last": last, "agents": known}, out)
    print(f"{len(known)} agents, last id {last}")


class Heard:
    """What the stream says since an id."""

    def __init__(self, router, last):
        self.ids, self.agents, self.restated = [], set(), set()
        self.cut, self.entries = True, 0
        for number, (at, name, value) in enumerate(router.entries_from(last)):
            if number == 0 and at == last:
                self.cut = False
                continue
            self.entries += 1
            if name == "restated":
                self.restated.add(value.decode())
            else:
                record = json.loads(value)
                self.ids.append(record["id"])
                self.agents.add(record["agent"])


def committed(path):
    """The interventions of a dump, in order."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(bytes.fromhex(json.loads(line)["value"])) for line in lines]


def compare(known, there, what):
    return [f"{agent}: known {known.get(agent)}, {what} {there.get(agent)}"
            for agent in sorted(set(known) | set(there)) if known.get(agent) != there.get(agent)]


def differences(router, known, heard, records, last):
    found = compare(known, {agent: router.read(agent) for agent in router.agents()}, "Redis")
    if records is None:
        return found
    rungs = {record["agent"]: record["to"] for record in records}
    found += compare({agent: row[0] for agent, row in known.items() if row[0] != "recertify"},
                     {agent: rung for agent, rung in rungs.items() if rung != "recertify"}, "Kafka")
    if not heard.cut:
        since_us = int(last.split("-")[0]) * 1000
        told = set(heard.ids)
        silent = [record for record in records
                  if record["decided_at"] > since_us and record["id"] not in told]
        found += [f"{record['id']} of {record['agent']} was never said, nor that it was not"
                  for record in silent if known[record["agent"]][4] not in heard.restated]
        print(f"committed since and not in the stream: {len(silent)}")
    return found


def come_back(router, options):
    with open(options.state, encoding="utf-8") as lines:
        state = json.load(lines)
    known = state["agents"]
    heard = Heard(router, state["last"])
    names = set(heard.agents)
    if heard.cut:
        names = set(router.agents()) | set(known)
    elif heard.restated:
        names |= {agent for agent in set(router.agents()) | set(known)
                  if agent not in known or known[agent][4] in heard.restated}
    for agent in names if not options.deaf else ():
        row = router.read(agent)
        if row is None:
            known.pop(agent, None)  # unproven
        else:
            known[agent] = row
    print(f"{'cut' if heard.cut else 'whole'}: {heard.entries} entries, {len(heard.ids)} interventions, "
          f"{len(heard.ids) - len(set(heard.ids))} said again, restated {','.join(sorted(heard.restated)) or '-'}; "
          f"read {len(names)} of {len(known)} agents")
    records = committed(options.records) if options.records else None
    found = differences(router, known, heard, records, state["last"])
    for line in found[:20]:
        print(line)
    return 1 if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["leave", "return"])
    parser.add_argument("redis")
    parser.add_argument("prefix")
    parser.add_argument("state")
    parser.add_argument("--records")
    parser.add_argument("--deaf", action="store_true")
    options = parser.parse_args()
    router = Router(options.redis, options.prefix)
    if options.what == "leave":
        leave(router, options.state)
        return 0
    return come_back(router, options)


if __name__ == "__main__":
    sys.exit(main())
