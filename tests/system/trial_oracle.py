"""What `troth contract try` must say, worked out from what `troth replay --json` says of each version.

  trial_oracle.py TRIAL NEW [OLD]    TRIAL is what `try --json` printed; NEW and OLD are replays of the
                                     same records under one version each. Prints what differs, and
                                     `FATE=AGENTS ...`; exit status 1 where anything differs
  trial_oracle.py changes TRIAL SIDE REPLAY...
                                     the interventions that `try --json --interventions` tells of SIDE
                                     (old or new) are, byte for byte, those of the replays or of the
                                     records that dump_topic printed
"""
import collections
import json
import sys

RUNGS = ["clear", "warn", "narrow", "recertify", "review", "pause"]
NARROW = RUNGS.index("narrow")


def read(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines]


class Course:
    """One agent under one version."""

    def __init__(self):
        self.steps, self.rung = [], None

    def narrowings(self):
        return [s for s in self.steps if RUNGS.index(s["from"]) < NARROW <= RUNGS.index(s["to"])]

    def first(self, steps):
        return steps[0]["decided_at"] if steps else None

    def narrowed(self):
        return self.first(self.narrowings())

    def certified(self):
        return self.first([s for s in self.steps if s["cause"]["condition"] == "certified"])

    def count(self, rung):
        return sum(s["to"] == rung for s in self.steps)

    def history(self):
        return [(s["decided_at"], s["from"], s["to"]) for s in self.steps]


def courses_of(path):
    courses = collections.defaultdict(Course)
    for line in read(path) if path else []:
        if "intervention" in line:
            courses[line["intervention"]["agent"]].steps.append(line["intervention"])
        elif "standing" in line:
            courses[line["standing"]["agent"]].rung = line["standing"]["rung"]
    return dict(courses)


def fate_of(old, new, alone):
    """The first that holds, in the order of ops/trial.h; and when."""
    if new is None:
        return "released", None
    if new.certified() is None:
        return ("unproven" if old is not None and old.certified() is None else "uncertified"), None
    was_narrowed = old is not None and old.narrowed() is not None
    if new.narrowed() is not None and not was_narrowed and (old is None or old.certified() is not None):
        return "narrowed", new.narrowed()
    if alone:
        return "same", None
    if old is None:
        return "bound", None
    if old.certified() is None:
        return "certified", new.certified()
    if was_narrowed and new.narrowed() is None:
        return "widened", old.narrowed()
    if new.narrowed() != old.narrowed():
        early, late = new.narrowed() < old.narrowed(), max(new.narrowed(), old.narrowed())
        return ("earlier" if early else "later"), min(new.narrowed(), old.narrowed(), late)
    return ("same" if new.history() == old.history() else "otherwise"), None


def expect(problems, what, wanted, found):
    if wanted != found:
        problems.append(f"{what}: {found}, not {wanted}")


def compare_course(problems, agent, course, told):
    if course is None or told is None:
        expect(problems, f"{agent}: applies", course is not None, told is not None)
        return
    wanted = {"rung": course.rung, "certified_at": course.certified(), "narrowed_at": course.narrowed(),
              "narrowings": len(course.narrowings()), "reviews": course.count("review"),
              "pauses": course.count("pause")}
    expect(problems, agent, wanted, {key: told[key] for key in wanted})
    if course.narrowings():
        expect(problems, f"{agent}: cause", course.narrowings()[0]["cause"], told["cause"])
        expect(problems, f"{agent}: to", course.narrowings()[0]["to"], told["narrowed_to"])


def compare_totals(problems, side, courses, told):
    wanted = {"agents": len(courses),
              "certified": sum(c.certified() is not None for c in courses.values()),
              "narrowed": sum(c.narrowed() is not None for c in courses.values()),
              "narrowings": sum(len(c.narrowings()) for c in courses.values()),
              "reviews": sum(c.count("review") for c in courses.values()),
              "pauses": sum(c.count("pause") for c in courses.values()),
              "rungs": {r: sum(c.rung == r for c in courses.values()) for r in RUNGS}}
    wanted["never_certified"] = wanted["agents"] - wanted["certified"]
    expect(problems, side, wanted, told)


def check(trial_path, new_path, old_path=None):
    lines = read(trial_path)
    trial = lines[0]["trial"]
    told = {line["agent"]["agent"]: line["agent"] for line in lines[1:]}
    old, new = courses_of(old_path), courses_of(new_path)
    problems, fates, differing = [], collections.Counter(), 0
    compare_totals(problems, "under_new", new, trial["under_new"])
    if old_path:
        compare_totals(problems, "under_old", old, trial["under_old"])
    for agent in sorted(set(old) | set(new)):
        a, b = old.get(agent), new.get(agent)
        fate, when = fate_of(a, b, old_path is None)
        fates[fate] += 1
        differing += a is None or b is None or a.history() != b.history()
        expect(problems, f"{agent}: told", fate != "same", agent in told)
        if agent in told and fate != "same":
            expect(problems, f"{agent}: fate", (fate, when), (told[agent]["fate"], told[agent]["when"]))
            compare_course(problems, agent, a, told[agent]["old"])
            compare_course(problems, agent, b, told[agent]["new"])
    expect(problems, "fates", dict(fates), {fate: n for fate, n in trial["fates"].items() if n})
    expect(problems, "agents told", set(told) - set(old) - set(new), set())
    expect(problems, "differing", differing, trial["differing"])
    for problem in problems[:20]:
        print(problem)
    print(" ".join(f"{fate}={count}" for fate, count in sorted(fates.items())))
    return bool(problems) or not new


def changes(trial_path, side, *paths):
    """Lines are compared as they were printed, but for what is printed around them."""
    told, wanted = [], []
    with open(trial_path) as lines:
        for line in lines:
            if line.startswith('{"intervention":') and line.endswith(f',"under":"{side}"}}\n'):
                told.append(line[len('{"intervention":'):-len(f',"under":"{side}"}}\n')])
    for path in paths:
        with open(path) as lines:
            for line in lines:
                if line.startswith('{"intervention":'):
                    wanted.append(line[len('{"intervention":'):-2])
                elif line.startswith('{"partition":') and not json.loads(line)["value"] is None:
                    text = bytes.fromhex(json.loads(line)["value"]).decode()
                    wanted += [] if '"ruling":' in text else [text]
    print(f"{len(told)} changes of rung told, {len(wanted)} made")
    for line in (sorted(set(told) ^ set(wanted)))[:6]:
        print("told alone:" if line in told else "made alone:", line)
    return sorted(told) != sorted(wanted) or not wanted


if __name__ == "__main__":
    act = changes if sys.argv[1] == "changes" else check
    sys.exit(act(*sys.argv[2:] if act is changes else sys.argv[1:]))
