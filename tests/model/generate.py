#!/usr/bin/env python3
"""Random cases for `troth replay`: contracts and a stream that together reach every corner.

    generate.py SEED DIR        writes DIR/contracts/*.json and DIR/events.jsonl
    generate.py --stats N       counts what the first N seeds reach, by the model

The stream is led by the model: agents are sometimes aimed at a deadline, a pane boundary or the
edge of lateness, and one that has been paused makes room for a new one.
"""
import argparse
import collections
import json
import pathlib
import random
import sys

from contracts import UNITS_US, Contract, duration
from evidence import SEQ_WIDTH
from model import MAX_AHEAD_US, RELAPSE_US, Shard
from people import People
from versions import HASHES

START_US = 1_790_000_000_000_000
SECOND, MINUTE, HOUR, DAY = (UNITS_US[unit] for unit in "smhd")
CONTRACT_NAMES = ("refunds", "lookup", "triage")
GLOBS = ("*", "*", "*", "*", "a-*", "*-1", "?-*")
REGIONS = ("eu", "us", "ap")
RESCUES = ("interrupt", "correction", "takeover", "redo", "silent_edit", "approval_waived")
SOURCES = ("self", "peer", "gateway", "evaluator", "human", "engine")
JUDGES = ("judge-a", "judge-b", "judge-c")
TOOLS = ("search", "mail")
SESSIONS = ("s1", "s2", None, "s4", "s5", "s6")
WEIGHTS = (60, 20, 5, 3, 1, 1)


def chance(rng, probability):
    return rng.random() < probability


def span(microseconds):
    """A duration in the largest unit that divides it."""
    for unit in ("d", "h", "m", "s", "ms"):
        if microseconds % UNITS_US[unit] == 0:
            return f"{microseconds // UNITS_US[unit]}{unit}"
    raise ValueError(microseconds)


# ---------------------------------------------------------------- contracts

def random_window(rng):
    """A window and a number of panes that divides it into whole milliseconds."""
    window = rng.choice((30 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, HOUR,
                         2 * HOUR, DAY))
    panes = rng.choice([n for n in (2, 3, 4, 5, 6, 8, 10, 12, 12, 20, 24, 30, 48, 60, 64)
                        if window // 1000 % n == 0])
    return window, panes


def random_when(rng):
    """A predicate that tasks often meet, of any operator."""
    return rng.choice((
        {"kind": "task"}, {"kind": "task"}, {"kind": "task"},
        {"kind": "task", "outcome": {"not": ["throttled", "cancelled"]}},
        {"kind": "task", "outcome": {"not": "cancelled"}},
        {"kind": ["task", "tool"]}, {"kind": ["task", "rescue"]},
        {"kind": {"not": ["evaluation", "heartbeat"]}},
        {"kind": "task", "attributes.region": rng.choice(REGIONS)},
        {"kind": "task", "attributes.region": {"exists": True}},
        {"kind": "task", "attributes.region": {"not": "eu"}},
        {"kind": "task", "attributes.tier": {"exists": False}},
        {"kind": "task", "cost_micros": {"gt": 100, "le": 4000}},
        {"kind": "task", "latency_us": {"ge": 1000, "lt": 3_000_000}},
        {"kind": "task", "source": ["self", "gateway", "human"]},
        {"kind": "task", "session": {"exists": True}},
    ))


def random_keep(rng):
    """A predicate that good tasks keep, of any operator; now and then one that they do not."""
    if chance(rng, 0.04):
        return rng.choice(({"tool": {"exists": True}}, {"latency_us": {"gt": 0}},
                           {"outcome": "none"}, {"cost_micros": [0, 1]}))
    return rng.choice((
        {"outcome": "ok"}, {"outcome": "ok"}, {"outcome": "ok"},
        {"outcome": ["ok", "refused"]}, {"outcome": {"not": ["failed", "timeout"]}},
        {"latency_us": {"le": 2_000_000}}, {"latency_us": {"le": 2_000_000}},
        {"latency_us": {"lt": 2_000_001, "ge": 0}}, {"latency_us": {"le": 2_000_000.5}},
        {"cost_micros": {"lt": 5000}}, {"latency_us": {"gt": 998, "not": [3, 4]}},
        {"input_tokens": {"le": 1000}, "output_tokens": {"le": 1000}},
        {"rescue": {"exists": False}}, {"kind": "task", "rescue": {"exists": False}},
        {"rescue": {"not": ["takeover", "redo"]}}, {"agent": {"exists": True}, "outcome": "ok"},
        {"attributes.region": "eu"}, {"attributes.region": ["eu", "us"], "outcome": "ok"},
        {"attributes.tier": {"not": "slow"}}, {"output_tokens": [100, 200, 300, 400]},
        {"input_tokens": {"gt": -1}, "outcome": "ok"}, {"issuer": {"exists": False}},
    ))


def share_term(rng):
    term = {"when": random_when(rng), "keep": random_keep(rng)}
    if chance(rng, 0.3):
        term["absent"] = rng.choice(("broken", "ignore"))
    return with_floor(rng, term)


def judged_term(rng):
    judged = {} if chance(rng, 0.5) else {"by": rng.sample(JUDGES, rng.choice((1, 2)))}
    return with_floor(rng, {"judged": judged})


def completeness_term(rng):
    return with_floor(rng, {"completeness": True})


def with_floor(rng, term):
    term["floor"] = rng.choice((0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98))
    if term["floor"] > 0.85 or chance(rng, 0.4):
        term["evidence"] = rng.choice((1, 3, 5, 8, 12))
    if chance(rng, 0.5):
        term["fresh"] = rng.choice((1, 2, 3, 5, 8))
    return term


def never_term(rng):
    return {"never": rng.choice((
        {"kind": "tool", "tool": "export_customers"}, {"kind": "exception"},
        {"kind": "task", "cost_micros": {"gt": 30_000}},
        {"kind": "tool", "tool": {"not": ["search", "mail"]}}))}


def budget_term(rng):
    field, usual = rng.choice((("cost_micros", 3000), ("input_tokens", 800),
                               ("output_tokens", 250), ("latency_us", 1_000_000)))
    term = {"budget": {"sum": field, "at_most": usual * rng.choice((2, 8, 20, 60))}}
    if chance(rng, 0.5):
        term["when"] = random_when(rng)
    return term


def cadence_term(rng):
    when = rng.choice(({"kind": "evaluation", "source": "evaluator"}, {"kind": "heartbeat"},
                       {"kind": ["evaluation", "heartbeat"]}, {"kind": "task", "outcome": "ok"}))
    every = rng.choice((10 * SECOND, 3 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, DAY))
    return {"cadence": {"when": when, "every": span(every)}}


def random_term(rng, contract_window):
    make = rng.choices((share_term, judged_term, completeness_term, never_term, budget_term,
                        cadence_term), (50, 12, 10, 6, 12, 10))[0]
    term = make(rng)
    if chance(rng, 0.45 if "when" in term else 0.6) or make is cadence_term and chance(rng, 0.4):
        term["required"] = chance(rng, 0.25)
    if make not in (never_term, cadence_term) and chance(rng, 0.25):
        window, panes = random_window(rng)
        term["window"], term["panes"] = span(window), panes
    if make not in (never_term, cadence_term, budget_term) and chance(rng, 0.15):
        term["half_life"] = span(rng.choice((contract_window // 6, contract_window)))
    return term


def change_ladder(rng):
    """A ladder that moves by the CUSUM: no confidence, or only very low ones, on any rung."""
    low = rng.choice((None, None, 1e-6))
    ladder = {rung: {"confidence_below": low} for rung in ("warn", "narrow", "review", "pause")}
    for rung in rng.sample(("narrow", "review", "pause"), rng.choice((0, 1, 2))):
        ladder[rung]["change"] = True
    if chance(rng, 0.4):
        ladder["warn"]["change"] = False
    return ladder


def random_ladder(rng):
    """Overrides of the conditions of each rung, odd ones too."""
    choices = {
        "clear": (("scope", 2, lambda: {"traffic": rng.choice((0.5, 0.9, 1.0))}),),
        "warn": (("confidence_below", 5, lambda: rng.choice((0.02, 0.1, 0.3, 0.5, None))),
                 ("freshness_below", 5, lambda: rng.choice((0.1, 0.3, 0.6, 0.9, 1.0, None))),
                 ("change", 3, lambda: rng.choice((False, None, True))),
                 ("budget", 2, lambda: True),
                 ("disputes_open", 1, lambda: rng.choice((1, 2))),
                 ("scope", 3, lambda: {"traffic": rng.choice((0.05, 0.5, 0.8))})),
        "narrow": (("confidence_below", 5, lambda: rng.choice((0.02, 0.1, 0.3, 0.5, None))),
                   ("freshness_below", 5, lambda: rng.choice((0.05, 0.2, 0.5, 0.8, None))),
                   ("change", 2, lambda: rng.choice((True, True, False))),
                   ("budget", 3, lambda: rng.choice((False, None))),
                   ("disputes_open", 1, lambda: rng.choice((1, 2))),
                   ("scope", 4, lambda: {"traffic": rng.choice((0.05, 0.5, 0.6, 1.0)),
                                         "capabilities": ["a"]})),
        "recertify": (("freshness_below", 6, lambda: rng.choice((0.05, 0.1, 0.2, 0.4, None))),
                      ("scope", 3, lambda: {"traffic": rng.choice((0.02, 0.3))})),
        "review": (("confidence_below", 6, lambda: rng.choice((0.0005, 0.005, 0.05, None, None))),
                   ("change", 1, lambda: True), ("budget", 1, lambda: True),
                   ("freshness_below", 1, lambda: rng.choice((0.05, 0.1))),
                   ("disputes_open", 3, lambda: rng.choice((1, 2, 5, None))),
                   ("scope", 2, lambda: {"traffic": 0.2})),
        "pause": (("confidence_below", 5, lambda: rng.choice((1e-7, 0.0001, 0.001, None))),
                  ("budget", 0.5, lambda: True), ("freshness_below", 0.5, lambda: 0.02)),
    }
    ladder = {}
    for rung, keys in choices.items():
        changes = {key: make() for key, weight, make in keys if chance(rng, weight / 10)}
        if changes:
            ladder[rung] = changes
    return ladder


def random_contract(rng, name):
    window, panes = random_window(rng)
    spec = {"contract": name, "version": rng.randint(1, 9), "promise": "Keeps its promises.",
            "owner": "ops", "applies_to": {"agent": rng.choice(GLOBS)},
            "consequence": rng.choice(("low", "medium", "medium", "high")),
            "mode": rng.choice(("enforce", "enforce", "advise", "shadow")),
            "capabilities": ["a", "b"], "window": span(window), "panes": panes}
    if chance(rng, 0.5):
        spec["on_agent_version"] = rng.choice(("keep", "recertify"))
    if chance(rng, 0.4):
        spec["half_life"] = span(rng.choice((window // 10, window // 3, window, 2 * window))
                                 // 1000 * 1000)
    if chance(rng, 0.85):
        spec["hold"] = span(max(SECOND, rng.choice((window // 60, window // 20, window // 6)))
                            // 1000 * 1000)
    if chance(rng, 0.85):
        within = rng.choice((window // 6, window, 3 * window, 7 * DAY)) // 1000 * 1000
        spec["certify"] = {"confidence": rng.choice((0.5, 0.6, 0.7, 0.8, 0.9, 0.95)),
                           "within": span(max(SECOND, within))}
    count = rng.choice((1, 2, 3, 3, 4, 4, 5, 6, 8, 16))
    terms = [random_term(rng, window) for _ in range(count)]
    spec["terms"] = [{"name": f"t{number}", **term} for number, term in enumerate(terms)]
    if chance(rng, 0.1):
        for term in spec["terms"]:
            term["required"] = False
    ladder = rng.choices((lambda rng: {}, random_ladder, change_ladder), (32, 45, 23))[0](rng)
    if ladder:
        spec["ladder"] = ladder
    return spec


# ---------------------------------------------------------------- the stream

class Agent:
    """One agent's present behavior; `badness` is how much of what it does is bad."""

    def __init__(self, rng, name, sequenced):
        self.rng = rng
        self.name = name
        self.sequenced = sequenced
        self.next_seq = {}
        self.held_back = []         # numbers to be sent later, or again
        self.version, self.canary = None, None
        self.stray = 0.0            # how many of its events the canary sends
        self.mute = rng.choice((0.0, 0.0, 0.3, 1.0))    # how many say no version
        self.change_version()
        self.change_behavior(fresh=True)

    def change_behavior(self, fresh=False):
        """Turn better or worse; one that is still to be certified mostly behaves."""
        if fresh and chance(self.rng, 0.9):
            self.badness, self.absence = self.rng.choice((0.0, 0.0, 0.01)), 0.0
            return
        self.badness = self.rng.choices((0.0, 0.02, 0.1, 0.3, 0.6, 1.0), (5, 1, 2, 2, 1, 1))[0]
        self.absence = self.rng.choice((0.0, 0.0, 0.0, 0.05, 0.3))

    def change_version(self):
        """A rollout, a canary beside the version that it had, or a flip-flop of two."""
        rng = self.rng
        if self.version is None or chance(rng, 0.5):
            self.version = rng.choice(list(HASHES))
        self.canary = rng.choice(list(HASHES))
        self.stray = rng.choice((0.0, 0.0, 0.02, 0.1, 0.5))

    def say_version(self, event):
        if not chance(self.rng, self.mute):
            event["agent_version"] = self.canary if chance(self.rng, self.stray) else self.version
        elif chance(self.rng, 0.1):
            event["agent_version"] = self.rng.choice(("", None))

    def bad(self):
        return chance(self.rng, self.badness)

    def number(self, event):
        """Give an event the emitter's session and counter, with every kind of disorder."""
        rng = self.rng
        session = None
        if self.sequenced > 1:
            session = rng.choices(SESSIONS[:self.sequenced], WEIGHTS[:self.sequenced])[0]
            event["session"] = session
        if chance(rng, 0.1):
            return
        seq = self.next_seq.get(session, rng.choice((0, 1, 1, 1000)))
        if self.held_back and chance(rng, 0.2):
            session, event["seq"] = self.held_back.pop(rng.randrange(len(self.held_back)))
            event["session"] = session
            return
        if chance(rng, 0.005 + 0.1 * self.badness):
            self.held_back.append((session, seq))
            seq += rng.choice((1, 1, 1, 1, 1, 2, 2, 3, 5, 62, 63, 64, 65, 130, 100_000))
        if chance(rng, 0.03):
            self.held_back.append((session, seq))
        event["seq"] = seq
        self.next_seq[session] = seq + 1

    def maybe(self, event, field, value):
        if not chance(self.rng, self.absence):
            event[field] = value

    def task(self):
        rng = self.rng
        event = {"kind": "task"}
        self.maybe(event, "outcome", rng.choice(("failed", "failed", "refused", "timeout"))
                   if self.bad() else "ok")
        if chance(rng, 0.05):
            event["outcome"] = rng.choice(("throttled", "cancelled", "none", None))
        self.maybe(event, "latency_us", rng.randint(1_500_000, 9_000_000) if self.bad()
                   else rng.choice((999, 2_000_000, rng.randint(1000, 1_999_999))))
        self.maybe(event, "cost_micros", rng.randint(3000, 40_000) if self.bad()
                   else rng.choice((0, 1, 4999, rng.randint(100, 4000))))
        if chance(rng, 0.7):
            self.maybe(event, "input_tokens", rng.randint(900, 5000) if self.bad()
                       else rng.randint(0, 1000))
            self.maybe(event, "output_tokens", 1000 if self.bad()
                       else rng.choice((100, 200, 300, 400)))
        if chance(rng, 0.7):
            event["attributes"] = {"region": rng.choice(REGIONS) if self.bad() else "eu"}
            if chance(rng, 0.3):
                event["attributes"]["tier"] = "slow" if self.bad() else "fast"
        if chance(rng, 0.5 * self.badness + 0.002):
            event["rescue"] = rng.choice(RESCUES)
        if chance(rng, 0.3):
            event["tool"] = "search"
            event["task"] = f"task-{rng.randint(1, 99)}"
        return event

    def evaluation(self, judged):
        rng = self.rng
        event = {"kind": "evaluation", "source": rng.choice(SOURCES) if chance(rng, 0.2)
                 else "evaluator", "issuer": rng.choice(JUDGES)}
        verdicts = [{"term": name, "kept": not self.bad()} for name in judged
                    for _ in range(rng.choice((1, 1, 1, 0, 2)))]
        if verdicts and chance(rng, 0.2):
            verdicts[0]["value"] = 0.5
        if verdicts or chance(rng, 0.5):
            event["verdicts"] = verdicts
        return event

    def other(self, kind):
        rng = self.rng
        event = {"kind": kind}
        if kind == "tool":
            event["tool"] = rng.choice(TOOLS)
            if chance(rng, 0.04):
                event["tool"] = "export_customers"
            event["outcome"] = "failed" if self.bad() else "ok"
        elif kind == "rescue":
            event["rescue"] = rng.choice(RESCUES)
        elif kind == "exception":
            event["owner"] = "ops"
        return event

    def event(self, judged):
        rng = self.rng
        kind = rng.choices(("task", "evaluation", "tool", "heartbeat", "rescue", "exception"),
                           (70, 12, 8, 7, 0.2 + 8 * self.badness, 0.2))[0]
        if kind == "task":
            event = self.task()
        elif kind == "evaluation":
            event = self.evaluation(judged)
        else:
            event = self.other(kind)
        if "source" not in event and chance(rng, 0.25):
            event["source"] = rng.choice(SOURCES)
        if chance(rng, 0.12):
            event["contract"] = rng.choice((*CONTRACT_NAMES, "unknown", None))
        if self.sequenced:
            self.number(event)
        self.say_version(event)
        return {"agent": self.name, **event}


class Stream:
    """The events of one case, applied to the model as they are made."""

    def __init__(self, rng, specs):
        self.rng = rng
        self.contracts = [Contract(spec) for spec in specs]
        terms = [term for contract in self.contracts for term in contract.terms]
        self.widths = [term.pane_width for term in terms]
        self.panes = {term.pane_width: term.panes for term in terms}
        self.judged = sorted({term.name for term in terms if term.kind == "judged"})
        self.judged += [term.name for term in terms[:1]]     # verdicts that name another kind
        sequenced = any(term.kind == "completeness" for term in terms) or chance(rng, 0.2)
        self.sequenced = rng.choice((1, 4, 6)) if sequenced else 0
        self.shard = Shard(self.contracts)
        self.now = START_US + rng.randint(0, DAY)
        self.pace = rng.choice(self.contracts).window / rng.choice((15, 40, 120, 400))
        self.agents = [self.new_agent(number) for number in range(rng.choice((1, 2, 3)))]
        self.born = len(self.agents)
        self.people = People(rng, self)
        self.still = 0              # events for which time stands still
        self.events = []

    def new_agent(self, number):
        return Agent(self.rng, f"{'ab'[number % 2]}-{number // 2}", self.sequenced)

    def is_coming_down(self):
        """Whether some standing is calm at narrow, where `offer_until` has most to say."""
        return any(s.rung == "narrow" and s.calm_since is not None
                   for s in self.shard.standings.values())

    def make(self, count, extra):
        """`count` events, and up to `extra` more in the hope of ending in a calm."""
        while (len(self.events) < count
               or len(self.events) < count + extra and not self.is_coming_down()):
            self.advance()
            if chance(self.rng, 0.04):
                self.put({"kind": self.rng.choice(("tick", "tick", "tick", "pointer")),
                          "at": self.now})
            elif chance(self.rng, self.people.rate):
                self.put(self.people.decide())
            else:
                self.step(self.rng.choice(self.agents))
        return self.events

    def put(self, line):
        self.events.append(line)
        self.shard.apply(line)

    def standings(self, agent):
        return [s for (name, _), s in self.shard.standings.items() if name == agent.name]

    # ------------------------------------------------------------ time

    def advance(self):
        """Move the log's time: a usual step, a silence, or to a moment that matters."""
        rng, before = self.rng, self.now
        if self.still > 0:
            self.still -= 1
            return
        kind = rng.choices(("step", "same", "silence", "pane", "deadline", "relapse", "version"),
                           (70, 8, 1.5, 9, 9, 1, 1.5))[0]
        if kind == "step":
            self.now += round(rng.expovariate(1 / self.pace))
        elif kind == "silence":
            self.silence()
        elif kind == "pane":
            width = rng.choice(self.widths)
            self.now = (self.now // width + 1) * width + rng.choice((-1, 0, 0, 1))
        elif kind == "deadline":
            soon = [s.next_at for s in self.shard.standings.values() if s.next_at is not None]
            if soon and min(soon) - self.now < 20 * self.pace:
                self.now = min(soon) + rng.choice((-1, 0, 0, 0, 1))
        elif kind == "relapse":
            self.aim_at_relapse()
        elif kind == "version":
            self.aim_at_version()
        self.now = max(before, self.now)

    def aim_at_relapse(self):
        """To the end of the day after a standing came down, where all turn bad for a while."""
        rng = self.rng
        down = [s.left_at for s in self.shard.standings.values()
                if s.rung in ("clear", "warn") and s.left_at is not None]
        if down:
            self.now = rng.choice(down) + RELAPSE_US + rng.choice((-1, 0, 0, 1))
            self.still = 15
            for agent in self.agents:
                agent.badness = 0.8

    def aim_at_version(self):
        """To the last moment of a version that is not heard any more, all agents being of others."""
        rng = self.rng
        ends = [s.heard.last + s.contract.longest_window for s in self.shard.standings.values()
                if s.heard.version is not None and s.rung not in ("review", "pause")]
        near = [end for end in ends if self.now < end < self.now + 120 * self.pace]
        if near:
            self.now = min(near) + rng.choice((-1, 0, 0, 1))
            for agent in self.agents:
                agent.change_version()

    def silence(self):
        """A gap of seconds to days, with or without ticks in it."""
        rng = self.rng
        length = rng.choice((10 * SECOND, rng.choice(self.contracts).window, 20 * self.pace,
                             60 * self.pace, HOUR, 23 * HOUR, 3 * DAY))
        for _ in range(rng.choice((0, 0, 1, 3, 6))):
            self.now += round(length / 6 * rng.random())
            self.put({"kind": "tick", "at": self.now})
        self.now += round(length * rng.random())

    def event_time(self, agent):
        """`at` by the agent's own clock: mostly now, else early, late, or on an edge."""
        rng = self.rng
        kind = rng.choices(("now", "behind", "ahead", "edge", "late", "entered"),
                           (80, 6, 3, 4, 4, 3) if self.standings(agent) else
                           (70, 10, 1, 4, 15, 0))[0]
        if kind == "behind":
            return self.now - round(rng.expovariate(1 / (3 * self.pace)))
        if kind == "ahead":
            return self.now + rng.choice((1, SECOND, MAX_AHEAD_US, MAX_AHEAD_US + 1, HOUR))
        width = rng.choice(self.widths)
        if kind == "edge":
            oldest = self.now // width - self.panes[width] + 1
            return oldest * width + rng.choice((-1, 0, 1))
        if kind == "late":
            return self.now - width * self.panes[width] - rng.randint(0, 2 * width)
        if kind == "entered":
            standings = self.standings(agent)
            return min(self.now, rng.choice(standings).since + rng.choice((-1, 0, 1)))
        return self.now

    # ------------------------------------------------------------ one event

    def step(self, agent):
        rng = self.rng
        if chance(rng, 0.05):
            agent.change_behavior(any(s.rung == "recertify" for s in self.standings(agent)))
        if chance(rng, 0.01):
            agent.change_version()
        recorded = self.now
        if chance(rng, 0.02):       # a record that the log stamped behind its clock
            recorded -= rng.choice((1, SECOND, round(10 * self.pace)))
        event = agent.event(self.judged)
        event["at"] = self.event_time(agent)
        if event["at"] != recorded or chance(rng, 0.05):
            event["recorded_at"] = recorded
        self.put(event)
        self.replace_the_paused(agent)

    def replace_the_paused(self, agent):
        """An agent at review or pause everywhere soon makes room for a new one."""
        standings = self.standings(agent)
        stuck = standings and all(s.rung in ("review", "pause") for s in standings)
        if stuck and chance(self.rng, 0.5 if self.people.rate else 1.0) and chance(self.rng, 0.3 if standings[0].rung == "pause" else 0.12):
            self.agents.remove(agent)
            self.agents.append(self.new_agent(self.born))
            self.born += 1


def generate(seed):
    """The contracts and events of a seed, and the stream that made them."""
    rng = random.Random(seed)
    names = CONTRACT_NAMES[:rng.choice((1, 1, 2, 2, 3))]
    specs = [random_contract(rng, name) for name in names]
    stream = Stream(rng, specs)
    stream.make(rng.randint(60, 380), rng.choice((0, 50)))
    return specs, stream.events, stream


def write_case(folder, specs, events):
    folder = pathlib.Path(folder)
    (folder / "contracts").mkdir(parents=True, exist_ok=True)
    for spec in specs:
        path = folder / "contracts" / f"{spec['contract']}.json"
        path.write_text(json.dumps(spec, indent=1) + "\n")
    with open(folder / "events.jsonl", "w") as lines:
        for event in events:
            lines.write(json.dumps(event) + "\n")


# ---------------------------------------------------------------- statistics

def count_case(counts, stream):
    """What a case reached: changes of rung with their causes, and what the log met."""
    for change in stream.shard.interventions:
        counts["change", change["from"], change["to"], change["cause"]["condition"]] += 1
        term = change["cause"]["term"]
        if change["exposed_tasks"]:
            counts["exposed", change["to"]] += 1
        if term and change["degraded_at"] < change["decided_at"]:
            counts["degraded earlier", change["to"]] += 1
    for what, number in stream.shard.counts.items():
        counts["log", what] += number
    counts["log", "sessions forgotten"] += sum(s.forgotten for s in stream.shard.sessions.values())
    for standing in stream.shard.standings.values():
        counts["end", standing.rung] += 1
        if standing.rung == "recertify" and standing.certify_from > standing.since:
            counts["end", "recertify with counters started anew by certify.within"] += 1
        counts["relapses", min(standing.relapses, 7)] += 1
        for state in standing.states:
            counts["late kept", state.term.kind] += state.late
    counts["events"] += len(stream.events)
    for standing in stream.shard.standings.values():
        counts["versions replaced", standing.contract.consequence] += standing.heard.replaced
    for ruling in stream.shard.rulings:
        counts["ruling", ruling["action"], ruling["ruling"]] += 1
    for standing in stream.shard.standings.values():
        docket = standing.docket
        counts["docket", "uses"] += sum(docket.uses.values())
        counts["docket", "disputes open at the end"] += docket.open_count()
        counts["docket", "idle ones"] += sum(dispute.idle for dispute in docket.disputes)
        counts["docket", "gave back"] += docket.gave_back


def print_stats(seeds):
    counts = collections.Counter()
    for seed in range(seeds):
        count_case(counts, generate(seed)[2])
    for key, number in sorted(counts.items(), key=str):
        print(f"{number:8} {' '.join(map(str, key)) if isinstance(key, tuple) else key}")


def main():
    parser = argparse.ArgumentParser(description="Random cases for troth replay.")
    parser.add_argument("seed", nargs="?", type=int)
    parser.add_argument("dir", nargs="?")
    parser.add_argument("--stats", type=int, metavar="N")
    arguments = parser.parse_args()
    if arguments.stats:
        print_stats(arguments.stats)
    elif arguments.dir:
        write_case(arguments.dir, *generate(arguments.seed)[:2])
    else:
        sys.exit(parser.format_usage())


if __name__ == "__main__":
    main()
