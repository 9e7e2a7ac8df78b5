"""Fills a Redis by hand with what schemas/redis.md and schemas/reviews.md say of reviews, exceptions and weeks,
without a line of the engine.

  review_fill.py fill HOST:PORT PREFIX FOLDER   into Redis; the same weeks and an old one as lines for send_records
                                                to FOLDER/records; what must come out to FOLDER/expected
  review_fill.py week FOLDER WHICH [kafka]      holds the JSON of `troth review week` on standard input to that"""
import datetime
import json
import math
import subprocess
import sys
import time

NOW = int(time.time() * 1e6)
SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000


def resp(*words):
    """A command as Redis takes it, so that any byte of a name goes through."""
    parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


commands = []


def run(*words):
    commands.append(resp(*words))


def label(us):
    year, week, _ = datetime.datetime.fromtimestamp(us / 1e6, datetime.timezone.utc).isocalendar()
    return f"{year:04}-W{week:02}"


def monday(us):
    day = datetime.datetime.fromtimestamp(us / 1e6, datetime.timezone.utc)
    day -= datetime.timedelta(days=day.weekday())
    return int(day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000_000


def bucket(us):
    """By the definition of schemas/reviews.md, in whole numbers."""
    if us < 32:
        return us
    bits = us.bit_length()
    return 16 * (bits - 5) + us // 2 ** (bits - 5)


def histogram(times):
    counts = {}
    for us in times:
        counts[bucket(us)] = counts.get(bucket(us), 0) + 1
    return [[b, counts[b]] for b in sorted(counts)]


KINDS = ["interrupt", "correction", "takeover", "redo", "silent_edit", "approval_waived"]
COUNTS = ("tasks rescued_tasks rescue_reports narrowed narrowed_stale narrowed_decided recovered relapses "
          "reviews_carried reviews_opened reviews_by_ladder reviews_done reviews_concrete reviews_dropped "
          "late_kept late_broken missing exceptions waiver_uses").split()


records = []  # of the topic: partition, key, value
expected = {}  # by week's label: the counts, the times and the exceptions that its ledgers have


def ledger(contract, partition, at, closed, counts, rescues=(), narrow=(), recovery=(), debt=(), left_out=0,
           redis=True):
    start = monday(at)
    value = {"week": label(at), "contract": contract, "partition": partition, "from": start,
             "as_of": start + 7 * DAY if closed else at, "closed": closed}
    value |= {name: counts.get(name, 0) for name in COUNTS}
    value["rescues"] = {kind: dict(rescues).get(kind, 0) for kind in KINDS}
    value |= {"time_to_narrow": histogram(narrow), "recovery": histogram(recovery), "debt": list(debt),
              "debt_left_out": left_out}
    text = json.dumps(value, separators=(",", ":"))
    if redis:
        run("HSET", f"{prefix}:week:{contract}:{label(at)}", partition, text)
    key = b"\0week\0" + contract.encode() + b"\0" + label(at).encode()
    records.append(f"{partition} {key.hex()} {text.encode().hex()}")
    week = expected.setdefault(label(at), {"counts": {}, "narrow": [], "recovery": [], "closed": closed, "debt": 0,
                                           "partitions": []})
    for name in COUNTS:
        week["counts"][name] = week["counts"].get(name, 0) + value[name]
    week["narrow"] += narrow
    week["recovery"] += recovery
    week["partitions"].append(partition)
    week["debt"] += len(debt)


def standing(agent, contract, rung, score, opened, since, terms, **more):
    fields = {"agent": agent, "contract": contract, "contract_version": 3, "partition": 0, "mode": "enforce",
              "rung": rung, "since": NOW - 2 * HOUR, "score": score, "compliance": 0.1, "freshness": 1,
              "limiting": "resolves", "traffic": 0.05, "capabilities": "refund", "max_cost_micros": -1,
              "guarded": 0, "as_of": NOW, "why": "confidence of resolves 0.0031 below 0.005", "cause": "confidence",
              "relapses": 0, "terms": ",".join(terms), "review": opened, "review_since": since if opened != "none" else 0,
              "review_next": 0, "review_by": "", "review_claimed": 0, "reviewed_at": 0, "reviewed_score": 0,
              "reviewed_rung": "", "narrowed_since": 0, "widened_since": 0, "disputes_open": 0, "debt": "[]"}
    for term, values in terms.items():
        fields |= {f"term.{term}.{name}": value for name, value in values.items()}
    fields |= more
    run("HSET", agent.join([f"{prefix}:standing:", f":{contract}"]), *(x for pair in fields.items() for x in pair))
    if opened != "none":
        run("ZADD", f"{prefix}:reviews", since, f"{agent}:{contract}")
    ends = [debt["until"] for debt in json.loads(fields["debt"])]
    if ends:
        run("ZADD", f"{prefix}:debts", max(ends), f"{agent}:{contract}")


def fill():
    good = {"kept": 480, "broken": 2, "confidence": 0.97, "freshness": 1, "alarm": 0}
    run("HSET", f"{prefix}:meta", "version", 1, "era", 1, "partitions", 4, "rebuilding", 0)
    run("SADD", f"{prefix}:contracts", "refunds", "quotes")
    contract = {
        "contract": "refunds", "version": 3, "promise": "Refunds are settled well.", "owner": "payments-ops",
        "consequence": "medium", "capabilities": ["refund", "quote"], "window": "1h",
        "terms": [{"name": "resolves", "when": {"kind": "task"}, "keep": {"outcome": "ok"}, "floor": 0.98},
                  {"name": "grounded", "judged": {"by": ["judge-a"]}, "floor": 0.95},
                  {"name": "no-leak", "never": {"kind": "tool", "tool": "export"}},
                  {"name": "spend", "budget": {"sum": "cost_micros", "at_most": 50000000}},
                  {"name": "audited", "cadence": {"when": {"kind": "evaluation"}, "every": "24h"}}]}
    run("HSET", f"{prefix}:contract:refunds", "version", 3, "json", json.dumps(contract))
    run("HSET", f"{prefix}:contract:quotes", "version", 3, "json",
        json.dumps(contract | {"contract": "quotes", "owner": "sales"}))

    waiver = [{"term": "grounded", "owner": "ann", "since": NOW - 5 * DAY, "until": NOW + 3 * DAY, "uses": 12}]
    standing("refund-7", "refunds", "review", 12, "ladder", NOW - 3 * DAY, {
        "resolves": {"kept": 440, "broken": 60, "confidence": 0.0031, "freshness": 1, "alarm": 1},
        "grounded": {"kept": 10, "broken": 9, "confidence": 0.00001, "freshness": 1, "alarm": 0},
        "no-leak": {"kept": 0, "broken": 2}, "spend": {"kept": 0, "broken": 0, "amount": 70_000_000},
        "audited": {"kept": 1, "broken": 0, "freshness": 0.4}},
        review_by="ann", review_claimed=NOW - HOUR, reviewed_at=NOW - 9 * DAY, reviewed_score=812,
        reviewed_rung="clear", narrowed_since=3, widened_since=1, disputes_open=1, debt=json.dumps(waiver))
    # By the clock, later, and all is well; a name that a shell would take apart.
    standing("it's a;bot", "refunds", "clear", 950, "clock", NOW - DAY, {"resolves": good}, why="", traffic=1)
    # An event's exception, without an owner on record, that has begun since; and one that has ended.
    event = [{"term": None, "owner": None, "since": None, "until": NOW + DAY, "uses": 3},
             {"term": None, "owner": "bob", "since": NOW - 9 * DAY, "until": NOW - DAY, "uses": 1}]
    standing("quote-1", "quotes", "pause", 0, "ladder", NOW - 8 * DAY, {"no-leak": {"kept": 0, "broken": 1}},
             contract_version=2, why="no-leak broken", traffic=0, capabilities="", debt=json.dumps(event))
    standing("refund-8", "refunds", "clear", 990, "none", 0, {"resolves": good}, review_next=NOW + 4 * DAY)
    run("ZADD", f"{prefix}:reviews", NOW - 9 * DAY, "gone:refunds")  # its standing went meanwhile

    # The present week, two of four partitions; the one before, closed, of all four.
    ledger("refunds", 0, NOW, False, {"tasks": 1000, "rescued_tasks": 30, "rescue_reports": 4, "narrowed": 5,
                                      "reviews_carried": 1, "reviews_opened": 4, "reviews_by_ladder": 3,
                                      "reviews_done": 3, "reviews_concrete": 2, "recovered": 2, "waiver_uses": 12,
                                      "late_broken": 2, "missing": 5}, {"takeover": 20, "redo": 14},
           narrow=[3 * SECOND] * 4 + [40 * SECOND], recovery=[600 * SECOND, 3600 * SECOND])
    ledger("refunds", 2, max(NOW - 5 * SECOND, monday(NOW)), False, {"tasks": 500, "rescued_tasks": 11, "relapses": 1,
                                                   "reviews_opened": 2, "late_kept": 7}, {"redo": 11},
           narrow=[31], recovery=[600 * SECOND])
    before = NOW - 7 * DAY
    owed = {"agent": "refund-7", "term": "grounded", "owner": "ann|[x](http://x) @all", "since": before - 2 * DAY,
            "until": NOW, "uses": 4}
    for p in range(4):
        ledger("refunds", p, before, True, {"tasks": 1000, "rescued_tasks": 10, "reviews_opened": 1, "reviews_done": 1},
               {"redo": 10}, narrow=[p * SECOND + 1], debt=[owed] if p == 1 else [], left_out=2 if p == 1 else 0)
    run("HSET", f"{prefix}:week:refunds:{label(before)}", 4, "{")  # what nobody can read

    old = NOW - 63 * DAY  # Redis would not have it
    ledger("refunds", 3, old, True, {"tasks": 7}, redis=False)
    # What compaction has not taken away yet, other kinds of records, and a ledger that was taken back.
    stale = records[0].split()
    records.insert(0, f"{stale[0]} {stale[1]} {b'{}'.hex()}")
    records.insert(0, f"1 {b'refund-7'.hex()}00{b'refunds'.hex()} 02")
    records.insert(0, f"1 00{b'genesis'.hex()} 02")
    records.append(f"2 00{b'week'.hex()}00{b'gone'.hex()}00{label(NOW).encode().hex()} {b'{}'.hex()}")
    records.append(f"2 00{b'week'.hex()}00{b'gone'.hex()}00{label(NOW).encode().hex()} -")
    with open(f"{folder}/records", "w", encoding="utf-8") as file:
        file.write("\n".join(records) + "\n")
    with open(f"{folder}/expected", "w", encoding="utf-8") as file:
        json.dump({"weeks": expected, "labels": [label(NOW), label(before), label(old)]}, file)
    host, port = address.rsplit(":", 1)
    subprocess.run(["redis-cli", "-h", host, "-p", port, "--pipe"], input=b"".join(commands), check=True,
                   stdout=subprocess.DEVNULL)
    print(label(NOW), label(before), label(old))


def hold(told, name, times):
    """The ceil(p n)-th of the sorted list, told by the greatest value of its bucket."""
    for percent in (50, 95):
        value = told[f"{name}_p{percent}_us"]
        if not times:
            assert value is None, (name, value)
            continue
        exact = sorted(times)[math.ceil(percent * len(times) / 100) - 1]
        assert bucket(value) == bucket(exact) and bucket(value + 1) != bucket(exact), (name, percent, value, exact)


def check():
    with open(f"{folder}/expected", encoding="utf-8") as file:
        wanted = json.load(file)
    told = [json.loads(line) for line in sys.stdin]
    assert len(told) == 1, told
    week = told[0]["week"]
    name = wanted["labels"][int(which)]
    want = wanted["weeks"][name]
    assert week["week"] == name and week["contract"] == "refunds" and week["closed"] == want["closed"], week
    assert {k: week["counts"][k] for k in COUNTS} == want["counts"], (week["counts"], want["counts"])
    assert week["missing"] == [p for p in range(4) if p not in want["partitions"]], week["missing"]
    signals, counts = week["signals"], want["counts"]
    assert signals["rescues_per_task"] == (counts["rescued_tasks"] + counts["rescue_reports"]) / counts["tasks"]
    due = counts["reviews_carried"] + counts["reviews_opened"]
    assert signals["reviews_due"] == due
    assert signals["reviews_open"] == due - counts["reviews_done"] - counts["reviews_dropped"]
    if counts["reviews_done"]:
        share = counts["reviews_concrete"] / counts["reviews_done"]
        assert abs(signals["reviews_concrete_share"] - share) < 1e-9, signals
    hold(signals, "time_to_narrow", want["narrow"])
    hold(signals, "recovery", want["recovery"])
    if want["closed"]:
        assert len(week["debt"]) == want["debt"], week["debt"]
    elif source == "kafka":
        assert week["debt"] is None, week["debt"]  # it is in Redis alone
    else:
        # Of refund-7 the waiver; the exception of quote-1 is of another contract, and bob's has ended.
        assert [(d["agent"], d["term"], d["owner"], d["uses"]) for d in week["debt"]] == [
            ("refund-7", "grounded", "ann", 12)], week["debt"]


if sys.argv[1] == "fill":
    address, prefix, folder = sys.argv[2:5]
    fill()
else:
    folder, which = sys.argv[2:4]
    source = sys.argv[4] if len(sys.argv) > 4 else "redis"
    check()
