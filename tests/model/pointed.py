"""The model of a shard whose contracts come by pointers: DESIGN section 7, "One order".

A contract version takes effect where a POINTER to its record stands in the shard's log. A pointer is
good where, by the logs' times, the version's record and one that put that version or a higher one in
force were there before it; a higher version replaces a lower one, and what was promised before keeps
its evidence.
"""
import fnmatch
import json

from contracts import Contract
from evidence import TermState
from model import Shard
from versions import Heard

PROMISE = ("name", "kind", "window", "panes", "weights", "floor", "when", "keep", "absent", "by", "sum",
           "at_most", "every")


def promise_of(term):
    """What makes two terms the same promise: all but what it takes to prove it.

    Where `absent` is not stated, the contract's consequence says what an absent field means, DESIGN 4.
    """
    unstated = term.kind == "share" and term.absent is None
    return [getattr(term, name, None) for name in PROMISE] + [unstated and term.consequence == "high"]


class Topic:
    """The contracts topic: what of it can be used, by offset."""

    def __init__(self, records):
        self.documents = {}     # offset: (time, contract)
        self.in_force = []      # (time, name, version)
        for record in records:
            name, at, version = record["key"].partition("@")
            if at:
                self._take_document(record, name, int(version))
            else:
                self._take_version(record, name, int(record["value"]))

    def _has(self, name, version):
        return any((contract.name, contract.version) == (name, version)
                   for _, contract in self.documents.values())

    def _take_document(self, record, name, version):
        try:
            contract = Contract(json.loads(record["value"]))
        except json.JSONDecodeError:
            return
        if not self._has(name, version):
            self.documents[record["offset"]] = record["recorded_at"], contract

    def _take_version(self, record, name, version):
        highest = max((v for _, n, v in self.in_force if n == name), default=0)
        if self._has(name, version) and version >= highest:
            self.in_force.append((record["recorded_at"], name, version))

    def pointed(self, offset, time):
        """The contract that a pointer of that time puts in force, None where it is worth nothing."""
        recorded, contract = self.documents.get(offset, (None, None))
        if contract is None or recorded >= time:
            return None
        good = any(when < time and name == contract.name and version >= contract.version
                   for when, name, version in self.in_force)
        return contract if good else None


class PointedShard(Shard):
    """A shard that begins without contracts."""

    def __init__(self, topic):
        super().__init__([])
        self.topic = topic
        self.agents = set()     # that some contract has applied to
        self.replaced = 0       # versions, by higher ones

    def apply(self, event):
        if event["kind"] in ("tick", "pointer"):
            super().apply(event)
            if event["kind"] == "pointer":
                self._follow(event)
        elif event["agent"] in self.agents or self._is_bound(event["agent"]):
            super().apply(event)
            if event["at"] <= event["recorded_at"] + 60_000_000:
                self.agents.add(event["agent"])
        else:
            # Nobody's business: it moves the clock, and is not remembered, though it can be read again.
            super().apply({"kind": "tick", "at": event["recorded_at"]})
            self.log[-1] = event

    def _is_bound(self, agent):
        return any(fnmatch.fnmatchcase(agent, contract.glob) for contract in self.contracts)

    def _follow(self, event):
        attributes = event.get("attributes") or {}
        if attributes.get("topic") != "contracts":
            return
        contract = self.topic.pointed(int(attributes["offset"]), event["recorded_at"])
        if contract is not None:
            self._put_in_force(contract)

    def _put_in_force(self, new):
        old = next((c for c in self.contracts if c.name == new.name), None)
        if old is not None and old.version >= new.version:
            return
        self.contracts = [c for c in self.contracts if c is not old] + [new]
        self.replaced += old is not None
        for key in [key for key in self.standings if key[1] == new.name]:
            standing = self.standings[key]
            if not fnmatch.fnmatchcase(standing.agent, new.glob):
                del self.standings[key]
                continue
            self._carry_over(standing, new)
            standing.evaluate(self.clock)

    def _carry_over(self, standing, new):
        """A term that promises the same keeps what it has seen, another starts anew."""
        states, kept = [], []
        for term in new.terms:
            state = next((s for s in standing.states if promise_of(s.term) == promise_of(term)), None)
            kept += [] if state is None else [term.name]
            state = state or TermState(term)
            state.term = term
            states.append(state)
        standing.docket.keep_terms(kept)
        if new.on_agent_version == "keep":
            standing.heard = Heard()
        standing.contract, standing.states = new, states
        standing.review.rebind(new.review_every, self.clock)
