"""Random people for generate.py: decisions of every kind about the agents of a stream."""
import collections

from contracts import RUNGS
from decisions import Disputed
from model import MAX_AHEAD_US

ACTIONS = ("keep", "narrow", "review", "pause", "restore", "recertify", "waive", "dispute_open",
           "dispute_uphold", "dispute_reject")
# How often each action is chosen, by what the people of a case are like.
MOODS = ((1, 3, 3, 2, 8, 4, 8, 10, 6, 3),
         (1, 6, 8, 4, 16, 10, 1, 1, 1, 1),
         (1, 1, 1, 1, 3, 3, 30, 1, 1, 1),
         (1, 1, 1, 0, 4, 2, 1, 40, 20, 8),
         (0, 0, 0, 0, 1, 1, 0, 60, 2, 1))
RATES = (0.0, 0.02, 0.06, 0.2, 0.4)
IDS_KEPT = 12       # more than a docket keeps, so that some are taken again
RECENT_LINES = 80
TRIES = 12


class People:
    """Those who decide about the agents of one stream."""

    def __init__(self, rng, stream):
        self.rng = rng
        self.stream = stream
        self.rate = rng.choice(RATES)
        self.mood = rng.choice(MOODS)
        self.ids = collections.defaultdict(list)    # by agent and contract

    def maybe(self, value, probability):
        return value if self.rng.random() < probability else None

    def decide(self):
        """One line of a decision, as of the stream's time."""
        rng, now = self.rng, self.stream.now
        agent = self.maybe(rng.choice(("a-90", "b-91", "c-0")), 0.03) or self.choose_agent()
        contract = rng.choice([c for c in self.stream.contracts
                               if c.applies_to(agent) or rng.random() < 0.1]
                              or self.stream.contracts)
        standing = self.stream.shard.standings.get((agent, contract.name))
        decision = {"id": self.make_id((agent, contract.name)), "agent": agent,
                    "contract": self.maybe("unknown", 0.02) or contract.name,
                    "action": self.choose_action(standing), "by": rng.choice(("ann", "bob")),
                    "reason": "because", "at": max(0, now - self.when())}
        if rng.random() < 0.3:
            rung = standing.rung if standing and rng.random() < 0.8 else rng.choice(RUNGS)
            decision["expected"] = rung
        if decision["action"] == "waive":
            decision.update(self.waiver(contract, standing))
        elif decision["action"].startswith("dispute"):
            decision.update(self.dispute(contract, standing, agent, decision["action"]))
        line = {"decision": decision}
        if decision["at"] != now or rng.random() < 0.2:
            line["recorded_at"] = now if rng.random() < 0.95 else now - self.when()
        return line

    def when(self):
        return self.rng.choice((0, 0, 1, 1_000_000, round(10 * self.stream.pace)))

    def choose_agent(self):
        """One that has a standing, where there is one; else any."""
        names = [agent.name for agent in self.stream.agents]
        bound = [name for name in names
                 if any(contract.applies_to(name) for contract in self.stream.contracts)]
        return self.rng.choice(bound if bound and self.rng.random() < 0.9 else names)

    def make_id(self, key):
        """A new one, or one that was used for the same agent and contract."""
        if self.ids[key] and self.rng.random() < 0.08:
            return self.rng.choice(self.ids[key])
        made = f"{self.rng.getrandbits(128):032x}"
        self.ids[key] = [*self.ids[key], made][-IDS_KEPT:]
        return made

    def choose_action(self, standing):
        """By mood; who is stuck is helped now and then."""
        rng = self.rng
        if standing and standing.rung == "pause" and rng.random() < 0.5:
            return "recertify"
        if standing and standing.rung in ("narrow", "review") and rng.random() < 0.3:
            return rng.choice(("restore", "restore", "recertify"))
        if standing and standing.docket.open_count() and rng.random() < 0.2:
            return rng.choice(("dispute_uphold", "dispute_reject"))
        return rng.choices(ACTIONS, self.mood)[0]

    def term(self, contract):
        return self.maybe("unknown", 0.03) or self.rng.choice(contract.terms).name

    def waiver(self, contract, standing):
        """To begin, to renew or to end one; mostly of a term that is broken."""
        rng, now = self.rng, self.stream.now
        until = now + rng.choice((-1, 0, 1, round(5 * self.stream.pace), contract.window // 4,
                                  contract.window, 3 * contract.window))
        term = self.term(contract)
        if standing and standing.docket.waivers and rng.random() < 0.3:
            term = rng.choice(sorted(standing.docket.waivers))
        elif standing and rng.random() < 0.3:
            broken = [s.term.name for s in standing.states if s.never_broken or s.cusum > 0]
            term = rng.choice(broken) if broken else term
        width = rng.choice(contract.terms).pane_width
        if rng.random() < 0.2:
            until = (now // width + 1) * width
        return {"term": term, "until": until}

    # ------------------------------------------------------------ disputes

    def dispute(self, contract, standing, agent, action):
        term, offset = self.pick(contract, standing, agent, action)
        return {"term": term, "topic": "troth.telemetry", "partition": 0, "offset": offset}

    def pick(self, contract, standing, agent, action):
        """A term and a record: of a dispute that there is, of evidence, or any."""
        rng = self.rng
        known = standing.docket.disputes if standing else []
        if known and rng.random() < (0.1 if action == "dispute_open" else 0.85):
            dispute = rng.choice(known)
            return dispute.name, dispute.offset
        for _ in range(TRIES if rng.random() < 0.9 else 0):
            offset = self.offset()
            state = rng.choice(standing.states) if standing else None
            if state is None or state.term.kind in ("completeness", "cadence"):
                continue
            record = self.read(offset, state, contract)
            if record.is_evidence(agent) and (not record.kept or rng.random() < 0.3):
                return state.term.name, offset
        return self.term(contract), self.offset()

    def offset(self):
        """Of a record near or far, seldom of one that is still to come."""
        rng, end = self.rng, len(self.stream.events)
        if rng.random() < 0.02:
            return end + rng.choice((0, 1, 1 << 40))
        first = max(0, end - RECENT_LINES) if rng.random() < 0.85 else 0
        return rng.randint(first, max(first, end - 1))

    def read(self, offset, state, contract):
        line = self.stream.events[offset] if offset < len(self.stream.events) else None
        return Disputed(line, state, contract, MAX_AHEAD_US)
