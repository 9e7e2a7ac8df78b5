"""What troth_route must answer: an obvious slow model, written from DESIGN.md section 8 and
schemas/redis.md, and not from the function.

A fleet is a Fleet: what stands in Redis, as plain values. Everything is looked through anew in each
call, and lists are really shuffled.
"""
import hashlib
from fractions import Fraction

RUNGS = ["clear", "warn", "narrow", "recertify", "review", "pause"]
CONSEQUENCES = ["low", "medium", "high"]


class Fleet:
    def __init__(self):
        self.agents = {}     # name -> its hash, texts
        self.route = {}      # name -> score
        self.probation = {}  # name -> 0


def chance(*words):
    text = b":".join(w if isinstance(w, bytes) else str(w).encode() for w in words)
    return Fraction(int.from_bytes(hashlib.sha1(text).digest()[:4], "big"), 2**32)


def shuffled(items, random, what):
    """The items in the order in which their places are drawn."""
    items = list(items)
    for k in range(len(items)):
        at = k + int(chance(random, what, k) * (len(items) - k))
        items[k], items[at] = items[at], items[k]
        yield items[k]


def band_of(score):
    return min(int(score) // 50, 19)


class Call:
    def __init__(self, fleet, capability, count, random, now, contract=None, consequence=None,
                 cost=None, explore=0.05):
        self.fleet, self.capability, self.count, self.random = fleet, capability, count, random
        self.now, self.contract, self.consequence = now, contract, consequence
        self.cost, self.explore = cost, explore
        self.exploring = chance(random, "explore") < explore
        self.read, self.tried, self.given = set(), set(), []
        self.counts = dict.fromkeys(("unproven", "expired", "unfit", "held_back"), 0)

    def seen(self, name):
        """The agent as a reader must take it now, or None."""
        self.read.add(name)
        row = self.fleet.agents.get(name)
        if row is None:
            return None
        row = dict(row)
        if row["rung"] in ("clear", "warn") and self.now >= int(row["good_until"]):
            row["rung"] = "narrow"
            for field in ("traffic", "capabilities", "max_cost_micros"):
                row[field] = row["narrow_" + field]
        return row

    def why_not(self, name, row):
        if row is None:
            return "unproven"
        if self.now >= int(row["offer_until"]):
            return "expired"
        limit = int(row["max_cost_micros"])
        if self.capability not in row["capabilities"].split(","):
            return "unfit"
        if self.cost is not None and 0 <= limit < self.cost:
            return "unfit"
        if self.contract and self.contract not in row["contracts"].split(","):
            return "unfit"
        if self.consequence and (CONSEQUENCES.index(row["consequence"]) <
                                 CONSEQUENCES.index(self.consequence)):
            return "unfit"
        share = float(row["traffic"])
        if row["rung"] == "recertify":
            share = (share / self.explore if self.exploring
                     else (share - self.explore) / (1 - self.explore))
        return None if chance(self.random, "agent", name) < share else "held_back"

    def attempt(self, name, to):
        """Tries an agent. Returns whether it is given."""
        if name in self.tried:
            return False
        self.tried.add(name)
        row = self.seen(name)
        reason = self.why_not(name, row)
        if reason:
            self.counts[reason] += 1
            return False
        to.append((name, row))
        return True

    def full(self):
        return len(self.given) >= self.count

    def try_probation(self):
        names = [n for n, _ in sorted(self.fleet.probation.items())]
        for k, name in enumerate(shuffled(names, self.random, "probation")):
            if self.full() or k == 64:
                return
            row = self.seen(name)
            if row is not None and row["rung"] == "recertify":
                self.attempt(name, self.given)

    def try_bands(self, names, whole):
        limit = 256 if whole else 192
        for band in range(19, -1, -1):
            in_band = [n for n in names if band_of(self.fleet.route[n]) == band]
            in_vain = 0
            for name in shuffled(in_band, self.random, "band:%d" % band):
                if self.full() or len(self.read) >= limit or (in_vain == 32 and not whole):
                    break
                in_vain = 0 if self.attempt(name, self.given) else in_vain + 1

    def try_all(self, names):
        found = []
        for k, name in enumerate(shuffled(names, self.random, "all")):
            if len(self.read) >= 256 or k == 256:
                break
            self.attempt(name, found)
        found.sort(key=lambda item: -band_of(item[1]["score"]))  # stable: else as drawn
        self.given += found[:self.count - len(self.given)]

    def answer(self):
        # Redis orders equal scores by name, and from the top backwards.
        names = sorted(self.fleet.route, key=lambda n: (self.fleet.route[n], n), reverse=True)
        whole = len(names) <= 192
        if self.exploring:
            self.try_probation()
        self.try_bands(names, whole)
        if not self.full() and not whole:
            self.try_all(names)
        return [[name] + [row[field].encode() for field in (
            "score", "rung", "traffic", "capabilities", "max_cost_micros", "good_until",
            "offer_until", "guarded")] for name, row in self.given]
