"""What people decide about a standing: schemas/decisions.md, and DESIGN section 6, "Decisions".

A standing's docket holds what was decided of it; `rule` takes one decision. A dispute's record is
read again from the log of the shard.
"""
import copy

from contracts import RANK, holds
from evidence import TermState

KNOWN_IDS = 8
MOST_DISPUTES = 16


ENDS_REVIEW = ("keep", "narrow", "pause", "restore", "recertify")


class Review:
    """Whether a person is to look at a standing: schemas/reviews.md."""

    def __init__(self, every):
        self.every = every
        self.opened = False         # by the ladder, and not ended
        self.clock_from = None      # since when the clock runs, where it does
        self.paused_by_hand = False     # while a decision puts the standing at pause

    def is_open(self, t):
        return self.opened or (self.clock_from is not None and self.clock_from + self.every <= t)

    def step(self, before, to, t):
        """The standing has changed its rung."""
        held = ("review", "pause")
        if self.is_open(t):
            return
        if to in held and before not in held and not self.paused_by_hand:
            self.opened = True
        elif to == "recertify":
            self.clock_from = None
        elif before == "recertify" and to not in held:
            self.clock_from = t

    def rebind(self, every, t):
        """Another version of the contract: what is open stays so, and its clock is the new one."""
        self.opened = self.is_open(t)
        self.every = every

    def end(self, t, before, after):
        """A decision that would end one was taken; the rungs are those before and after it."""
        self.opened = False
        self.clock_from = None if after == "recertify" else t


class Dispute:
    """One record that is or was disputed for one term: open, or upheld."""

    def __init__(self, offset, state, timestamp):
        self.offset = offset
        self.name = state.term.name
        self.timestamp = timestamp      # of its record
        self.open = True                # else upheld
        self.idle = False               # recertify was entered since: nothing is to be given back

    def __repr__(self):
        return f"Dispute({self.offset}, {self.name}, open={self.open}, idle={self.idle})"


class Docket:
    """What was decided of one standing."""

    def __init__(self):
        self.known = []             # ids of the last decisions, refused ones too
        self.decided_at = None      # the last one that was taken
        self.quiet_until = None     # freshness conditions do not hold before it
        self.waivers = {}           # term: until
        self.uses = {}              # term: records that broke it while it was waived
        self.disputes = []
        self.gave_back = 0          # disputes that were upheld and changed something; for --stats

    # ------------------------------------------------------------ asking, at a time

    def waives(self, term, t):
        return t < self.waivers.get(term.name, t)

    def is_quiet(self, t):
        return self.quiet_until is not None and t < self.quiet_until

    def open_count(self):
        return sum(dispute.open for dispute in self.disputes)

    def next_deadline(self, t):
        """The next end of a waiver or of the freshness that waits, None without any."""
        ends = [*self.waivers.values()] + ([self.quiet_until] if self.quiet_until else [])
        return min((end for end in ends if end > t), default=None)

    def find(self, offset, state):
        """The dispute of a record and a term, open or upheld; None where there is none."""
        return next((d for d in self.disputes
                     if d.offset == offset and d.name == state.term.name), None)

    # ------------------------------------------------------------ what happens to it

    def note_use(self, term, clock):
        """A record broke the term."""
        if self.waives(term, clock):
            self.uses[term.name] = self.uses.get(term.name, 0) + 1

    def enter_recertify(self):
        """Open disputes become idle, upheld ones go."""
        self.disputes = [dispute for dispute in self.disputes if dispute.open]
        for dispute in self.disputes:
            dispute.idle = True

    def forget(self, states, clock):
        """Upheld disputes go when their record has left the window, but for never terms."""
        terms = {state.term.name: state.term for state in states}
        self.disputes = [d for d in self.disputes if d.open or terms[d.name].kind == "never"
                         or terms[d.name].is_in_window(d.timestamp, clock)]

    def keep_terms(self, names):
        """Another version of the contract: what was said of another promise goes."""
        self.waivers = {name: until for name, until in self.waivers.items() if name in names}
        self.uses = {name: uses for name, uses in self.uses.items() if name in names}
        self.disputes = [dispute for dispute in self.disputes if dispute.name in names]

    def record(self, terms):
        """What replay shows of it; None where nothing was decided."""
        if not self.known:
            return None
        return {
            "decided_at": self.decided_at,
            "quiet_until": self.quiet_until,
            "waivers": [{"term": term.name, "until": self.waivers[term.name],
                         "uses": self.uses.get(term.name, 0)}
                        for term in terms if term.name in self.waivers],
            "disputes": [{"offset": d.offset, "term": d.name, "open": d.open, "idle": d.idle}
                         for d in self.disputes],
        }


class Disputed:
    """A record that was read again: what evidence it is of one term."""

    def __init__(self, line, state, contract, max_ahead):
        self.kept = self.broken = 0
        self.amounts = []
        self.matches = 0
        event = line if line is not None and "decision" not in line else {"kind": "tick"}
        if event["kind"] in ("tick", "pointer"):
            return
        self.agent = event["agent"]
        self.timestamp = event["at"] if event.get("recorded_at") is None else event["recorded_at"]
        self.at = min(event["at"], self.timestamp)
        if contract.reaches(event) and event["at"] <= self.timestamp + max_ahead:
            self._read(event, state.term)

    def _read(self, event, term):
        """What a state of its own, of that term alone, takes from the event at its own time."""
        alone = TermState(term)
        alone.take(event, self.at, self.at, None, None)
        self.kept, self.broken = alone.counter_kept, alone.counter_broken
        self.amounts = [amount for held in alone.amounts.values() for amount in held]
        self.matches = int(term.kind == "never" and holds(event, term.when))

    def is_evidence(self, agent):
        something = self.kept or self.broken or self.amounts or self.matches
        return bool(something) and self.agent == agent

    def broken_time(self, term):
        """The time by which what is not kept was counted."""
        return self.at if term.is_in_window(self.at, self.timestamp) else self.timestamp

    def give_back(self, state, clock, since):
        """The evidence leaves its pane, and at recertify (`since`, else None) the counters.

        There nothing is given back of what recertify has emptied or has not counted.
        """
        if since is None or self.at >= since:
            self._give_back_pieces(state, clock, True, self.kept, self.at)
        if since is None or self.timestamp >= since:
            when = self.broken_time(state.term)
            self._give_back_pieces(state, clock, False, self.broken, when)
            state.marks = max(0, state.marks - self.matches)
            for amount in self.amounts:
                if state.term.is_in_window(when, clock):
                    state.take_back_amount(amount, when)

    @staticmethod
    def _give_back_pieces(state, clock, kept, count, when):
        if state.term.is_in_window(when, clock):
            state.take_back(kept, count, when)
        state.take_back_counters(kept, count)


class Refused(Exception):
    """The ruling of a decision that is not taken."""


class Case:
    """One decision of one standing, at a clock."""

    def __init__(self, standing, decision, clock, log, max_ahead):
        self.standing = standing
        self.docket = standing.docket
        self.decision = decision
        self.clock = clock
        self.log = log
        self.max_ahead = max_ahead

    def rule(self):
        """Takes the decision, unless it is refused. Returns the ruling and the two rungs."""
        before = self.standing.rung
        if self.decision["id"] in self.docket.known:
            return "repeated", before, before
        self.docket.known = [*self.docket.known, self.decision["id"]][-KNOWN_IDS:]
        try:
            self._check()
            getattr(self, "_" + self.decision["action"])()
        except Refused as refused:
            return str(refused), before, before
        self.docket.decided_at = self.clock
        after = self.standing.rung
        if self.decision["action"] in ENDS_REVIEW:
            self.standing.review.end(self.clock, before, after)
        self.standing.evaluate(self.clock)
        return "applied" if after != before else "unchanged", before, after

    def _check(self):
        if self.decision.get("expected") not in (None, self.standing.rung):
            raise Refused("moved_on")

    def _move(self, rung):
        said = {key: self.decision[key] for key in ("id", "by", "reason")}
        self.standing.review.paused_by_hand = self.decision["action"] == "pause"
        self.standing.move(rung, "decision", None, self.clock, said)
        self.standing.review.paused_by_hand = False

    def _claim(self):
        """schemas/reviews.md: of an open review alone, and nothing else changes."""
        if not self.standing.review.is_open(self.clock):
            raise Refused("not_open")

    # ------------------------------------------------------------ the ladder by hand

    def _keep(self):
        pass

    def _climb(self, rung):
        if RANK[rung] > RANK[self.standing.rung]:
            self._move(rung)

    def _narrow(self):
        self._climb("narrow")

    def _review(self):
        self._climb("review")

    def _pause(self):
        self._climb("pause")

    def _restore(self):
        if self.standing.rung not in ("narrow", "review"):
            raise Refused("not_from_here")
        self.docket.quiet_until = self.clock + self.standing.contract.longest_window
        target = max("warn", self.standing.target(self.clock), key=RANK.get)
        if RANK[target] < RANK[self.standing.rung]:
            self._move(target)

    def _recertify(self):
        if self.standing.rung == "recertify":
            self.standing.since = self.clock
            self.standing.enter_recertify(self.clock, self.standing.after_person)
        else:
            self._move("recertify")

    # ------------------------------------------------------------ terms and records

    def _state(self):
        for state in self.standing.states:
            if state.term.name == self.decision["term"]:
                return state
        raise Refused("no_term")

    def _waive(self):
        self.docket.waivers[self._state().term.name] = self.decision["until"]

    def _disputable(self):
        state = self._state()
        if state.term.kind in ("completeness", "cadence"):
            raise Refused("no_term")
        return state

    def _read_again(self, state):
        """The disputed record, of which the log holds what came before."""
        offset = self.decision["offset"]
        line = self.log[offset] if offset < len(self.log) else None
        disputed = Disputed(line, state, self.standing.contract, self.max_ahead)
        if not disputed.is_evidence(self.standing.agent):
            raise Refused("no_record")
        return disputed

    def _dispute_open(self):
        state = self._disputable()
        disputed = self._read_again(state)
        self.docket.forget(self.standing.states, self.clock)
        if self.docket.find(self.decision["offset"], state) is not None:
            return
        if len(self.docket.disputes) == MOST_DISPUTES:
            raise Refused("no_room")
        self.docket.disputes.append(
            Dispute(self.decision["offset"], state, disputed.timestamp))

    def _open(self):
        """The term's state and its open dispute of the record."""
        state = self._disputable()
        dispute = self.docket.find(self.decision["offset"], state)
        if dispute is None or not dispute.open:
            raise Refused("not_open")
        return state, dispute

    def _dispute_reject(self):
        self.docket.disputes.remove(self._open()[1])

    def _dispute_uphold(self):
        state, dispute = self._open()
        if dispute.idle:
            self.docket.disputes.remove(dispute)
            return
        dispute.open = False
        since = self.standing.since if self.standing.rung == "recertify" else None
        before = copy.deepcopy(vars(state))
        self._read_again(state).give_back(state, self.clock, since)
        self.docket.gave_back += vars(state) != before
