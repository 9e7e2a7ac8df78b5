"""Contracts and predicates: DESIGN section 4, and the default ladders of section 6."""
import fnmatch
import json
import math
import pathlib

RUNGS = ("clear", "warn", "narrow", "recertify", "review", "pause")
RANK = {rung: rank for rank, rung in enumerate(RUNGS)}

UNITS_US = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000,
            "d": 86_400_000_000}

TRAFFIC = {"clear": 1.0, "warn": 1.0, "narrow": 0.25, "recertify": 0.10, "review": 0.05,
           "pause": 0.0}

# DESIGN 6, the table of conditions: (low, medium, high); None = not used.
CONFIDENCE_BELOW = {"warn": (0.10, 0.25, 0.40), "narrow": (0.01, 0.05, 0.10),
                    "review": (None, 0.005, 0.02), "pause": (None, 0.0001, 0.001)}
DISPUTES_OPEN = {"review": (None, 3, 1)}
FRESHNESS_BELOW = {"warn": (0.25, 0.50, 0.75), "narrow": (0.10, 0.25, 0.50),
                   "recertify": (None, 0.10, 0.25)}

SHARE_LIKE = ("share", "judged", "completeness")


def duration(text):
    """Microseconds of an integer with ms, s, m, h or d."""
    unit = "ms" if text.endswith("ms") else text[-1]
    return int(text[:-len(unit)]) * UNITS_US[unit]


# ---------------------------------------------------------------- predicates

def field_of(event, name):
    """The value of a field, None where it is absent.

    `source` and `outcome` have defaults (self, none), so they are never absent (DESIGN 3).
    """
    if name.startswith("attributes."):
        return (event.get("attributes") or {}).get(name[len("attributes."):])
    value = event.get(name)
    if value is None:
        return {"source": "self", "outcome": "none"}.get(name)
    return value


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def one_of(value, wanted):
    return value in wanted if isinstance(wanted, list) else value == wanted


OPERATORS = {
    "not": lambda value, wanted: not one_of(value, wanted),
    "lt": lambda value, number: is_number(value) and value < number,
    "le": lambda value, number: is_number(value) and value <= number,
    "gt": lambda value, number: is_number(value) and value > number,
    "ge": lambda value, number: is_number(value) and value >= number,
}


def checks_of(predicate):
    """A predicate as a flat list of (field, operator, operand)."""
    checks = []
    for field, wanted in predicate.items():
        if isinstance(wanted, dict):
            checks += [(field, operator, operand) for operator, operand in wanted.items()]
        else:
            checks.append((field, "is", wanted))
    return checks


def check(event, field, operator, operand):
    """True, False, or None where the field is absent and the operator is not `exists`."""
    value = field_of(event, field)
    if operator == "exists":
        return (value is not None) == operand
    if value is None:
        return None
    if operator == "is":
        return one_of(value, operand)
    return OPERATORS[operator](value, operand)


def holds(event, checks):
    """All must hold; a check on an absent field does not, `exists: false` excepted."""
    return all(check(event, *each) for each in checks)


# ---------------------------------------------------------------- terms and ladders

class Term:
    """One promise of a contract, with every default filled in."""

    def __init__(self, contract, spec):
        self.name = spec["name"]
        self.required = spec.get("required", True)
        self.consequence = contract.consequence
        self._read_kind(spec)
        self._read_window(contract, spec)
        if self.is_share_like:
            self._read_floor(spec)

    def __deepcopy__(self, memo):
        return self

    def _read_kind(self, spec):
        self.kind = next(kind for kind in ("judged", "completeness", "never", "budget",
                                           "cadence", "when") if kind in spec)
        self.kind = {"when": "share"}.get(self.kind, self.kind)
        self.is_share_like = self.kind in SHARE_LIKE
        self.when = checks_of(spec.get("when", {}))
        self.absent = spec.get("absent")
        if self.kind == "share":
            self.keep = checks_of(spec["keep"])
        elif self.kind == "judged":
            self.by = spec["judged"].get("by")
        elif self.kind == "never":
            self.when = checks_of(spec["never"])
        elif self.kind == "budget":
            self.sum = spec["budget"]["sum"]
            self.at_most = spec["budget"]["at_most"]
        elif self.kind == "cadence":
            self.when = checks_of(spec["cadence"]["when"])
            self.every = duration(spec["cadence"]["every"])

    def _read_window(self, contract, spec):
        self.window = duration(spec["window"]) if "window" in spec else contract.window
        self.panes = spec.get("panes", contract.panes)
        self.pane_width = self.window // self.panes
        if "half_life" in spec:
            half_life = duration(spec["half_life"])
        elif "window" in spec:
            half_life = self.window / 2
        else:
            half_life = contract.half_life
        self.weights = [2.0 ** (-age * self.pane_width / half_life) for age in range(self.panes)]

    def _read_floor(self, spec):
        self.floor = spec["floor"]
        wanted = max(10, math.ceil(math.log(0.1) / math.log(self.floor)))
        self.evidence = spec.get("evidence", wanted)
        self.fresh = spec.get("fresh", max(5, math.ceil(self.evidence / 10)))
        q = 1.0 - self.floor                                   # DESIGN 5.4
        p0, p1 = q / 2, min(2 * q, (1 + q) / 2)
        self.cusum_broken = round(1e9 * math.log(p1 / p0))
        self.cusum_kept = round(1e9 * math.log((1 - p1) / (1 - p0)))
        self.cusum_alarm = round(1e9 * math.log(10 ** 4))

    def is_in_window(self, when, clock):
        """DESIGN 5.2: what falls in a pane <= pane(clock) - N is late, or has left the window."""
        return when // self.pane_width > clock // self.pane_width - self.panes

    def verdict(self, event):
        """Of an event that `when` selects: True kept, False broken, None no evidence."""
        results = [check(event, *each) for each in self.keep]
        if False in results:
            return False
        if None not in results:
            return True
        return False if self._absent_breaks(event) else None

    def _absent_breaks(self, event):
        if self.absent is not None:
            return self.absent == "broken"
        outcome = field_of(event, "outcome")
        if outcome in ("failed", "refused", "timeout"):
            return True
        return self.consequence == "high" and outcome not in ("throttled", "cancelled")


def default_ladder(consequence):
    """The conditions of each rung, DESIGN 6; switched-off ones are None or False."""
    column = ("low", "medium", "high").index(consequence)
    ladder = {}
    for rung in RUNGS:
        confidence, freshness = CONFIDENCE_BELOW.get(rung), FRESHNESS_BELOW.get(rung)
        ladder[rung] = {
            "never": rung == "pause",
            "budget": rung == "narrow",
            "confidence_below": confidence and confidence[column],
            "change": rung == "warn",
            "freshness_below": freshness and freshness[column],
            "disputes_open": DISPUTES_OPEN.get(rung, (None,) * 3)[column],
            "traffic": TRAFFIC[rung],
        }
    return ladder


class Contract:
    """One contract, with every default filled in."""

    def __init__(self, spec):
        self.name = spec["contract"]
        self.version = spec["version"]
        self.glob = spec.get("applies_to", {}).get("agent", "*")
        self.consequence = spec.get("consequence", "medium")
        self.on_agent_version = spec.get(
            "on_agent_version", "recertify" if self.consequence == "high" else "keep")
        self.window = duration(spec.get("window", "1h"))
        self.panes = spec.get("panes", 12)
        self.half_life = (duration(spec["half_life"]) if "half_life" in spec
                          else self.window / 2)
        self.hold = duration(spec.get("hold", "10m"))
        certify = spec.get("certify", {})
        self.certify_confidence = certify.get("confidence", 0.95)
        self.certify_within = duration(certify.get("within", "7d"))
        self.review_every = duration(spec.get("review_every", "7d"))
        self.terms = [Term(self, term) for term in spec["terms"]]
        self.longest_window = max([self.window] + [term.window for term in self.terms])
        self.ladder = default_ladder(self.consequence)
        for rung, changes in (spec.get("ladder") or {}).items():
            self._override(rung, changes or {})

    def __deepcopy__(self, memo):
        return self

    def _override(self, rung, changes):
        """A ladder's keys replace the default of that key alone; null or false is off."""
        for key, value in changes.items():
            if key == "scope":
                self.ladder[rung]["traffic"] = (value or {}).get("traffic", TRAFFIC[rung])
            else:
                self.ladder[rung][key] = value

    def applies_to(self, agent):
        return fnmatch.fnmatchcase(agent, self.glob)

    def reaches(self, event):
        """An event reaches a contract that fits the agent and that it names, if it names one.

        The name is ignored when the source is SELF (DESIGN 3).
        """
        if not self.applies_to(event["agent"]):
            return False
        named = event.get("contract")
        return named is None or field_of(event, "source") == "self" or named == self.name


def load_contracts(folder):
    """The contracts of a directory, the highest version of each name."""
    newest = {}
    for path in sorted(pathlib.Path(folder).iterdir()):
        if path.suffix == ".json":
            spec = json.loads(path.read_text())
        elif path.suffix in (".yaml", ".yml"):
            import yaml
            spec = yaml.safe_load(path.read_text())
        else:
            continue
        contract = Contract(spec)
        if contract.name not in newest or contract.version > newest[contract.name].version:
            newest[contract.name] = contract
    return [newest[name] for name in sorted(newest)]
