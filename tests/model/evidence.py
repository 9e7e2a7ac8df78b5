"""What each term of a standing has seen: DESIGN 5.2 to 5.4 and 5.7.

Every piece of evidence is counted in its pane until the pane has left the window; sums are made
anew whenever they are asked for.
"""
from beta import kappa
from contracts import field_of, holds

SEQ_WIDTH = 64
SEQ_SESSIONS = 4
SEQ_MOST_MISSING = 64


class TermState:
    """The evidence of one term in one standing."""

    def __init__(self, term):
        self.term = term
        self.late = 0                           # kept pieces that were too late to count
        self.hidden = 0                         # broken ones that were too late for their own pane
        self.start_anew()

    def start_anew(self):
        """DESIGN 6, recertify: everything of every term starts empty."""
        self.panes = {}                         # pane: [kept, broken]
        self.amounts = {}                       # pane: list of amounts, as they came
        self.marks = 0                          # never: matches
        self.last = None                        # cadence: the greatest `at` seen
        self.cusum = 0
        self.onset = None
        self.broke = False                      # the last record broke it
        self.left_zero = False                  # the CUSUM left 0 in the present event
        self.exposed = []                       # costs of the tasks since it left 0
        self.start_counters_anew()

    def start_counters_anew(self):
        self.counter_kept = 0
        self.counter_broken = 0

    @property
    def never_broken(self):
        return self.marks > 0

    # ------------------------------------------------------------ taking evidence

    def take(self, event, at, clock, missing, entered):
        """Give the term what an event says to it; True where it said anything.

        `at` is the earlier of the event's time and its record's, `missing` the number of
        sequence numbers found missing (None: the event bears none), `entered` the time since
        which kept evidence counts in recertify (None elsewhere).
        """
        term = self.term
        self.broke = False
        if term.kind == "judged":
            return self._take_verdicts(event, at, clock, entered)
        if term.kind == "completeness":
            return self._take_sequence(at, clock, missing, entered)
        if not holds(event, term.when):
            return False
        if term.kind == "share":
            verdict = term.verdict(event)
            if verdict is not None:
                self._piece(verdict, at, clock, entered)
            return verdict is not None
        if term.kind == "never":
            self.marks += 1
            self.broke = True
        elif term.kind == "budget":
            return self._take_amount(event, at, clock)
        elif entered is None or at >= entered:
            self.last = at if self.last is None else max(self.last, at)
        else:
            self.late += 1
        return True

    def _take_verdicts(self, event, at, clock, entered):
        if event["kind"] != "evaluation" or field_of(event, "source") == "self":
            return False
        if self.term.by is not None and event.get("issuer") not in self.term.by:
            return False
        mine = [v["kept"] for v in event.get("verdicts") or [] if v["term"] == self.term.name]
        for kept in mine:
            self._piece(kept, at, clock, entered)
        return bool(mine)

    def _take_sequence(self, at, clock, missing, entered):
        """DESIGN 5.7: missing numbers break in the pane of the clock, the seen one keeps."""
        if missing is None:
            return False
        for _ in range(missing):
            self._piece(False, clock, clock, entered)
        self._piece(True, at, clock, entered)
        return True

    def _take_amount(self, event, at, clock):
        amount = field_of(event, self.term.sum)
        if amount is None:
            return False
        when = at if self.term.is_in_window(at, clock) else clock
        self._pane(self.amounts, when, clock, []).append(amount)
        self.broke = self.sum_of_window(clock) > self.term.at_most
        return True

    def _pane(self, panes, when, clock, empty):
        """The pane of `when`, and by the way panes that have left the window are forgotten."""
        width = self.term.pane_width
        for pane in [p for p in panes if p <= clock // width - self.term.panes]:
            del panes[pane]
        return panes.setdefault(when // width, empty)

    def _piece(self, kept, at, clock, entered):
        """One piece of evidence of a share-like term: DESIGN 5.2, 5.4, and 6's counters."""
        late = not self.term.is_in_window(at, clock)
        if kept and (late or (entered is not None and at < entered)):
            self.late += 1
            return
        if late:
            self.hidden += 1
            at = clock
        self._pane(self.panes, at, clock, [0, 0])[0 if kept else 1] += 1
        if kept:
            self.counter_kept += 1
        else:
            self.counter_broken += 1
            self.broke = True
        self._change(kept, at)

    def _change(self, kept, at):
        """DESIGN 5.4: one step of the Bernoulli CUSUM."""
        step = self.term.cusum_kept if kept else self.term.cusum_broken
        before = self.cusum
        self.cusum = min(max(0, before + step), 2 * self.term.cusum_alarm)
        if before == 0 and self.cusum > 0:
            self.onset = at
            self.left_zero = True

    def expose(self, event):
        """Note the tasks since the CUSUM last left 0, both ends counted (`exposed_tasks`)."""
        if self.cusum == 0 or self.left_zero:
            self.exposed = []
        if self.cusum > 0 and event["kind"] == "task":
            self.exposed.append(event.get("cost_micros") or 0)
        self.left_zero = False

    # ------------------------------------------------------------ taking back: a dispute was upheld

    def take_back(self, kept, count, when):
        """Pieces leave the pane of `when`, as many as it holds."""
        pane = self.panes.get(when // self.term.pane_width, [0, 0])
        index = 0 if kept else 1
        pane[index] -= min(count, pane[index])

    def take_back_amount(self, amount, when):
        """An amount leaves the pane of `when`, which is one that has seen an amount as before."""
        held = self.amounts.get(when // self.term.pane_width, [])
        held[:] = [max(0, sum(held) - amount)]

    def take_back_counters(self, kept, count):
        if kept:
            self.counter_kept -= min(count, self.counter_kept)
        else:
            self.counter_broken -= min(count, self.counter_broken)

    # ------------------------------------------------------------ asking, at a time

    def in_window(self, panes, t):
        """(age, contents) of the panes that are in the window at t, their age in 0..N-1."""
        newest = t // self.term.pane_width
        return [(newest - pane, held) for pane, held in panes.items()
                if newest - pane < self.term.panes]

    def sum_of_window(self, t):
        """A budget's plain sum."""
        return sum(amount for _, held in self.in_window(self.amounts, t) for amount in held)

    def counters_kappa(self):
        """kappa of the two plain counters, and their sum (DESIGN 6, recertify)."""
        value = kappa(self.term.floor, self.counter_kept, self.counter_broken)
        return value, self.counter_kept + self.counter_broken

    def newest_pane(self):
        """The newest pane with evidence or an amount, None without any."""
        held = [pane for pane, counts in self.panes.items() if any(counts)]
        return max([*held, *self.amounts], default=None)

    def evidence_leaves(self, t):
        """When the last evidence (amounts included) leaves the window; None if it has left."""
        pane = self.newest_pane()
        if pane is None:
            return None
        leaves = (pane + self.term.panes) * self.term.pane_width
        return leaves if leaves > t else None

    def cadence_freshness(self, t):
        """DESIGN 5.3: 1 while in time, then a tenth less with each started tenth past due."""
        if self.last is None:
            return 0.0
        past = t - (self.last + self.term.every)
        tenths = max(0, -(-past * 10 // self.term.every))
        return max(0, 10 - tenths) / 10

    def next_deadline(self, t):
        """The term's next pane boundary or cadence step after t, None without any."""
        if self.term.kind == "cadence":
            if self.last is None:
                return None
            due, tenth = self.last + self.term.every, self.term.every // 10
            steps = [due + k * tenth + 1 for k in range(10)]
            return min((step for step in steps if step > t), default=None)
        if self.evidence_leaves(t) is None:
            return None
        return (t // self.term.pane_width + 1) * self.term.pane_width


class Reading:
    """One term at one time: counts, aged sums, confidence, freshness."""

    def __init__(self, state, t):
        term = state.term
        self.term = term
        self.state = state
        self.alarm = term.is_share_like and state.cusum >= term.cusum_alarm
        self.has_evidence = False
        if term.is_share_like:
            self._read_shares(state, t)
        elif term.kind == "budget":
            self.has_evidence = bool(state.in_window(state.amounts, t))
            self.exceeded = state.sum_of_window(t) > term.at_most
        elif term.kind == "cadence":
            self.freshness = state.cadence_freshness(t)

    def _read_shares(self, state, t):
        self.kept = self.broken = 0
        self.g = self.b = 0.0
        for age, (kept, broken) in state.in_window(state.panes, t):
            self.kept += kept
            self.broken += broken
            self.g += kept * self.term.weights[age]
            self.b += broken * self.term.weights[age]
        self.has_evidence = self.kept + self.broken > 0
        self.kappa = kappa(self.term.floor, self.g, self.b)
        self.freshness = self.fresh_under(1.0)

    def fresh_under(self, traffic):
        """DESIGN 5.3: freshness by the traffic of a rung; a cadence's does not depend on it."""
        if self.term.kind == "cadence":
            return self.freshness
        return round(min(1.0, (self.g + self.b) / (self.term.fresh * max(0.1, traffic))), 9)

    @property
    def compliance(self):
        """DESIGN 5.5: kappa', or a budget's or never term's 0 or 1; None: passed over."""
        term = self.term
        if term.kind == "cadence":
            return None
        if term.kind == "never":
            return 0.0 if self.state.never_broken else 1.0
        if not term.required and not self.has_evidence:
            return None
        if term.kind == "budget":
            return 0.0 if self.exceeded else 1.0
        return self.kappa if term.required else min(1.0, self.kappa / 0.5)


class Session:
    """The anti-replay window of one session: DESIGN 5.7, as IPsec's (RFC 4303, 3.4.3)."""

    def __init__(self, first):
        self.first = first
        self.top = first
        self.seen = {first}

    def take(self, seq):
        """How many numbers went missing, or None where the number is a duplicate or stale."""
        if seq in self.seen or seq <= self.top - SEQ_WIDTH:
            return None
        self.seen.add(seq)
        if seq < self.top:
            return 0
        leaving = range(max(self.first, self.top - SEQ_WIDTH + 1), seq - SEQ_WIDTH + 1)
        if len(leaving) > 2 * SEQ_WIDTH:        # more than enough to reach the most counted
            leaving = leaving[:2 * SEQ_WIDTH]
        missing = sum(number not in self.seen for number in leaving)
        self.top = seq
        return min(missing, SEQ_MOST_MISSING)


class Sessions:
    """The sessions of one agent: at most four, the one with the oldest use is forgotten."""

    def __init__(self):
        self.by_name = {}       # oldest use first
        self.forgotten = 0

    def take(self, name, seq):
        """As Session.take; the first number of a session starts it."""
        session = self.by_name.pop(name, None)
        if session is None:
            if len(self.by_name) == SEQ_SESSIONS:
                self.by_name.pop(next(iter(self.by_name)))
                self.forgotten += 1
            self.by_name[name] = Session(seq)
            return 0
        self.by_name[name] = session
        return session.take(seq)
