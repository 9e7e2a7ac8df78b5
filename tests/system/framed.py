"""The same events in each framing, as lines for send_records.

  framed.py times EVENTS                 the events with whole milliseconds, as Kafka's timestamps are
  framed.py writer >FILE                 an older emitter's schema: other order, fewer and other fields
  framed.py FRAMING SCHEMA EVENTS        FRAMING is bare, single_object, confluent (schema id 7),
                                         older (schema id 8: what `writer` prints) or mixed; all to
                                         partition 0, with the events' own time
"""
import json
import sys

import events

OLDER_KINDS = ["tick", "heartbeat", "evaluation", "rescue", "tool", "task", "handshake"]

OLDER = {
    "type": "record", "name": "AgentEvent", "namespace": "troth", "fields": [
        {"name": "at", "type": "long"},
        {"name": "region", "type": "string"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind",
                                  "symbols": [kind.upper() for kind in OLDER_KINDS]}},
        {"name": "agent", "type": "string"},
        {"name": "latency_us", "type": ["int", "null"]},
        {"name": "outcome", "type": {"type": "enum", "name": "Outcome",
                                     "symbols": [o.upper() for o in reversed(events.OUTCOMES)]}},
        {"name": "id", "type": {"type": "fixed", "name": "EventId", "size": 16}},
        {"name": "source", "type": {"type": "enum", "name": "Source",
                                    "symbols": [s.upper() for s in events.SOURCES]}},
        {"name": "issuer", "type": "string"},
        {"name": "notes", "type": {"type": "array", "items": {"type": "map", "values": "double"}}},
        {"name": "cost_micros", "type": ["null", "long"]},
        {"name": "tool", "type": ["string", "null"]},
        {"name": "session", "type": ["null", "string"]},
        {"name": "seq", "type": ["null", "int"]},
        {"name": "rescue", "type": ["null", {"type": "enum", "name": "Rescue",
                                             "symbols": [r.upper() for r in events.RESCUES]}]},
        {"name": "verdicts", "type": {"type": "array", "items": {
            "type": "record", "name": "Verdict", "fields": [
                {"name": "value", "type": ["null", "float"]},
                {"name": "kept", "type": "boolean"},
                {"name": "term", "type": "string"}]}}},
    ]}


def older(event):
    def other(write, value):
        return events.long(1) if value is None else events.long(0) + write(value)

    get = event.get
    out = events.long(event["at"]) + events.text("eu-north") + events.enum(OLDER_KINDS, event["kind"])
    out += events.text(event["agent"]) + other(events.long, get("latency_us"))
    out += events.enum(events.OUTCOMES[::-1], get("outcome", "none"))
    out += bytes.fromhex(get("id", "00" * 16)) + events.enum(events.SOURCES, get("source", "self"))
    out += events.text(get("issuer", ""))
    # A block with its size in bytes, which a reader may pass over: one map of one double.
    inner = events.long(1) + events.text("weight") + bytes(8) + events.long(0)
    out += events.long(-1) + events.long(len(inner)) + inner + events.long(0)
    out += events.optional(events.long, get("cost_micros")) + other(events.text, get("tool"))
    out += events.optional(events.text, get("session")) + events.optional(events.long, get("seq"))
    out += events.optional(lambda v: events.enum(events.RESCUES, v), get("rescue"))
    return out + events.items(
        lambda v: events.long(0) + bytes([v["kept"]]) + events.text(v["term"]),
        get("verdicts", []))


def times(path):
    with open(path) as lines:
        for line in lines:
            event = json.loads(line)
            for name in ("at", "recorded_at"):
                if name in event:
                    event[name] -= event[name] % 1000
            print(json.dumps(event))


def frame(framing, schema, number, event):
    if framing == "mixed":
        framing = ("bare", "single_object", "confluent", "older")[number % 4]
    if framing == "older":
        return events.confluent(8, older(event))
    record = events.bare(event)
    return {"bare": lambda: record,
            "single_object": lambda: events.single_object(schema, record),
            "confluent": lambda: events.confluent(7, record)}[framing]()


def main():
    if sys.argv[1] == "times":
        times(sys.argv[2])
    elif sys.argv[1] == "writer":
        json.dump(OLDER, sys.stdout)
    else:
        framing, schema, path = sys.argv[1:]
        with open(schema) as file:
            schema = json.load(file)
        with open(path) as lines:
            for number, line in enumerate(lines):
                event = json.loads(line)
                value = frame(framing, schema, number, event)
                recorded_ms = event.get("recorded_at", event["at"]) // 1000
                print(0, event["agent"].encode().hex(), value.hex(), recorded_ms)
    return 0


if __name__ == "__main__":
    sys.exit(main())
