"""What an engine that died left behind, asked for at later times, held against the model.

  outlive.py REDIS PREFIX CAPABILITY

Reads what stands in Redis, and calls troth_route around every good_until and offer_until there, and
each minute between, until nobody is left. Each answer must be the model's; and over many draws those
who are offered must be those of whom offer_until has not come, with at most what narrow leaves from
good_until on: so fewer and fewer. Exit status: 0 it holds; 1 it does not.
"""
import sys

from check import MINUTE, Client, call_of, expect
from model import Call, Fleet

DRAWS = 60  # of which one lets an agent of traffic 0.25 in but for 3e-8
FIELDS = ("score", "rung", "traffic", "capabilities", "max_cost_micros", "good_until",
          "offer_until", "guarded")


def read_fleet(client, prefix, capability):
    fleet = Fleet()
    for kind, places in (("route", fleet.route), ("probation", fleet.probation)):
        flat = client.one("ZRANGE", f"{prefix}:{kind}:{capability}", 0, -1, "WITHSCORES")
        places.update({flat[i]: float(flat[i + 1]) for i in range(0, len(flat), 2)})
    for name in fleet.route:
        flat = client.one("HGETALL", prefix.encode() + b":agent:" + name)
        fleet.agents[name] = {flat[i].decode(): flat[i + 1].decode()
                              for i in range(0, len(flat), 2)}
    return fleet


def expected(fleet, capability, now):
    """Those who may be offered, by the words of schemas/redis.md alone; their rung and traffic."""
    offered = {}
    for name, row in fleet.agents.items():
        narrowed = now >= int(row["good_until"]) and row["rung"] in ("clear", "warn")
        scope = "narrow_" if narrowed else ""
        if now < int(row["offer_until"]) and float(row[scope + "traffic"]) > 0 and \
                capability in row[scope + "capabilities"].split(","):
            offered[name] = ("narrow" if narrowed else row["rung"], row[scope + "traffic"])
    return offered


def offered_at(client, prefix, capability, fleet, now):
    offered = {}
    calls = [call_of(prefix, 64, drawn, now, capability)[:-1] for drawn in range(DRAWS)]
    for drawn, answer in enumerate(client.many(calls)):
        wanted = Call(fleet, capability, 64, drawn, now).answer()
        expect(answer == wanted, f"at {now}, RANDOM {drawn}: {answer}, and the model: {wanted}")
        for item in answer:
            told = dict(zip(FIELDS, (word.decode() for word in item[1:])))
            offered[item[0]] = (told["rung"], told["traffic"])
    return offered


def main():
    address, prefix, capability = sys.argv[1:]
    client = Client(address)
    fleet = read_fleet(client, prefix, capability)
    ends = {int(row[f]) for row in fleet.agents.values() for f in ("good_until", "offer_until")}
    first = min(int(row["as_of"]) for row in fleet.agents.values())
    times = sorted({e + d for e in ends for d in (-1, 0)} | set(range(first, max(ends), MINUTE)))
    before, narrowed, steps = None, 0, []
    for now in times:
        offered = offered_at(client, prefix, capability, fleet, now)
        may = expected(fleet, capability, now)
        # Of little traffic is drawn too seldom to be sure of; none may come that may not.
        sure = {n for n, (_, traffic) in may.items() if float(traffic) >= 0.25}
        expect(sure <= set(offered) <= set(may), f"at {now}: {set(offered) ^ set(may)} differ")
        expect(all(offered[n] == may[n] for n in offered), f"at {now}: {offered}, and not {may}")
        expect(before is None or set(may) <= before, f"at {now}: more may be offered than before")
        narrowed += sum(rung == "narrow" for rung, _ in offered.values())
        if before is None or len(may) != len(before):
            steps.append(f"{(now - first) / MINUTE:.1f} min: {len(may)}")
        before = set(may)
    print(f"{len(fleet.agents)} agents for {capability}, {len(times)} times; " + ", ".join(steps))
    expect(len(steps) > 3 and not before, "the fleet did not shrink step by step until nobody was left")
    expect(narrowed > 0 or capability != "refund", "nobody was narrowed meanwhile")
    return 0


if __name__ == "__main__":
    sys.exit(main())
