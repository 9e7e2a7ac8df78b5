#!/usr/bin/env python3
"""The obvious slow model of `troth replay --json`: DESIGN sections 3 to 6.

    model.py --contracts DIR FILE

Written from the text, not from the engine's code, so that the two can be held against each other.
"""
import argparse
import copy
import gzip
import json
import math
import sys

from contracts import RANK, RUNGS, load_contracts
from decisions import Case, Docket, Review
from evidence import Reading, Sessions, TermState
from versions import Heard

MAX_AHEAD_US = 60_000_000
RELAPSE_US = 24 * 3_600_000_000
MOST_DOUBLINGS = 6


class View:
    """A standing at one time: every term's reading, and what sections 5.5 and 6 make of them."""

    def __init__(self, standing, t):
        docket = standing.docket
        self.readings = [Reading(state, t) for state in standing.states]
        self.shares = [r for r in self.readings if r.term.is_share_like]
        self.unwaived = [r for r in self.readings if not docket.waives(r.term, t)]
        self.quiet = docket.is_quiet(t)
        self.disputes_open = docket.open_count()
        self.matched = standing.matched
        self._read_compliance()
        self.proving = [r for r in self.readings if r.term.required
                        and (r.term.is_share_like or r.term.kind == "cadence")]
        self.freshness = self._least_fresh(self.proving, 1.0)

    def _read_compliance(self):
        """DESIGN 5.5: the least of all terms, the first in the contract on a tie."""
        counted = [r for r in self.readings if r.compliance is not None]
        least = min(counted, key=lambda r: r.compliance, default=None)
        self.compliance = least.compliance if least else 1.0
        self.limiting = least.term.name if least else None

    def _least_fresh(self, proving, traffic):
        """DESIGN 5.5: the least; where nothing is to prove, 1 once any event has matched, else 0."""
        return min((r.fresh_under(traffic) for r in proving), default=float(self.matched))

    def _ladder_fresh(self, proving, traffic):
        """The same as the ladder takes it: without waived terms; where all are waived, fresh."""
        counted = [r for r in proving if r in self.unwaived]
        return 1.0 if proving and not counted else self._least_fresh(counted, traffic)

    def fresh_under(self, traffic):
        """Over required share, judged and cadence terms."""
        return self._ladder_fresh(self.proving, traffic)

    def shares_fresh_under(self, traffic):
        """DESIGN 6, recertify: over required share and judged terms alone."""
        return self._ladder_fresh([r for r in self.proving if r.term.is_share_like], traffic)

    def score(self, rung):
        if rung == "pause":
            return 0
        return math.floor(1000 * self.compliance * self.freshness + 0.5)

    # ------------------------------------------------------------ conditions, DESIGN 6

    def condition(self, contract, rung, traffic):
        """The first true condition of a rung and its term, in the order of causes, or None.

        Terms that are waived are not counted.
        """
        ladder = contract.ladder[rung]
        return (self._never(ladder) or self._budget(ladder) or self._confidence(ladder)
                or self._change(ladder) or self._freshness(ladder, rung, traffic)
                or self._disputes(ladder))

    def _never(self, ladder):
        broken = [r for r in self.unwaived if r.state.never_broken]
        return ("never", broken[0].state) if ladder["never"] and broken else None

    def _budget(self, ladder):
        exceeded = [r for r in self.unwaived if r.term.kind == "budget" and r.exceeded]
        return ("budget", exceeded[0].state) if ladder["budget"] and exceeded else None

    def _confidence(self, ladder):
        counted = self.with_evidence()
        if ladder["confidence_below"] is None or not counted:
            return None
        least = min(counted, key=lambda r: r.kappa)
        return ("confidence", least.state) if least.kappa < ladder["confidence_below"] else None

    def _change(self, ladder):
        alarms = [r for r in self.unwaived if r.alarm]
        return ("change", alarms[0].state) if ladder["change"] and alarms else None

    def with_evidence(self):
        """Share and judged terms with evidence in their window that are not waived."""
        return [r for r in self.unwaived if r.term.is_share_like and r.has_evidence]

    def _disputes(self, ladder):
        least = ladder["disputes_open"]
        return ("disputes", None) if least is not None and self.disputes_open >= least else None

    def _freshness(self, ladder, rung, traffic):
        if ladder["freshness_below"] is None or self.quiet:
            return None
        fresh = self.shares_fresh_under if rung == "recertify" else self.fresh_under
        return ("freshness", None) if fresh(traffic) < ladder["freshness_below"] else None

    def target(self, contract, traffic):
        """The highest rung with a true condition, and that condition; clear without any."""
        for rung in reversed(RUNGS):
            condition = self.condition(contract, rung, traffic)
            if condition:
                return rung, condition
        return "clear", None


class Standing:
    """The state of one agent under one contract."""

    def __init__(self, agent, contract, clock, report):
        self.agent = agent
        self.contract = contract
        self.report = report            # called with each intervention
        self.states = [TermState(term) for term in contract.terms]
        self.docket = Docket()
        self.review = Review(contract.review_every)
        self.heard = Heard()
        self.now = clock                # the last time at which it was evaluated
        self.relapses = 0
        self.left_at = None             # when it last left narrow, review or pause
        self.rung = "recertify"
        self.since = clock
        self.enter_recertify(clock, after_person=False)

    def enter_recertify(self, t, after_person):
        """DESIGN 6, recertify: everything of every term starts empty."""
        for state in self.states:
            state.start_anew()
        self.matched = False            # whether any event has matched any term
        self.calm_since = None
        self.certify_from = t
        self.after_person = after_person    # it follows a pause or a review
        self.docket.enter_recertify()

    def ghost(self):
        """One that is as this one is, and of which nobody hears."""
        ghost = copy.deepcopy(self)
        ghost.report = lambda intervention: None
        return ghost

    def traffic(self, rung):
        return self.contract.ladder[rung]["traffic"]

    # ------------------------------------------------------------ time and events

    def next_deadline(self):
        """DESIGN 6, deadlines: the first one after the last evaluation, None without any."""
        deadlines = [state.next_deadline(self.now) for state in self.states]
        if self.calm_since is not None and not self.docket.open_count():
            deadlines.append(self.calm_since + self.hold())
        deadlines.append(self.docket.next_deadline(self.now))
        if self.rung == "recertify":
            deadlines.append(self.certify_from + self.contract.certify_within)
        return min((d for d in deadlines if d is not None), default=None)

    def run_deadlines(self, clock):
        """Handle the deadlines <= clock in order, each at its own time."""
        while self.next_at is not None and self.next_at <= clock:
            self.evaluate(self.next_at)

    def apply(self, event, at, clock, missing):
        """The version that the event bears, then its evidence, then the ladder."""
        replaced = (self.contract.on_agent_version == "recertify"
                    and self.heard.hear(event.get("agent_version"), at,
                                        self.contract.longest_window))
        moved = replaced and self._replace(event, at, clock, missing)
        self._take(event, at, clock, missing)
        if moved:       # that was the event's change of rung
            self.now = clock
            self.next_at = self.next_deadline()
        else:
            self.evaluate(clock)

    def _replace(self, event, at, clock, missing):
        """Another version takes the place of the one in force. True where the rung changed."""
        ghost = self.ghost()
        ghost._take(event, at, clock, missing)
        ghost.evaluate(clock)
        if ghost.rung in ("review", "pause"):
            return False
        if self.rung != "recertify":
            self.move("recertify", "version", None, clock)
            return True
        certify_from = self.certify_from
        self.since = clock
        self.enter_recertify(clock, self.after_person)
        if self.after_person:
            self.certify_from = certify_from
        return False

    def _take(self, event, at, clock, missing):
        """All terms in contract order receive their evidence."""
        entered = self.since if self.rung == "recertify" else None
        for state in self.states:
            if state.take(event, at, clock, missing, entered):
                self.matched = True
            if state.broke:
                self.docket.note_use(state.term, clock)
        for state in self.states:
            state.expose(event)

    def evaluate(self, t):
        """At most one change of rung an event or deadline, up or down."""
        self.now = t
        view = View(self, t)
        if self.rung == "recertify":
            change = self._recertify(view, t)
        else:
            change = self._climb(view) or self._step_down(view, t)
        if change:
            self.move(*change, t)
            self._note_calm(view, t)
        self.next_at = self.next_deadline()

    # ------------------------------------------------------------ up and down, DESIGN 6

    def _climb(self, view):
        """Up at once."""
        rung, condition = view.target(self.contract, self.traffic(self.rung))
        return (rung, *condition) if RANK[rung] > RANK[self.rung] else None

    def target(self, t):
        """The highest rung with a true condition."""
        return View(self, t).target(self.contract, self.traffic(self.rung))[0]

    def hold(self):
        return self.contract.hold * 2 ** min(self.relapses, MOST_DOUBLINGS)

    def _is_calm(self, view):
        """Calm at warn and narrow, freshness taken by the traffic of the rung below."""
        if self.rung not in ("warn", "narrow"):
            return False
        below = RUNGS[RANK[self.rung] - 1]
        rung, _ = view.target(self.contract, self.traffic(below))
        return (RANK[rung] < RANK[self.rung]
                and all(r.kappa >= 0.5 for r in view.with_evidence()))

    def _note_calm(self, view, t):
        if not self._is_calm(view):
            self.calm_since = None
        elif self.calm_since is None:
            self.calm_since = t

    def _step_down(self, view, t):
        """Down slowly: one rung after `hold` of unbroken calm, and not while a dispute is open."""
        self._note_calm(view, t)
        if self.calm_since is None or self.docket.open_count() or t < self.calm_since + self.hold():
            return None
        return RUNGS[RANK[self.rung] - 1], "calm", None

    # ------------------------------------------------------------ recertify, DESIGN 6

    def _recertify(self, view, t):
        """The ways out of recertify, in their order."""
        never = view.condition(self.contract, "pause", 1.0)
        if never and never[0] == "never":
            return ("pause", *never)
        weakest = self._weakest_counters(view)
        if weakest and self.contract.consequence != "low":
            return "review", "confidence", weakest
        if weakest:
            self._start_counters_anew()
        if t >= self.certify_from + self.contract.certify_within:
            if self.after_person:
                return "review", "deadline", None
            self._start_counters_anew()
            self.certify_from = t
        return self._certified(view) if self._is_certified(view) else None

    def _start_counters_anew(self):
        for state in self.states:
            state.start_counters_anew()

    def _weakest_counters(self, view):
        """The term with the least kappa(counters) below narrow's threshold, None without one."""
        threshold = self.contract.ladder["narrow"]["confidence_below"]
        weakest, least = None, threshold
        for state in (r.state for r in view.unwaived if r.term.is_share_like):
            if threshold is None:
                break
            value, pieces = state.counters_kappa()
            if pieces >= state.term.fresh and value < least:
                weakest, least = state, value
        return weakest

    def _is_certified(self, view):
        """Every required share, judged and cadence term is proved."""
        if not view.proving:
            return self.matched
        for reading in view.proving:
            if reading.term.kind == "cadence":
                if reading.freshness < 1:
                    return False
                continue
            value, pieces = reading.state.counters_kappa()
            if pieces < reading.term.evidence or value < self.contract.certify_confidence:
                return False
        return True

    def _certified(self, view):
        """Where a certified standing goes, freshness by clear's traffic."""
        rung, condition = view.target(self.contract, self.traffic("clear"))
        if rung in ("review", "pause"):
            return (rung, *condition)
        if rung == "recertify" or self.docket.open_count():
            return None
        return rung, "certified", None

    # ------------------------------------------------------------ a change of rung

    def move(self, to, cause, state, t, decision=None):
        """Changes the rung; `decision` is who said so and why, where a person did."""
        narrowing = RANK[to] > RANK[self.rung]
        intervention = self._intervention(to, cause, state, t, narrowing)
        self.report({**intervention, "decision": decision})
        if self.rung in ("clear", "warn") and to in ("narrow", "review", "pause"):
            relapsed = self.left_at is not None and t - self.left_at <= RELAPSE_US
            self.relapses = self.relapses + 1 if relapsed else 0
        if self.rung in ("narrow", "review", "pause") and (not narrowing or to == "recertify"):
            self.left_at = t
        before, self.rung, self.since, self.calm_since = self.rung, to, t, None
        self.review.step(before, to, t)
        if to == "recertify":
            self.enter_recertify(t, after_person=before in ("review", "pause"))

    def _intervention(self, to, cause, state, t, narrowing):
        """The record of one change of rung, the fields that cases compare."""
        changing = narrowing and state is not None and state.cusum > 0
        degraded_at = state.onset if changing else t
        return {
            "agent": self.agent, "contract": self.contract.name, "from": self.rung, "to": to,
            "from_since": self.since, "narrowing": narrowing,
            "cause": {"condition": cause, "term": state.term.name if state else None},
            "decided_at": t,
            "degraded_at": degraded_at if narrowing else None,
            "time_to_narrow_us": t - degraded_at if narrowing else None,
            "exposed_tasks": len(state.exposed) if changing else 0,
            "exposed_cost_micros": sum(state.exposed) if changing else 0,
        }

    # ------------------------------------------------------------ without the engine, DESIGN 5.6

    def evidence_leaves(self):
        """When the last evidence leaves its windows, None without any."""
        times = [state.evidence_leaves(self.now) for state in self.states]
        return max((t for t in times if t is not None), default=None)

    def walk(self, rank, clock):
        """The time at which it would reach a rung of that rank, with no further evidence."""
        ghost = self.ghost()
        while RANK[ghost.rung] < rank:
            if ghost.next_at is None:
                return self.evidence_leaves() or clock
            ghost.evaluate(ghost.next_at)
        return ghost.now

    def good_and_offer_until(self, clock):
        if self.rung == "pause":
            return 0, 0
        if self.rung in ("recertify", "review"):
            until = self.evidence_leaves() or self.since + self.contract.longest_window
            return until, until
        offer = self.walk(RANK["recertify"], clock)
        return (offer if self.rung == "narrow" else self.walk(RANK["narrow"], clock)), offer

    def record(self, clock):
        """The standing as of the clock, DESIGN 9."""
        self.now = clock
        view = View(self, clock)
        good_until, offer_until = self.good_and_offer_until(clock)
        docket = self.docket.record(self.contract.terms)
        return {
            "agent": self.agent, "contract": self.contract.name, "rung": self.rung,
            "score": view.score(self.rung), "compliance": view.compliance,
            "freshness": view.freshness, "limiting": view.limiting, "as_of": clock,
            "since": self.since, "good_until": good_until, "offer_until": offer_until,
            "terms": [{"name": r.term.name, "kept": r.kept, "broken": r.broken, "g": r.g,
                       "b": r.b, "confidence": r.kappa, "freshness": r.freshness,
                       "alarm": r.alarm} for r in view.shares],
            **({} if docket is None else {"docket": docket}),
            **({} if self.heard.version is None else {"agent_version": self.heard.record()}),
        }


class Shard:
    """The standings of one log: DESIGN 5.1."""

    def __init__(self, contracts):
        self.contracts = contracts
        self.interventions = []
        self.rulings = []
        self.log = []
        self.clock = None
        self.standings = {}
        self.sessions = {}
        self.counts = {"rejected": 0, "duplicate": 0, "missing": 0}

    def apply(self, line):
        """One record: the clock, the deadlines, then the event or the decision."""
        record = line.get("decision", line)
        recorded_at = line.get("recorded_at")
        if recorded_at is None:
            recorded_at = record["at"]
        if self.clock is None or recorded_at > self.clock:
            self.clock = recorded_at
            for standing in self.standings.values():
                standing.run_deadlines(self.clock)
        self.log.append(line)
        if "decision" in line:
            self._decide(record)
        else:
            self._take(record, recorded_at)

    def _take(self, event, recorded_at):
        if event["at"] > recorded_at + MAX_AHEAD_US:
            self.counts["rejected"] += 1
            return
        if event["kind"] in ("tick", "pointer"):
            return
        missing = None
        if event.get("seq") is not None:
            missing = self._sequence(event)
            if missing is None:
                self.counts["duplicate"] += 1
                return
            self.counts["missing"] += missing
        at = min(event["at"], recorded_at)
        for contract in self.contracts:
            if contract.reaches(event):
                self._standing(event["agent"], contract).apply(event, at, self.clock, missing)

    def _decide(self, decision):
        """Takes a decision, and notes its ruling: schemas/decisions.md."""
        contract = next((c for c in self.contracts if c.name == decision["contract"]
                         and c.applies_to(decision["agent"])), None)
        ruling = ("not_bound", None, None)
        if contract is not None:
            standing = self._standing(decision["agent"], contract)
            ruling = Case(standing, decision, self.clock, self.log, MAX_AHEAD_US).rule()
        said = {key: decision.get(key) for key in ("agent", "contract", "action", "by", "reason",
                                                   "term", "until")}
        self.rulings.append({**said, "decision": decision["id"], "decided_at": self.clock,
                             **dict(zip(("ruling", "from", "to"), ruling))})

    def _sequence(self, event):
        sessions = self.sessions.setdefault(event["agent"], Sessions())
        return sessions.take(event.get("session"), event["seq"])

    def _standing(self, agent, contract):
        """A standing begins, at the clock, with the first event or decision of it."""
        key = (agent, contract.name)
        if key not in self.standings:
            self.standings[key] = Standing(agent, contract, self.clock, self.interventions.append)
            self.standings[key].evaluate(self.clock)
        return self.standings[key]

    def output(self):
        """The objects that `troth replay --json` prints, in order."""
        ends = [self.standings[key].record(self.clock) for key in sorted(self.standings)]
        return ([{"intervention": intervention} for intervention in self.interventions]
                + [{"ruling": ruling} for ruling in self.rulings]
                + [{"standing": standing} for standing in ends])


def replay(contracts, events):
    """The objects that `troth replay --json` prints, in order."""
    shard = Shard(contracts)
    for event in events:
        shard.apply(event)
    return shard.output()


def read_events(path):
    """The events of a JSON Lines file, plain or gzip."""
    opened = gzip.open(path, "rt") if str(path).endswith(".gz") else open(path)
    with opened as lines:
        return [json.loads(line) for line in lines if line.strip()]


def main():
    parser = argparse.ArgumentParser(description="The obvious slow model of troth replay --json.")
    parser.add_argument("--contracts", required=True, metavar="DIR")
    parser.add_argument("file", metavar="FILE")
    arguments = parser.parse_args()
    for line in replay(load_contracts(arguments.contracts), read_events(arguments.file)):
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
