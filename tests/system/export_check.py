"""A verifier of exports that knows schemas/export.md and none of Troth's code; and the hand of an
exporter who leaves something out and signs anew, for the system test.

  export_check.py check FILE PUBLIC         exit status 0 where it holds, 1 with what is wrong
  export_check.py without FILE SECRET OUT   writes OUT.N without line N, for each line but the first and
                                            the signature, chained and signed anew; prints N and its kind
  export_check.py round FILE SECRET OUT     without the first interventions that lead back to where
                                            they began
  export_check.py last FILE SECRET OUT      without the last intervention, and with no standing
  export_check.py middle FILE               a time by which half of the interventions were decided
  export_check.py telemetry FILE            the partition, and one past the last record that is named
"""
import base64
import hashlib
import json
import math
import re
import sys

RUNGS = ["clear", "warn", "narrow", "recertify", "review", "pause"]
HELD = {"narrow", "review", "pause"}
DAY = 86_400_000_000
STAGES = {"contract": 1, "beginning": 2, "decision": 3, "intervention": 4, "ruling": 4, "telemetry": 5,
          "standing": 6}

# ---- Ed25519, from RFC 8032 ----

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e = (y1 - x1) * (y2 - x2) % P
    f = (y1 + x1) * (y2 + x2) % P
    g, h = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    a, b, c, d = f - e, h - g, h + g, f + e
    return a * b % P, c * d % P, b * c % P, a * d % P


def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def point_of(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no point of the curve")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def bytes_of(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def digest(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % Q


def ed25519_holds(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if s >= Q:
        return False
    k = digest(signature[:32], public, message)
    return bytes_of(times(s, BASE)) == bytes_of(
        add(point_of(signature[:32]), times(k, point_of(public))))


def ed25519_sign(seed, message):
    half = hashlib.sha512(seed).digest()
    a = int.from_bytes(half[:32], "little") & (1 << 254) - 8 | 1 << 254
    public = bytes_of(times(a, BASE))
    r = digest(half[32:], message)
    point = bytes_of(times(r, BASE))
    s = (r + digest(point, public, message) * a) % Q
    return public, point + s.to_bytes(32, "little")


# ---- The bytes ----


def blake(data, size=32):
    return hashlib.blake2b(data, digest_size=size).hexdigest()


def read_key(path, word):
    with open(path) as lines:
        for line in lines:
            if line.startswith(word + " "):
                return base64.b64decode(line.split()[1], validate=True)
    raise SystemExit(f"{path} has no line {word}")


def read_chain(data, public):
    """The lines but the signature's, as objects; raises ValueError where the bytes do not hold."""
    if not data.endswith(b"\n"):
        raise ValueError("it does not end with a line break")
    lines = data[:-1].split(b"\n")
    after = "0" * 64
    for number, line in enumerate(lines, 1):
        if not line.startswith(b'{"after":"' + after.encode() + b'",'):
            raise ValueError(f"line {number} does not bear the hash of the one before")
        last, after = after, blake(line + b"\n")
    form = re.fullmatch(rb'\{"after":"([0-9a-f]{64})","key":"([0-9a-f]{16})",'
                        rb'"signature":"([A-Za-z0-9+/]{86}==)"\}', lines[-1])
    if form is None or form[2].decode() != blake(public)[:16]:
        raise ValueError("the last line is no signature, or another key's")
    signature = base64.b64decode(form[3])
    if base64.b64encode(signature) != form[3]:
        raise ValueError("the signature is not in its canonical text")
    if not ed25519_holds(public, f"troth-export {last}\n".encode(), signature):
        raise ValueError("the signature does not hold")
    return [json.loads(line) for line in lines[:-1]]


def write_chain(texts, seed, path):
    after, out = "0" * 64, b""
    for text in texts:
        line = b'{"after":"' + after.encode() + b'",' + text + b"\n"
        after = blake(line)
        out += line
    public, signature = ed25519_sign(seed, f"troth-export {after}\n".encode())
    out += (f'{{"after":"{after}","key":"{blake(public)[:16]}","signature":"'
            f'{base64.b64encode(signature).decode()}"}}\n').encode()
    with open(path, "wb") as file:
        file.write(out)


# ---- What can be recounted ----


class Found:
    def __init__(self):
        self.problems = []

    def need(self, holds, *words):
        if not holds:
            self.problems.append(" ".join(map(str, words)))


def id_of(head, line, ordinal):
    told = line["intervention"]
    agent, contract = told["agent"].encode(), told["contract"].encode()
    number = lambda n: n.to_bytes(8, "big")
    return blake(b"".join((number(line["era"]), number(head["telemetry"]["partition"]),
                           number(told["witnesses"][0]["offset"]), number(len(agent)), agent,
                           number(len(contract)), contract, number(ordinal))), 16)


class Standing:
    """One standing, followed through its changes."""

    def __init__(self, beginning):
        self.rung, self.since = beginning["rung"], beginning["since"]
        self.new = beginning["because"] == "new"
        self.relapses = 0 if self.new else None
        self.left = None
        self.last = None
        self.ordinal = 0
        self.moment, self.rungs = None, set()

    def at(self, t):
        if self.moment != t:
            self.moment, self.rungs = t, {self.rung}

    def change(self, head, line, found):
        told, number = line["intervention"], line["offset"]
        same = self.last is not None and self.last["witnesses"][0] == told["witnesses"][0]
        self.ordinal = self.ordinal + 1 if same else 0
        if self.last is None and not self.new:
            self.ordinal = next((o for o in range(4096) if id_of(head, line, o) == told["id"]), -1)
        found.need(self.ordinal >= 0 and id_of(head, line, self.ordinal) == told["id"], number, "id")
        found.need((told["from"], told["from_since"]) == (self.rung, self.since), number,
                   "does not follow from the one before")
        found.need(told["decided_at"] >= told["from_since"], number, "times")
        narrowing = RUNGS.index(told["to"]) > RUNGS.index(told["from"])
        found.need(told["narrowing"] == narrowing, number, "narrowing")
        score = math.floor(1000 * told["compliance"] * told["freshness"] + 0.5)
        found.need(told["score"] == (0 if told["to"] == "pause" else score), number, "score")
        if narrowing:
            found.need(told["time_to_narrow_us"] == told["decided_at"] - told["degraded_at"], number,
                       "time to narrow")
        if told["from"] in HELD and (not narrowing or told["to"] == "recertify"):
            self.left = told["decided_at"]
        if told["from"] in ("clear", "warn") and told["to"] in HELD:
            soon = self.left is not None and told["decided_at"] - self.left <= DAY
            if self.new or self.left is not None:
                self.relapses = self.relapses + 1 if soon and self.relapses is not None else \
                    None if soon else 0
        self.at(told["decided_at"])
        self.rungs.add(told["to"])
        self.rung, self.since, self.last = told["to"], told["decided_at"], told

    def rule(self, line, found):
        ruling = line["ruling"]
        self.at(ruling["decided_at"])
        for end in ("from", "to"):
            found.need(ruling[end] is None or ruling[end] in self.rungs, line["offset"], "ruling's", end)
        if self.rung == "recertify" and (ruling["action"], ruling["ruling"]) == ("recertify", "unchanged"):
            self.since = ruling["decided_at"]


def check_contract(line, contracts, found):
    told, number = line["intervention"], line["offset"]
    contract = contracts.get((told["contract"], told["contract_version"]))
    found.need(contract is not None, number, "its version is not there")
    if contract is None:
        return
    rung, cause = contract["ladder"][told["to"]], told["cause"]
    scope = rung["scope"]
    found.need(told["mode"] == contract["mode"], number, "mode")
    found.need(told["scope"]["traffic"] == scope["traffic"], number, "traffic")
    found.need(told["scope"]["capabilities"] == scope["capabilities"], number, "capabilities")
    if cause["condition"] == "freshness":
        found.need(cause["observed"] < cause["limit"] == rung["freshness_below"], number, "freshness")
    if cause["condition"] == "confidence":
        limits = [rung.get("confidence_below")]
        if (told["from"], told["to"]) == ("recertify", "review"):
            limits.append(contract["ladder"]["narrow"].get("confidence_below"))
        found.need(cause["limit"] in limits and cause["observed"] < cause["limit"], number, "confidence")
    if cause["condition"] == "never":
        found.need(cause["observed"] == told["terms"][cause["term"]]["broken"] > 0, number, "never")


def check(data, public):
    found = Found()
    head, *lines = read_chain(data, public)
    found.need(head["export"] == 1, "format")
    order = [(STAGES[line["kind"]], line.get("offset", 0) * (line["kind"] != "standing")) for line in lines]
    found.need(order == sorted(order), "the order of the lines")
    kinds = {kind: [line for line in lines if line["kind"] == kind] for kind in STAGES}
    contracts = {(line["contract"]["contract"], line["contract"]["version"]): line["contract"]
                 for line in kinds["contract"]}
    standings = {line["contract"]: Standing(line) for line in kinds["beginning"]}
    decisions = {line["decision"]["id"]: line["decision"] for line in kinds["decision"]}
    applied = set()
    for line in lines:
        if line["kind"] == "intervention":
            standings[line["intervention"]["contract"]].change(head, line, found)
            check_contract(line, contracts, found)
            if line["intervention"]["decision"] is not None:
                applied.add(line["intervention"]["decision"]["id"])
        elif line["kind"] == "ruling" and line["ruling"]["contract"] in standings:
            standings[line["ruling"]["contract"]].rule(line, found)
    for line in kinds["ruling"]:
        ruling = line["ruling"]
        decision = decisions.get(ruling["decision"])
        found.need(decision is not None or head["decisions"]["from"] > 0, line["offset"], "its decision")
        for key in ("action", "by", "reason", "term") if decision else ():
            found.need(decision[key] == ruling[key], line["offset"], "its decision's", key)
        found.need(ruling["ruling"] != "applied" or ruling["decision"] in applied, line["offset"],
                   "the change that it made")
    there = {line["offset"]: line for line in kinds["telemetry"]}
    for line in kinds["intervention"]:
        for witness in line["intervention"]["witnesses"]:
            found.need(witness["offset"] in there, line["offset"], "its witness", witness["offset"])
    for line in kinds["standing"]:
        standing, follow = line["standing"], standings[line["contract"]]
        if standing is not None:
            found.need((standing["rung"], standing["since"]) == (follow.rung, follow.since),
                       line["contract"], "is not where the last change left it")
            found.need(follow.relapses in (None, standing["relapses"]), line["contract"], "relapses")
    found.need(len(kinds["standing"]) == len(standings), "a standing a beginning")
    found.need(kinds["intervention"] or kinds["ruling"] or kinds["standing"], "there is nothing in it")
    return found.problems


# ---- The hand of one who leaves something out ----


def texts_of(data):
    """The lines but the signature's, each without its hash."""
    return [line[len('{"after":"') + 64 + 2:] for line in data[:-1].split(b"\n")[:-1]]


def without(data, seed, out):
    texts = texts_of(data)
    for number in range(2, len(texts) + 1):
        write_chain(texts[:number - 1] + texts[number:], seed, f"{out}.{number}")
        print(number, json.loads(b"{" + texts[number - 1])["kind"])


def leave_round(data, seed, out):
    texts = texts_of(data)
    changes = [(i, json.loads(b"{" + text)["intervention"]) for i, text in enumerate(texts)
               if b'"kind":"intervention"' in text]
    for first in range(len(changes)):
        for last in range(first + 1, len(changes)):
            if changes[first][1]["from"] == changes[last][1]["to"] and last + 1 < len(changes):
                gone = {changes[k][0] for k in range(first, last + 1)}
                write_chain([t for i, t in enumerate(texts) if i not in gone], seed, out)
                return
    raise SystemExit("there is no way there and back")


def leave_last(data, seed, out):
    texts = texts_of(data)
    last = max(i for i, text in enumerate(texts) if b'"kind":"intervention"' in text)
    for i, text in enumerate(texts):
        if b'"kind":"standing"' in text:
            line = json.loads(b"{" + text)
            line |= {"offset": -1, "value": None, "standing": None}
            texts[i] = json.dumps(line, separators=(",", ":")).encode()[1:]
    write_chain(texts[:last] + texts[last + 1:], seed, out)


def main(words):
    command, path = words[:2]
    with open(path, "rb") as file:
        data = file.read()
    if command == "check":
        public = read_key(words[2], "troth-public")
        try:
            problems = check(data, public)
        except ValueError as problem:
            problems = [str(problem)]
        print("\n".join(problems) or "holds")
        return 1 if problems else 0
    lines = [json.loads(line) for line in data.splitlines()]
    if command == "middle":
        times = sorted(line["intervention"]["decided_at"] for line in lines
                       if line.get("kind") == "intervention")
        print(times[len(times) // 2])
    elif command == "telemetry":
        print(lines[0]["telemetry"]["partition"],
              1 + max(line["offset"] for line in lines if line.get("kind") == "telemetry"))
    else:
        {"without": without, "round": leave_round, "last": leave_last}[command](
            data, read_key(words[2], "troth-secret"), words[3])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
