"""A flow of events under a contract that changes, and what must be counted of it.

  contract_counts.py make AGENTS COUNT          JSON Lines for `troth emit`: agents flow-N
  contract_counts.py count OFFSET FORGED DUMP... >OUT  what each agent's terms must hold at the end
                                  of the dumps (dump_topic events), one a partition: term `kept`
                                  since the first event, term `moved` since the first pointer to
                                  the document at OFFSET of the contracts topic; before that, FORGED
                                  ones are passed over
  contract_counts.py check OUT STANDINGS VERSION   whether the standings hold that (view.py)
"""
import json
import random
import sys
import time


def make(agents, count):
    rng = random.Random(11)
    # A lead of less than a minute is taken as the record's own time, so nothing here is ever late.
    at = int(time.time() * 1e6) + 55_000_000
    for i in range(int(count)):
        print(json.dumps({"agent": f"flow-{rng.randrange(int(agents))}", "at": at, "kind": "task",
                          "task": str(i), "outcome": rng.choice(["ok", "ok", "ok", "failed"]),
                          "latency_us": rng.randrange(1_000_000)}))
    return 0


def count(offset, forged, *dumps):
    """The contract's terms, as contract_change writes them."""
    terms = {}
    changed = set()
    for dump in dumps:
        agents = {}
        passed = int(forged)
        with open(dump) as lines:
            for line in lines:
                event = json.loads(line)
                if event["kind"] == "pointer" and dump not in changed and \
                        event.get("attributes") == {"topic": "contracts", "offset": offset}:
                    if passed > 0:
                        passed -= 1
                        continue
                    changed.add(dump)
                    for agent in agents.values():
                        agent["moved"] = [0, 0]
                elif event["kind"] == "task":
                    agent = agents.setdefault(event["agent"], {"kept": [0, 0], "moved": [0, 0]})
                    for name in agent:
                        agent[name][event["outcome"] != "ok"] += 1
        terms |= agents
    json.dump(terms, sys.stdout)
    return 0 if len(changed) == len(dumps) else 1


def check(wanted, standings, version):
    with open(wanted) as file:
        wanted = json.load(file)
    found = {}
    versions = set()
    with open(standings) as lines:
        for line in lines:
            standing = json.loads(line)
            versions.add(standing["contract_version"])
            found[standing["agent"]] = {name: [term["kept"], term["broken"]]
                                        for name, term in standing["terms"].items()}
    for agent in sorted(set(wanted) | set(found)):
        if wanted.get(agent) != found.get(agent):
            print(f"{agent}: {found.get(agent)}, expected {wanted.get(agent)}")
    print(f"{len(found)} standings of versions {versions}")
    return 0 if wanted == found and versions == {int(version)} else 1


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    sys.exit({"make": make, "count": count, "check": check}[command](*arguments))
