"""Telemetry events as bytes, written from the Avro specification alone: for the system tests, which
need also what Troth's own encoder refuses to write.

An event is a dict as in JSON Lines. What the tests want wrong they say by keys of the same names:
values are written as they stand, text may be bytes.
"""
import json
import struct

KINDS = ["task", "tool", "evaluation", "rescue", "exception", "heartbeat", "tick", "pointer"]
OUTCOMES = ["none", "ok", "failed", "refused", "timeout", "throttled", "cancelled"]
SOURCES = ["self", "peer", "gateway", "evaluator", "human", "engine"]
RESCUES = ["interrupt", "correction", "takeover", "redo", "silent_edit", "approval_waived"]


def long(number):
    """A zigzag varint of 64 bits."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return long(len(data)) + data


def enum(names, value):
    return long(value if isinstance(value, int) else names.index(value))


def optional(write, value):
    return long(0) if value is None else long(1) + write(value)


def items(write, values):
    return (long(len(values)) + b"".join(map(write, values)) if values else b"") + long(0)


def verdict(value):
    return (text(value["term"]) + bytes([value["kept"]]) +
            optional(lambda v: struct.pack("<d", v), value.get("value")))


def bare(event):
    """The record of the embedded schema."""
    get = event.get
    out = bytes.fromhex(get("id", "00" * 16)) + text(get("agent", "")) + long(event["at"])
    out += enum(KINDS, event["kind"]) + enum(OUTCOMES, get("outcome", "none"))
    out += enum(SOURCES, get("source", "self"))
    out += optional(text, get("issuer")) + optional(text, get("contract"))
    out += optional(text, get("session")) + optional(long, get("seq"))
    for name in ("agent_version", "task", "tool"):
        out += optional(text, get(name))
    for name in ("latency_us", "cost_micros", "input_tokens", "output_tokens"):
        out += optional(long, get(name))
    out += optional(lambda v: enum(RESCUES, v), get("rescue"))
    out += optional(text, get("owner")) + optional(long, get("until"))
    out += items(verdict, get("verdicts", []))
    return out + items(lambda pair: text(pair[0]) + text(pair[1]),
                       list(get("attributes", {}).items()))


def confluent(schema_id, record):
    return b"\0" + struct.pack(">I", schema_id) + record


def canonical(schema, space=""):
    """Avro's parsing canonical form, as an object that json.dumps writes in the right order."""
    if isinstance(schema, str):
        primitive = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
        return schema if schema in primitive or "." in schema or not space else f"{space}.{schema}"
    if isinstance(schema, list):
        return [canonical(branch, space) for branch in schema]
    kind = schema["type"]
    if kind in ("array", "map"):
        inner = "items" if kind == "array" else "values"
        return {"type": kind, inner: canonical(schema[inner], space)}
    if kind not in ("record", "enum", "fixed"):
        return canonical(kind, space)
    space = schema.get("namespace", space)
    name = schema["name"]
    out = {"name": name if "." in name or not space else f"{space}.{name}", "type": kind}
    if kind == "record":
        out["fields"] = [{"name": f["name"], "type": canonical(f["type"], space)}
                         for f in schema["fields"]]
    elif kind == "enum":
        out["symbols"] = schema["symbols"]
    else:
        out["size"] = schema["size"]
    return out


def fingerprint(schema):
    """CRC-64-AVRO of the canonical form."""
    empty = 0xC15D213AA4D7A795
    value = empty
    for byte in json.dumps(canonical(schema), separators=(",", ":")).encode():
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (empty if value & 1 else 0)
    return value


def single_object(schema, record):
    return b"\xc3\x01" + struct.pack("<Q", fingerprint(schema)) + record


def murmur2(key):
    """Java's org.apache.kafka.common.utils.Utils.murmur2, not negative."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if len(key) > whole:
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


def partition_of(agent, partitions):
    return murmur2(agent.encode() if isinstance(agent, str) else agent) % partitions


def digits(data):
    """As send_records reads bytes."""
    return "-" if data is None else data.hex() or "="
