#!/usr/bin/env python3
"""What each kind of help counts as, under schemas/examples/support.yaml.

    support.py --troth PATH

Each agent has a story: sixty good tasks of its own, a minute apart, and then what the story adds.
What `troth replay` then says of it is held against counts made by hand, the table below, and against
the slow model. Exit status 0 the same, 1 not.
"""
import argparse
import json
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/model"))
import compare   # noqa: E402
import runner    # noqa: E402

CONTRACT = ROOT / "schemas/examples/support.yaml"
START_US = 1_790_000_000_000_000
MINUTE = 60_000_000
HOUR = 60 * MINUTE
CLEAN = 60


def task(**fields):
    return {"kind": "task", "outcome": "ok", "attributes": {"finished_by": "agent"}, **fields}


def report(**fields):
    """Help that a person tells of, some minutes after the task."""
    return {"kind": "rescue", "source": "human", "issuer": "care-desk", **fields}


BY_A_PERSON = {"finished_by": "human"}

# By agent: what comes after its clean tasks, then (kept, broken) of each share term, and its rung.
#
#                                                     resolves  unaided  light-help finishes
STORIES = {
    "alone":          ([],                            ((60, 0), (60, 0), (0, 0), (60, 0)), "clear"),
    # With the task: its outcome is ok, and it is not unaided.
    "corrected":      ([task(rescue="correction")],   ((61, 0), (60, 1), (1, 0), (61, 0)), "clear"),
    "interrupted":    ([task(rescue="interrupt")],    ((61, 0), (60, 1), (1, 0), (61, 0)), "clear"),
    "taken-over":     ([task(rescue="takeover")],     ((61, 0), (60, 1), (0, 1), (61, 0)), "clear"),
    "redone":         ([task(rescue="redo")],         ((61, 0), (60, 1), (0, 1), (61, 0)), "clear"),
    "helped-in-vain": ([task(rescue="correction", outcome="failed")],
                                                      ((60, 1), (60, 1), (1, 0), (61, 0)), "clear"),
    # A task that does not count for its outcome was helped all the same.
    "throttled":      ([task(rescue="correction", outcome="throttled")],
                                                      ((60, 0), (60, 1), (1, 0), (60, 0)), "clear"),
    # Learned of later: the task was counted, and the report counts too.
    "told-later":     ([task(task="t-1"), report(rescue="silent_edit", task="t-1")],
                                                      ((61, 0), (61, 1), (0, 1), (61, 0)), "clear"),
    "told-no-kind":   ([report()],                    ((60, 0), (60, 1), (0, 0), (60, 0)), "clear"),
    # Of before the window: it is broken in the pane of now. Hiding must not pay.
    "told-too-late":  ([report(rescue="redo", at=START_US - 9 * HOUR)],
                                                      ((60, 0), (60, 1), (0, 1), (60, 0)), "clear"),
    # Work that people finished.
    "handed-over":    ([task(attributes=BY_A_PERSON)], ((61, 0), (61, 0), (0, 0), (60, 1)), "clear"),
    "unstated":       ([task(attributes={})],          ((61, 0), (61, 0), (0, 0), (60, 0)), "clear"),
    "failed":         ([task(attributes={}, outcome="failed")],
                                                      ((60, 1), (61, 0), (0, 0), (60, 1)), "clear"),
    # An approval that was waived for it, with the task or told later.
    "waved-through":  ([task(rescue="approval_waived")],
                                                      ((61, 0), (60, 1), (0, 1), (61, 0)), "pause"),
    "waved-later":    ([report(rescue="approval_waived")],
                                                      ((60, 0), (60, 1), (0, 1), (60, 0)), "pause"),
}

# Every task is ok, and yet: who is carried by people does not keep the promise of `unaided`, who is
# helped seldom but heavily not that of `light-help`, who leaves the end to people not `finishes`.
CARRIED = {
    "carried": ([task(rescue="correction"), task(rescue="takeover")] * 10, "unaided"),
    "reported": ([report(rescue="interrupt"), report(rescue="redo")] * 10, "unaided"),
    "done-over": ([task(rescue="redo"), *[task()] * 11] * 7, "light-help"),
    "left-to-people": ([task(attributes=BY_A_PERSON)] * 20, "finishes"),
}

SHARES = ("resolves", "unaided", "light-help", "finishes")


def events_of(name, number, more):
    """The events of one agent, as lines in time's order."""
    for place, event in enumerate([task()] * CLEAN + more):
        when = START_US + place * MINUTE + number
        yield when, {"agent": f"support-{name}", "at": when, **event, "recorded_at": when}


def write_events(path):
    stories = {name: more for name, (more, *_) in {**STORIES, **CARRIED}.items()}
    lines = sorted(((when, event) for number, (name, more) in enumerate(stories.items())
                    for when, event in events_of(name, number, more)), key=lambda line: line[0])
    path.write_text("".join(json.dumps(event) + "\n" for _, event in lines))


def check_stories(output):
    """What differs from the table, as lines."""
    standings = {line["standing"]["agent"]: line["standing"] for line in output
                 if "standing" in line}
    for name, (_, counts, rung) in STORIES.items():
        standing = standings[f"support-{name}"]
        terms = {term["name"]: (term["kept"], term["broken"]) for term in standing["terms"]}
        for share, wanted in zip(SHARES, counts):
            if terms[share] != wanted:
                yield f"{name}: {share} is {terms[share]}, not {wanted}"
        if standing["rung"] != rung:
            yield f"{name}: at {standing['rung']}, not at {rung}"


def check_carried(output):
    """Who is carried is narrowed, for the term that says so and for no other."""
    for name, (_, term) in CARRIED.items():
        narrowed = [line["intervention"]["cause"]["term"] for line in output
                    if line.get("intervention", {}).get("agent") == f"support-{name}"
                    and line["intervention"]["to"] in ("narrow", "review", "pause")]
        if not narrowed or set(narrowed) != {term}:
            yield f"{name}: narrowed by {narrowed}, not by {term}"


def main():
    parser = argparse.ArgumentParser(description="What each kind of help counts as.")
    parser.add_argument("--troth", required=True, metavar="PATH")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contracts = pathlib.Path(folder) / "contracts"
        events = pathlib.Path(folder) / "events.jsonl"
        contracts.mkdir()
        (contracts / CONTRACT.name).write_bytes(CONTRACT.read_bytes())
        write_events(events)
        actual = runner.run_troth(arguments.troth, contracts, events)
        expected = runner.run_model(contracts, events)
    found = [*check_stories(actual), *check_carried(actual),
             *(f"not as the model: {line}" for line in compare.compare(expected, actual))]
    compare.show(found)
    print(f"{len(STORIES) + len(CARRIED)} stories of help, {len(found)} differences")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
