# shellcheck shell=bash
# Telemetry recounted by `troth replay`, for the tests that hold a whole run against it (recount.py);
# sourced after lib.sh, never run. Uses its work, prefix, redis and here.
#
#   write_swift            the contract of these runs, $work/swift.yaml
#   recount_all            $work/telemetry.P, broken.P and replay.P of each partition
#   recount [--rungs]      the standings in Redis and the records of $work/interventions and rejects
#                          are as recounted
#   at_the_end             everything in telemetry is committed
PARTITIONS=4

write_swift() {
    # Short windows, so that a fleet goes up and down the ladder within seconds.
    cat >"$work/swift.yaml" <<'YAML'
contract: swift
version: 1
promise: What a fleet does within seconds is judged within seconds.
owner: tests
applies_to: {agent: "refund-*"}
capabilities: [refund, quote]
window: 8s
panes: 8
half_life: 4s
hold: 500ms
terms:
  - {name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.9}
  - {name: prompt, when: {kind: task}, keep: {latency_us: {le: 2000000}}, floor: 0.8}
  - {name: no-leak, never: {kind: tool, tool: export_customers}}
certify: {confidence: 0.8, within: 1d}
YAML
}

# recount_partition P: telemetry as a replay reads it, what is no event in it, and the replay.
recount_partition() {
    dump telemetry events "$1" >"$work/telemetry.$1" &&
        awk '/^\{"kind":"tick","at":[0-9]+\}$/ {print NR - 1}' "$work/telemetry.$1" \
            >"$work/broken.$1" &&
        troth replay --json --contracts "$work/swift.yaml" "$work/telemetry.$1" >"$work/replay.$1"
}

# recount_all: two at a time.
recount_all() {
    local p one
    rm -f "$work"/{telemetry,replay,broken}.[0-9]
    for ((p = 0; p < PARTITIONS; p += 2)); do
        recount_partition "$p" 2>"$work/recount.err" &
        one=$!
        recount_partition $((p + 1)) || return 1
        wait "$one" || return 1
    done
    # Line N of a dump must be the record at offset N.
    dump telemetry ends "$prefix" | while read -r p low high _; do
        (($(wc -l <"$work/telemetry.$p") == high && low == 0)) || return 1
    done
}

recount() { python3 "$here/recount.py" check "$redis" "$prefix" "$work" "$@"; }

at_the_end() {
    dump telemetry ends "$prefix" | awk '{print} $3 != $4 {bad = 1} END {exit bad || NR == 0}'
}
