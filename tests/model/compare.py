#!/usr/bin/env python3
"""Compares two outputs of `troth replay --json`.

    compare.py EXPECTED ACTUAL

Interventions and rulings are compared per standing in order, standings one by one: times, rungs,
causes, decisions, counts and scores exactly, other numbers within 1e-6. What ACTUAL has beyond
EXPECTED is not compared, a whole intervention, ruling, standing, docket or agent version excepted.
Exit status 0 the same, 1 not.
"""
import collections
import gzip
import json
import sys

INEXACT = {"compliance", "freshness", "g", "b", "confidence", "observed", "limit"}
TOLERANCE = 1e-6
MOST_SHOWN = 10


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same_value(key, expected, actual):
    if is_number(expected) and is_number(actual):
        return expected == actual or (key in INEXACT and abs(expected - actual) <= TOLERANCE)
    return type(expected) is type(actual) and expected == actual


def differences(expected, actual, key=""):
    """Lines that say where two values differ; fields that only `actual` has are passed over."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            where = f"{key}.{name}" if key else name
            if name not in actual:
                yield f"{where}: expected {json.dumps(value)}, absent"
            else:
                yield from differences(value, actual[name], where)
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{key}: expected {len(expected)} items, got {len(actual)}"
        for index, (left, right) in enumerate(zip(expected, actual)):
            label = left.get("name", index) if isinstance(left, dict) else index
            yield from differences(left, right, f"{key}[{label}]")
    elif not same_value(key.rpartition(".")[2], expected, actual):
        yield f"{key}: expected {json.dumps(expected)}, got {json.dumps(actual)}"


KINDS = ("intervention", "ruling", "standing")


def by_standing(lines):
    """By kind of object, what an output has of each (agent, contract)."""
    found = {kind: collections.defaultdict(list) for kind in KINDS}
    for line in lines:
        for kind in KINDS:
            if kind in line:
                found[kind][line[kind]["agent"], line[kind]["contract"]].append(line[kind])
    return found


def compare_sequences(what, expected, actual):
    """Differences of one standing's list of interventions (or of its one standing)."""
    for index, (left, right) in enumerate(zip(expected, actual)):
        found = [f"{what} {index + 1}: {line}" for line in differences(left, right)]
        if "docket" in right and "docket" not in left:
            found.append(f"{what} {index + 1}: unexpected docket {json.dumps(right['docket'])}")
        if "agent_version" in right and "agent_version" not in left:
            found.append(f"{what} {index + 1}: unexpected agent_version")
        if found:
            return found
    if len(expected) > len(actual):
        return [f"{what} {len(actual) + 1}: missing {json.dumps(expected[len(actual)])}"]
    if len(expected) < len(actual):
        return [f"{what} {len(expected) + 1}: unexpected {json.dumps(actual[len(expected)])}"]
    return []


def compare(expected, actual):
    """All differences of two outputs, each a list of decoded lines."""
    found = []
    wanted, got = by_standing(expected), by_standing(actual)
    for key in sorted({key for side in (wanted, got) for kind in KINDS for key in side[kind]}):
        for kind in KINDS:
            found += compare_sequences(f"{'/'.join(key)} {kind}", wanted[kind][key],
                                       got[kind][key])
    return found


def read_output(path):
    opened = gzip.open(path, "rt") if str(path).endswith(".gz") else open(path)
    with opened as lines:
        return [json.loads(line) for line in lines if line.strip()]


def canary():
    """The comparison must see damage of every kind, or it proves nothing."""
    change = {"agent": "a", "contract": "c", "to": "warn", "decided_at": 5}
    change["decision"] = {"id": "01", "by": "ann"}
    ruling = {"agent": "a", "contract": "c", "ruling": "applied", "from": "warn", "to": "narrow"}
    end = {"agent": "a", "contract": "c", "score": 7, "terms": [{"name": "t", "kept": 1, "g": 1.0}]}
    whole = [{"intervention": change}, {"standing": end}, {"ruling": ruling}]
    near = [{"name": "t", "kept": 1, "g": 1.0 + 1e-7, "more": 1}]
    damaged = [
        [], whole[:2], whole[1:], [whole[0], whole[2]], [whole[0], *whole], [*whole, whole[2]],
        *([{"intervention": {**change, **other}}, *whole[1:]] for other in (
            {"decided_at": 6}, {"to": "narrow"}, {"decision": None},
            {"decision": {"id": "02", "by": "ann"}})),
        *([*whole[:2], {"ruling": {**ruling, **other}}] for other in (
            {"ruling": "unchanged"}, {"from": None}, {"to": "warn"})),
        *([whole[0], {"standing": {**end, **other}}, whole[2]] for other in (
            {"score": 8}, {"docket": {}}, {"agent_version": None}, {"terms": [{**near[0], "kept": 2}]},
            {"terms": [{**near[0], "g": 1.00001}]})),
    ]
    assert not compare(whole, [whole[0], {"standing": {**end, "terms": near}}, whole[2]])
    assert all(compare(whole, actual) for actual in damaged)


def show(found):
    for line in found[:MOST_SHOWN]:
        print(f"  {line}")
    if len(found) > MOST_SHOWN:
        print(f"  and {len(found) - MOST_SHOWN} more")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    found = compare(read_output(sys.argv[1]), read_output(sys.argv[2]))
    if found:
        print(f"{sys.argv[2]} is not {sys.argv[1]}: {len(found)} differences")
        show(found)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
