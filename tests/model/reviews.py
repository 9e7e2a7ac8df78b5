"""The model of reviews and of the week's ledgers: schemas/reviews.md. And of decisions that come by
pointers: schemas/decisions.md.

A ledger is kept by contract and week.
"""
import collections
import datetime

from contracts import RANK
from decisions import Review
from model import Standing
from pointed import PointedShard

TRUSTED = ("clear", "warn")
RESCUES = ("interrupt", "correction", "takeover", "redo", "silent_edit", "approval_waived")
COUNTS = ("tasks", "rescued_tasks", "rescue_reports", "narrowed", "narrowed_stale", "narrowed_decided",
          "recovered", "relapses", "reviews_carried", "reviews_opened", "reviews_by_ladder",
          "reviews_done", "reviews_concrete", "reviews_dropped", "late_kept", "late_broken", "missing",
          "exceptions", "waiver_uses")
POSITIONS_KEPT = 8
EXCEPTIONS_KEPT = 8
OWNER_BYTES = 63
WEEK_US = 7 * 86_400_000_000


def week_of(us):
    """As 2026-W48."""
    day = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def start_of(week):
    """Its Monday, in microseconds."""
    monday = datetime.datetime.strptime(week + "-1", "%G-W%V-%u")
    return (monday - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)


def bucket(us):
    if us < 32:
        return us
    bits = us.bit_length()
    return 16 * (bits - 5) + us // 2 ** (bits - 5)


class Ledger:
    """What was counted of one contract in one week, of one shard or of several."""

    def __init__(self):
        self.counts = dict.fromkeys(COUNTS, 0)
        self.rescues = dict.fromkeys(RESCUES, 0)
        self.times = {"time_to_narrow": [], "recovery": []}     # in microseconds
        self.debt = []      # exceptions that were open when the week ended

    def add(self, other):
        for name, count in other.counts.items():
            self.counts[name] += count
        for name, count in other.rescues.items():
            self.rescues[name] += count
        for name, times in other.times.items():
            self.times[name] = self.times[name] + times
        self.debt = self.debt + other.debt

    def open(self):
        counts = self.counts
        return (counts["reviews_carried"] + counts["reviews_opened"] - counts["reviews_done"]
                - counts["reviews_dropped"])

    def record(self):
        """The fields of the ledger's record that are counted."""
        shown = {name: sorted([number, count] for number, count
                              in collections.Counter(map(bucket, times)).items())
                 for name, times in self.times.items()}
        return {**self.counts, "rescues": self.rescues, **shown, "debt": self.debt, "debt_left_out": 0}


class CountedReview(Review):
    """A review of which the ledger is told; `ledger(time)` is that of the contract in the week of a time.

    `opened` is true of one that the clock has opened, too."""

    def __init__(self, every, ledger):
        super().__init__(every)
        self.ledger = ledger
        self.in_force = 0       # since when `every` is

    def settle(self, t):
        """What was due until then is opened, at its own time."""
        if not self.opened and self.is_open(t):
            self.opened = True
            self.ledger(max(self.clock_from + self.every, self.in_force)).counts["reviews_opened"] += 1

    def step(self, before, to, t):
        self.settle(t)
        was_open = self.opened
        super().step(before, to, t)
        if self.opened and not was_open:
            self.ledger(t).counts["reviews_opened"] += 1
            self.ledger(t).counts["reviews_by_ladder"] += 1

    def rebind(self, every, t):
        self.settle(t)
        super().rebind(every, t)
        self.in_force = t

    def end(self, t, before, after):
        self.settle(t)
        if self.opened:
            self.ledger(t).counts["reviews_done"] += 1
            self.ledger(t).counts["reviews_concrete"] += before != after
        super().end(t, before, after)


class ReviewedStanding(Standing):
    """A standing that is counted."""

    def __init__(self, agent, contract, clock, report, ledger):
        super().__init__(agent, contract, clock, report)
        self.ledger = ledger
        self.review = CountedReview(contract.review_every, ledger)
        self.fell_at = None         # when it left clear and warn; None: is there, or never was
        self.exceptions = {}        # of EXCEPTION events, by owner: since, until, uses
        self.waived = {}            # by term: the log's time of the decision, and who
        self.positions = {}         # of decisions that came to it last, by id
        self.forgotten = -1         # the greatest position of those before

    def ghost(self):
        ghost = super().ghost()
        ghost.ledger = ghost.review.ledger = lambda t: Ledger()
        return ghost

    # ------------------------------------------------------------ what the model does, and is counted

    def run_deadlines(self, clock):
        super().run_deadlines(clock)
        self.review.settle(clock)

    def evaluate(self, t):
        self.review.settle(t)
        super().evaluate(t)

    def apply(self, event, at, clock, missing):
        counts = self.ledger(clock).counts
        before = [sum(s.late for s in self.states), sum(s.hidden for s in self.states),
                  sum(self.docket.uses.values())]
        super().apply(event, at, clock, missing)
        counts["late_kept"] += sum(s.late for s in self.states) > before[0]
        counts["late_broken"] += sum(s.hidden for s in self.states) > before[1]
        counts["waiver_uses"] += sum(self.docket.uses.values()) > before[2]
        counts["missing"] += missing or 0
        self._note_kind(event, self.ledger(clock))
        if event["kind"] == "exception":
            self._note_exception(event, at, clock)

    @staticmethod
    def _note_kind(event, ledger):
        name = {"task": "tasks", "rescue": "rescue_reports", "exception": "exceptions"}.get(event["kind"])
        rescue = event.get("rescue")
        if name is not None:
            ledger.counts[name] += 1
        if name in ("tasks", "rescue_reports") and rescue is not None:
            ledger.counts["rescued_tasks"] += name == "tasks"
            ledger.rescues[rescue] += 1

    def comes_anew(self, name, offset):
        """Notes the record of a decision. False: it, or a later one of its id, came before."""
        if offset in self.positions.values() or offset <= max(self.forgotten, self.positions.get(name, -1)):
            return False
        self.positions[name] = offset
        if len(self.positions) > POSITIONS_KEPT:
            self.forgotten = max(self.forgotten, self.positions.pop(next(iter(self.positions))))
        return True

    def _note_exception(self, event, at, clock):
        owner, until = event.get("owner"), event.get("until")
        if event.get("source", "self") == "self" or not owner or until is None or until < 0:
            return
        owner = owner.encode()[:OWNER_BYTES].decode(errors="ignore")
        if owner not in self.exceptions and len(self.exceptions) == EXCEPTIONS_KEPT:
            first = min(self.exceptions, key=lambda name: self.exceptions[name][1])
            if self.exceptions[first][1] > clock:
                return
            del self.exceptions[first]
        since, end, uses = self.exceptions.get(owner, (at, until, 0))
        self.exceptions[owner] = min(since, at), max(end, until), uses + 1

    def debt(self, t):
        """What is let pass past a time."""
        waived = [(term.name, self.waived[term.name], self.docket.waivers[term.name],
                   self.docket.uses.get(term.name, 0))
                  for term in self.contract.terms if self.docket.waives(term, t)]
        return ([{"agent": self.agent, "term": term, "owner": by, "since": since, "until": until, "uses": uses}
                 for term, (since, by), until, uses in waived]
                + [{"agent": self.agent, "term": None, "owner": owner, "since": since, "until": until,
                    "uses": uses} for owner, (since, until, uses) in self.exceptions.items() if until > t])

    def move(self, to, cause, state, t, decision=None):
        before, ledger = self.rung, self.ledger(t)
        timed = state is not None and state.term.is_share_like and state.cusum > 0
        onset = state.onset if timed else None
        super().move(to, cause, state, t, decision)
        self._count_move(before, to, cause, t, ledger, onset)

    def _count_move(self, before, to, cause, t, ledger, onset):
        if before in TRUSTED and RANK[to] > RANK["warn"]:
            ledger.counts["narrowed"] += 1
            ledger.counts["narrowed_stale"] += cause == "freshness"
            ledger.counts["narrowed_decided"] += cause == "decision"
            ledger.counts["relapses"] += to != "recertify" and self.relapses > 0
            ledger.times["time_to_narrow"] += [] if onset is None else [t - onset]
            self.fell_at = t
        elif before not in TRUSTED and to in TRUSTED and self.fell_at is not None:
            ledger.counts["recovered"] += 1
            ledger.times["recovery"].append(t - self.fell_at)
            self.fell_at = None


class ReviewedShard(PointedShard):
    """A shard with ledgers; `decisions`: by offset, what can be read of their topic (time, decision)
    of this shard's agents."""

    def __init__(self, topic, decisions):
        super().__init__(topic)
        self.decisions = decisions
        self.ledgers = collections.defaultdict(Ledger)      # by contract and week
        self.told = set()       # offsets of decisions that were ruled

    def ledger(self, contract, t):
        return self.ledgers[contract, week_of(t)]

    def carry_over(self):
        """Called once, at the end: who was open when a week ended is carried into the next one."""
        last = {}
        for contract, week in sorted(self.ledgers):
            if contract in last:
                self.ledgers[contract, week].counts["reviews_carried"] = last[contract].open()
            last[contract] = self.ledgers[contract, week]

    def apply(self, event):
        if self.clock is not None:
            self._end_week(event.get("recorded_at", event["at"]))
        super().apply(event)
        for contract in self.contracts:
            self.ledger(contract.name, self.clock)

    def _end_week(self, clock):
        """The clock is about to be that: what is open when a week ends is listed."""
        end = start_of(week_of(self.clock)) + WEEK_US
        for contract in self.contracts if clock >= end else ():
            self.ledger(contract.name, self.clock).debt = [
                debt for key, standing in self.standings.items() if key[1] == contract.name
                for debt in standing.debt(end)]

    def _standing(self, agent, contract):
        key = (agent, contract.name)
        if key not in self.standings:
            self.standings[key] = ReviewedStanding(agent, contract, self.clock, self.interventions.append,
                                                   lambda t: self.ledger(contract.name, t))
            self.standings[key].evaluate(self.clock)
        return self.standings[key]

    def _put_in_force(self, new):
        before = dict(self.standings)
        super()._put_in_force(new)
        for (_, name), standing in before.items():
            if (standing.agent, name) not in self.standings and standing.review.is_open(self.clock):
                self.ledger(name, self.clock).counts["reviews_dropped"] += 1
        # Of whom nothing is known any more, nothing is remembered.
        self.agents = {agent for agent in self.agents
                       if agent in self.sessions or any(key[0] == agent for key in self.standings)}

    # ------------------------------------------------------------ decisions

    def _follow(self, event):
        super()._follow(event)
        attributes = event.get("attributes") or {}
        offset = int(attributes.get("offset", -1))
        time, decision = self.decisions.get(offset, (None, None))
        if attributes.get("topic") == "decisions" and decision is not None and time < event["recorded_at"]:
            self._rule(offset, time, decision)

    def _rule(self, offset, time, decision):
        """What was taken is passed over in silence; see "Decisions" there."""
        bound = [c for c in self.contracts if c.name == decision["contract"] and c.applies_to(decision["agent"])]
        if not bound:
            if offset not in self.told:
                self.told.add(offset)
                self._decide(decision)
            return
        self.agents.add(decision["agent"])
        standing = self._standing(decision["agent"], bound[0])
        if not standing.comes_anew(decision["id"], offset):
            return
        self.told.add(offset)
        self._decide(decision)
        if decision["action"] == "waive" and self.rulings[-1]["ruling"] in ("applied", "unchanged"):
            standing.waived[decision["term"]] = time, decision["by"]
