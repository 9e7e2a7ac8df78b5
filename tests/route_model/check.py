"""Holds the function troth_route, in a real Redis, against the model (model.py).

  check.py same REDIS PREFIX [--seed N] [--fleets N]   random fleets and calls: the same answers
  check.py shares REDIS PREFIX     over 100,000 calls each agent is given its traffic, within 0.01
  check.py herd REDIS PREFIX       in a band of equals, most of them dead, nobody gets more than its share
  check.py dead REDIS PREFIX       behind dead agents the living are found as often as is promised
  check.py way-back REDIS PREFIX   agents on probation come first in the share of calls that explores
  check.py refusals REDIS PREFIX   bad arguments are refused with what was expected
  check.py fleet REDIS PREFIX      leaves a small fleet, for the command

Exit status: 0 it holds; 1 it does not, with what differs.
"""
import argparse
import os
import random
import sys

from model import Call, Fleet, RUNGS

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from view import Redis  # noqa: E402

NOW = 1790000000000000
MINUTE = 60000000
TRAFFIC = {"clear": 1, "warn": 1, "narrow": 0.25, "recertify": 0.1, "review": 0.05, "pause": 0}
CALLS = 100000
PIPELINE = 1000


class Client(Redis):
    def many(self, commands):
        """The answers of many commands, in order."""
        for first in range(0, len(commands), PIPELINE):
            part = commands[first:first + PIPELINE]
            for words in part:
                parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
                self.stream.write(b"*%d\r\n" % len(parts) + b"".join(
                    b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            self.stream.flush()
            for _ in part:
                yield self.answer()

    def one(self, *words):
        return next(self.many([words]))


def agent(rung, score, **other):
    row = {"score": score, "rung": rung, "traffic": TRAFFIC[rung], "capabilities": "refund,quote",
           "max_cost_micros": -1, "good_until": NOW + 10 * MINUTE, "offer_until": NOW + 20 * MINUTE,
           "guarded": 0, "contracts": "refunds", "consequence": "medium",
           "narrow_traffic": min(TRAFFIC[rung], 0.25), "narrow_capabilities": "refund",
           "narrow_max_cost_micros": -1}
    row.update(other)
    return {name: str(value) for name, value in row.items()}


def add(fleet, name, row):
    fleet.agents[name] = row
    if float(row["traffic"]) > 0:
        fleet.route[name] = int(row["score"])
        if row["rung"] == "recertify":
            fleet.probation[name] = 0


def store(client, prefix, fleet):
    list(client.many([("DEL", f"{prefix}:route:refund"), ("DEL", f"{prefix}:probation:refund"),
                      ("HSET", f"{prefix}:meta", "version", 1)]))
    commands = []
    for name, row in fleet.agents.items():
        commands.append(["HSET", prefix.encode() + b":agent:" + name] +
                        [w for item in row.items() for w in item])
    for kind, places in (("route", fleet.route), ("probation", fleet.probation)):
        for name, score in places.items():
            commands.append(["ZADD", f"{prefix}:{kind}:refund", score, name])
    list(client.many(commands))


def forget(client, prefix, fleet):
    list(client.many([("DEL", prefix.encode() + b":agent:" + name) for name in fleet.agents]))


def call_of(prefix, count, drawn, now=NOW, capability="refund", **options):
    words = ["FCALL_RO", "troth_route", 1, f"{prefix}:route:{capability}", count, drawn, "NOW", now]
    for name, value in options.items():
        words += [name.upper(), value]
    return words + ["COUNTS"]


def numbers(flat):
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def name_of(i):
    return b"agent-%05d" % i


def expect(holds, text):
    if not holds:
        print(text)
        sys.exit(1)


# ---- the same as the model ----------------------------------------------------------------------

def random_row(rand, dead):
    rung = rand.choices(RUNGS, (50, 10, 10, 15, 10, 5))[0]
    score = rand.choice((1000, 999, 950, 949, 0, rand.randrange(1001), rand.randrange(900, 1001)))
    row = agent(rung, score)
    row["good_until"] = str(NOW + rand.choice((-MINUTE, 0, 1, MINUTE)))
    row["offer_until"] = str(NOW + (rand.choice((-MINUTE, 0)) if rand.random() < dead else MINUTE))
    row["traffic"] = rand.choice((row["traffic"], row["traffic"], "0.5", "1", "0.01"))
    row["capabilities"] = rand.choice(("refund", "refund,quote", "quote,refund", "quote", "refunds"))
    row["max_cost_micros"] = str(rand.choice((-1, -1, 0, 500, 5000)))
    row["narrow_traffic"] = rand.choice(("0.25", "0", "0.125"))
    row["narrow_capabilities"] = rand.choice(("refund", "quote", "", "a,refund"))
    row["narrow_max_cost_micros"] = str(rand.choice((-1, 0, 400)))
    row["contracts"] = rand.choice(("refunds", "refunds,other", "other", "refunds.2"))
    row["consequence"] = rand.choice(("low", "medium", "high"))
    row["guarded"] = rand.choice("01")
    return row


def random_fleet(rand):
    fleet = Fleet()
    size = rand.choice((0, 1, 5, 30, 150, 191, 192, 193, 256, 257, 400, 900))
    dead, lost = rand.choice((0, 0.1, 0.9, 0.98, 1)), rand.choice((0, 0, 0.1))
    names = [rand.choice((name_of(i), b"a:b \"\xff*{x}:%d" % i, b"%d,x" % i)) for i in range(size)]
    for name in names:
        add(fleet, name, random_row(rand, dead))
        if rand.random() < lost:
            del fleet.agents[name]
        if rand.random() < 0.05:
            fleet.probation[name] = 0  # stale: it is not on probation any more
    return fleet


def random_options(rand):
    options = {}
    if rand.random() < 0.3:
        options["contract"] = rand.choice(("refunds", "other", "none"))
    if rand.random() < 0.3:
        options["consequence"] = rand.choice(("low", "medium", "high"))
    if rand.random() < 0.3:
        options["cost"] = rand.choice((0, 1, 450, 6000))
    if rand.random() < 0.7:
        options["explore"] = rand.choice((0, 0.05, 0.1, 0.5, 1))
    return options


def same(client, prefix, options):
    rand = random.Random(options.seed)
    calls = given = 0
    for number in range(options.fleets):
        fleet = random_fleet(rand)
        store(client, prefix, fleet)
        wanted, commands = [], []
        for _ in range(25):
            count, drawn = rand.choice((1, 1, 3, 20, 64)), rand.getrandbits(64)
            now, chosen = NOW + rand.choice((0, 0, -1, 1, MINUTE)), random_options(rand)
            wanted.append(Call(fleet, "refund", count, drawn, now, **chosen))
            commands.append(call_of(prefix, count, drawn, now, **chosen))
        for call, command, found in zip(wanted, commands, client.many(commands)):
            answer, counts = call.answer(), numbers(found[1])
            if answer != found[0]:
                print(f"seed {options.seed}, fleet {number} of {len(fleet.route)}: {command}")
                print(f"  the model gives {answer}\n  Redis gives {found[0]}")
                return 1
            told = dict(call.counts, listed=len(fleet.route), reads=len(call.read),
                        exploring=int(call.exploring))
            expect(told == counts, f"fleet {number}, {command}: counts {counts}, not {told}")
            expect(counts["reads"] <= 256, f"{command}: {counts['reads']} agents were read")
            calls, given = calls + 1, given + len(answer)
        forget(client, prefix, fleet)
    print(f"{options.fleets} fleets, {calls} calls, {given} agents given, all as in the model")
    return 0


# ---- what comes of many calls -------------------------------------------------------------------

def tally(client, commands):
    """How often each agent is given, and how often it comes first."""
    given, first = {}, {}
    for answer in client.many(commands):
        for item in answer:
            given[item[0]] = given.get(item[0], 0) + 1
        if answer:
            first[answer[0][0]] = first.get(answer[0][0], 0) + 1
    return given, first


def draws(prefix, count, calls, seed, **options):
    rand = random.Random(seed)
    return [call_of(prefix, count, rand.getrandbits(64), **options)[:-1] for _ in range(calls)]


def shares(client, prefix, options):
    fleet = Fleet()
    for i, (rung, score, traffic) in enumerate((
            ("clear", 1000, 1), ("clear", 990, 0.5), ("warn", 720, 0.9), ("narrow", 700, 0.25),
            ("narrow", 10, 0.75), ("recertify", 0, 0.1), ("recertify", 40, 0.3),
            ("recertify", 500, 0.02), ("review", 3, 0.05))):
        add(fleet, name_of(i), agent(rung, score, traffic=traffic))
    add(fleet, name_of(9), agent("clear", 995, good_until=NOW))  # so narrowed: 0.25
    store(client, prefix, fleet)
    given, _ = tally(client, draws(prefix, 64, CALLS, options.seed))
    for name, row in fleet.agents.items():
        due = 0.25 if name == name_of(9) else float(row["traffic"])
        share = given.get(name, 0) / CALLS
        print(f"{name.decode()} {row['rung']} traffic {due}: {share:.4f}")
        expect(abs(share - due) <= 0.01, "it is let in more or less often than its traffic says")
    forget(client, prefix, fleet)
    return 0


def herd(client, prefix, options):
    """700 of 1000 are dead, side by side, so that a walk past them would end at the same agent."""
    fleet = Fleet()
    for i in range(1000):
        row = agent("clear", 960, traffic=(1, 0.25, 0.5)[i % 3])
        if 100 <= i < 800:
            row["offer_until"] = str(NOW)
        add(fleet, name_of(i), row)
    store(client, prefix, fleet)
    given, _ = tally(client, draws(prefix, 1, CALLS, options.seed))
    living = {n: float(r["traffic"]) for n, r in fleet.agents.items() if int(r["offer_until"]) > NOW}
    whole = sum(living.values())
    expect(sum(given.values()) >= CALLS * 0.999, "some calls found nobody")
    expect(set(given) <= set(living), "a dead one was given")
    worst = 0
    for name, traffic in living.items():
        due = CALLS * traffic / whole
        worst = max(worst, abs(given.get(name, 0) - due) / due**0.5)
    print(f"{len(living)} living of {len(fleet.agents)}: at most {worst:.2f} sigma from the share")
    expect(worst < 5, "somebody gets more or less than its share")
    forget(client, prefix, fleet)
    return 0


def dead(client, prefix, options):
    fleet = Fleet()
    for i in range(5000):
        alive = i % 100 == 0
        add(fleet, name_of(i), agent("clear", i % 1000,
                                     offer_until=NOW + 1 if alive else NOW))
    store(client, prefix, fleet)
    found = reads = 0
    for answer, counts in client.many([d + ["COUNTS"] for d in
                                       draws(prefix, 1, 2000, options.seed)]):
        found += len(answer)
        reads = max(reads, numbers(counts)["reads"])
    print(f"one in a hundred lives: {found} of 2000 calls find one; at most {reads} agents read")
    expect(found >= 2000 * (1 - 0.99**64) - 90, "the living are found less often than is promised")
    expect(reads <= 256, "more agents were read than the bound says")
    answer, counts = client.one(*call_of(prefix, 64, 1, NOW + 1))
    expect(answer == [] and numbers(counts)["reads"] == 256, f"all are dead: {answer}, {counts}")
    forget(client, prefix, fleet)  # the route stays: agents without a hash
    answer, counts = client.one(*call_of(prefix, 64, 1))
    expect(answer == [] and numbers(counts)["unproven"] == 256, f"none has a hash: {counts}")
    return 0


def way_back(client, prefix, options):
    fleet = Fleet()
    for i in range(400):
        add(fleet, name_of(i), agent("clear", 900 + i % 100))
    for i in range(400, 420):
        add(fleet, name_of(i), agent("recertify", i % 20))
    store(client, prefix, fleet)
    for explore, due in ((0, 0), (0.05, 0.05), (0.2, 0.1), (1, 0.1)):
        # With one call in ten at most for each, some of twenty are let in nearly always.
        _, first = tally(client, draws(prefix, 1, 20000, options.seed, explore=explore))
        back = sum(first.get(n, 0) for n in fleet.probation) / 20000
        share = explore * (1 - (1 - min(1, 0.1 / explore))**20) if explore else 0
        print(f"explore {explore}: {back:.4f} of the calls go to agents on probation")
        expect(abs(back - share) <= 0.01, f"and not {share:.4f}")
        expect(all(first.get(n, 0) / 20000 <= due + 0.01 for n in fleet.probation),
               "one of them gets more than its traffic")
    forget(client, prefix, fleet)
    return 0


# ---- wrong use ----------------------------------------------------------------------------------

def refusals(client, prefix, _options):
    key = f"{prefix}:route:refund"
    for words, wanted in (
            ((1, key, 0, 7), 'COUNT "0"'), ((1, key, 65, 7), "1 to 64"), ((1, key, "x", 7), "COUNT"),
            ((1, key, 1.5, 7), "COUNT"), ((1, key, 1), "COUNT and RANDOM"), ((0,), "one key"),
            ((2, key, key, 1, 7), "one key"), ((1, "refund", 1, 7), "PREFIX:route:CAPABILITY"),
            ((1, key, 1, ""), "RANDOM"), ((1, key, 1, "x" * 65), "RANDOM"),
            ((1, key, 1, 7, "NOW", "soon"), "microseconds"), ((1, key, 1, 7, "NOW"), "needs a value"),
            ((1, key, 1, 7, "NOW", "-1"), "NOW"), ((1, key, 1, 7, "NOW", 2**53), "NOW"),
            ((1, key, 1, 7, "CONTRACT", "A b"), "CONTRACT"),
            ((1, key, 1, 7, "CONSEQUENCE", "grave"), "low, medium or high"),
            ((1, key, 1, 7, "COST", "-1"), "COST"), ((1, key, 1, 7, "COST", "1e3"), "COST"),
            ((1, key, 1, 7, "EXPLORE", "1.5"), "0 to 1"), ((1, key, 1, 7, "EXPLORE", ".."), "EXPLORE"),
            ((1, key, 1, 7, "SORT", "up"), 'option "SORT"')):
        try:
            answer = client.one("FCALL_RO", "troth_route", *words)
        except SystemExit as said:
            answer = str(said)
        good = isinstance(answer, str) and "ERR troth_route: " in answer and wanted in answer
        expect(good, f"{words}: {answer}, and not {wanted}")
    expect(client.one("FCALL_RO", "troth_route", 1, key, 64, "x" * 64, "explore", 1) is not None, "")
    return 0


def leave_fleet(client, prefix, _options):
    fleet = Fleet()
    late = {"good_until": NOW * 2, "offer_until": NOW * 2}
    add(fleet, b"refund-1", agent("clear", 980, **late))
    add(fleet, b"refund-2", agent("clear", 720, max_cost_micros=500, **late))
    add(fleet, b"refund-3", agent("narrow", 300, traffic=0, **late))
    add(fleet, b"refund-4", agent("clear", 900))
    fleet.route[b"refund-3"], fleet.route[b"refund-5"] = 300, 1
    store(client, prefix, fleet)
    return 0


def main():
    checks = {"same": same, "shares": shares, "herd": herd, "dead": dead, "way-back": way_back,
              "refusals": refusals, "fleet": leave_fleet}
    parser = argparse.ArgumentParser()
    parser.add_argument("check", choices=checks)
    parser.add_argument("redis")
    parser.add_argument("prefix")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--fleets", type=int, default=80)
    options = parser.parse_args()
    return checks[options.check](Client(options.redis), options.prefix, options)


if __name__ == "__main__":
    sys.exit(main())
