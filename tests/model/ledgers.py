"""Holds ledgers of the week, as they are written down, against those of the slow model: reviews.py."""
import copy
import json

from reviews import WEEK_US, Ledger, start_of


def compare_fields(who, wanted, found, problems):
    for name, value in wanted.items():
        if found.get(name) != value:
            problems.append(f"{who}: {name} is {found.get(name)}, recounted {value}")


def in_order(debt):
    """Exceptions that are open at a week's end, of which the order is nobody's promise."""
    return sorted(debt, key=lambda item: json.dumps(item, sort_keys=True))


def compare_ledgers(shards, ledgers, problems):
    """LEDGERS: the texts of the records, by contract, week and partition."""
    wanted = {(contract, week, p): ledger for p, shard in shards.items()
              for (contract, week), ledger in shard.ledgers.items()}
    for key in sorted(set(wanted) | set(ledgers)):
        contract, week, p = key
        mine = wanted.get(key, Ledger()).record()
        if key not in ledgers:
            if mine != Ledger().record():
                problems.append(f"ledger {key}: there is none")
            continue
        found = json.loads(ledgers[key])
        closed = shards[p].clock >= start_of(week) + WEEK_US
        mine |= {"contract": contract, "week": week, "partition": p, "from": start_of(week), "closed": closed}
        if closed:
            mine["as_of"] = start_of(week) + WEEK_US
            mine["debt"], found["debt"] = in_order(mine["debt"]), in_order(found["debt"])
        else:
            mine |= {"debt": [], "debt_left_out": 0}
            if not start_of(week) <= found["as_of"] <= shards[p].clock:
                problems.append(f"ledger {key}: as of {found['as_of']}")
        compare_fields(f"ledger {key}", mine, found, problems)
        others = set(found) - set(mine) - {"as_of"}
        problems += [f"ledger {key}: {name} is not known" for name in sorted(others)]


# ---------------------------------------------------------------- for canaries

def numbers_in(value, path=()):
    """The paths of all numbers in a JSON value."""
    if isinstance(value, (dict, list)):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers_in(inner, (*path, name))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path


def changed(value, path):
    other = copy.deepcopy(value)
    inner = other
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] += 1
    return other
