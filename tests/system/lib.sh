# shellcheck shell=bash
# What the system tests share; sourced by them, never run.
#
#   source lib.sh
#   begin NAME "$@"            takes --bin DIR and --prefix P; starts Kafka and Redis, or takes those
#                              of $TROTH_TEST_KAFKA (bootstrap) and $TROTH_TEST_REDIS (HOST:PORT)
#   check 'claim' COMMAND...   PASS where the command succeeds, FAIL with what it printed otherwise
#   end                        the count; exit status 0 where nothing failed
#
# Everything that was started ends with the test, by its pid. Nothing waits by the clock: wait_for
# asks for a condition until a deadline.
#
# Set here for the tests: bin, work (a folder of the test's own), prefix, bootstrap, redis (HOST:PORT),
# config (the file that TROTH_CONFIG names), root, here.
set -uo pipefail
export LC_ALL=C.UTF-8
export PYTHONDONTWRITEBYTECODE=1

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
root=$(realpath "$here/../..")
passed=0
failed=0
own_kafka=0
own_redis=0
declare -A engine_pid=()

say() { printf '     %s\n' "$*"; }

pass() {
    passed=$((passed + 1))
    printf 'PASS %s: %s\n' "$test_name" "$*"
}

# fail CLAIM [FILE]: with the end of what was printed.
fail() {
    failed=$((failed + 1))
    printf 'FAIL %s: %s\n' "$test_name" "$1"
    if [[ -n ${2:-} && -s $2 ]]; then tail -n 12 "$2" | cut -c1-400 | sed 's/^/     | /'; fi
}

# skip REASON: the test cannot be run here. ops/test knows the status.
skip() {
    printf 'SKIP %s: %s\n' "$test_name" "$*"
    exit 77
}

# die MESSAGE: the test cannot be run; that is a failure too.
die() {
    fail "$*"
    exit 1
}

check() {
    local claim=$1
    shift
    if "$@" >"$work/out" 2>&1; then pass "$claim"; else fail "$claim" "$work/out"; fi
}

# within SECONDS COMMAND...: the command is ended after that time; it may be a function.
within() {
    if [[ $(type -t "$2") == function ]]; then
        "${@:2}"
    else
        timeout "$@"
    fi
}

# refuses CLAIM STATUS PATTERN COMMAND...: the command ends with that status, within 60 s, and says
# something on stderr that the extended regular expression matches.
refuses() {
    local claim=$1 wanted=$2 pattern=$3 status=0
    shift 3
    within 60 "$@" >"$work/stdout" 2>"$work/out" </dev/null || status=$?
    if ((status != wanted)); then
        fail "$claim (exit status $status, not $wanted)" "$work/out"
    elif ! grep -Eq -- "$pattern" "$work/out"; then
        fail "$claim (the message does not match: $pattern)" "$work/out"
    else
        pass "$claim"
    fi
}

# wait_for SECONDS COMMAND...: whether it succeeds before the deadline; asked about each 100 ms.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >"$work/out" 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# ---- begin and end ------------------------------------------------------------------------------

begin() {
    test_name=$1
    shift
    bin=$root/build/release/ops
    prefix=t$$.$test_name
    while (($# > 0)); do
        case $1 in
        --bin) bin=$2 && shift 2 ;;
        --prefix) prefix=$2 && shift 2 ;;
        *) echo "usage: $test_name [--bin DIR] [--prefix P]" >&2 && exit 2 ;;
        esac
    done
    work=$(mktemp -d "${TMPDIR:-/tmp}/troth-$test_name.XXXXXX")
    trap finish EXIT
    trap 'exit 130' INT TERM
    bin=$(realpath "$bin")
    [[ -x $bin/troth && -x $bin/trothd ]] || die "no troth and trothd in $bin; give --bin DIR"
    PATH=$bin:$PATH
    export TROTH_HTTP=127.0.0.1:0 # several engines run at a time
}

# need_servers [kafka|redis]...: without arguments both.
need_servers() {
    local kind
    for kind in "${@:-kafka}"; do
        if [[ $kind == kafka ]]; then start_kafka; else start_redis; fi
    done
    if (($# == 0)); then start_redis; fi
    write_config "$prefix"
}

start_kafka() {
    bootstrap=${TROTH_TEST_KAFKA:-}
    if [[ -z $bootstrap ]]; then
        own_kafka=1
        bootstrap=$("$root/ops/local/kafka" start --dir "$work/kafka" \
            --set broker.session.timeout.ms=3000 2>"$work/kafka.log" |
            sed -n 's/^bootstrap=//p')
        [[ -n $bootstrap ]] || { tail -n 3 "$work/kafka.log"; skip "Kafka could not be started"; }
    fi
}

start_redis() {
    redis=${TROTH_TEST_REDIS:-}
    if [[ -z $redis ]]; then own_redis_start; fi
}

# A Redis of the test's own, whatever the environment names; again on the same port after a stop.
own_redis_start() {
    own_redis=1
    redis=$("$root/ops/local/redis" start --dir "$work/redis" 2>"$work/redis.log" |
        sed -n 's/^redis=//p')
    [[ -n $redis ]] || { tail -n 3 "$work/redis.log"; skip "Redis could not be started"; }
}

# write_config PREFIX [LINE]...: the configuration of every command from here on.
write_config() {
    config=$work/troth.yaml
    {
        printf 'prefix: %s\nkafka:\n  bootstrap.servers: %s\n' "$1" "${bootstrap:-127.0.0.1:1}"
        printf '  session.timeout.ms: 6000\n  heartbeat.interval.ms: 500\n'
        printf 'redis:\n  address: %s\ntopics:\n  partitions: 4\n' "${redis:-127.0.0.1:1}"
        printf '%s\n' "${@:2}"
    } >"$config"
    export TROTH_CONFIG=$config
}

finish() {
    local status=$? name
    trap - EXIT
    for name in "${!engine_pid[@]}"; do kill -KILL "${engine_pid[$name]}" 2>/dev/null; done
    for name in "${started[@]:-}"; do
        if [[ -n $name ]]; then kill -KILL "$name" 2>/dev/null; fi
    done
    if ((own_kafka)); then "$root/ops/local/kafka" stop --kill --purge --dir "$work/kafka"; fi
    if ((own_redis)); then "$root/ops/local/redis" stop --kill --purge --dir "$work/redis"; fi
    wait
    if ((failed > 0)) && [[ -n ${TROTH_TEST_KEEP:-} ]]; then
        echo "kept: $work"
    else
        rm -rf "$work"
    fi
    exit "$status"
} >&2 2>/dev/null

end() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    if ((failed > 0)); then exit 1; fi
    exit 0
}

# background LOG COMMAND...: sets `pid`; it ends with the test.
started=()
background() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
}

# ---- the engine ---------------------------------------------------------------------------------

# engine_start NAME [FLAG]...: its log is $work/NAME.log, and grows over restarts.
engine_start() {
    local name=$1 before
    shift
    before=$(grep -c 'is running' "$work/$name.log" 2>/dev/null)
    trothd --instance "$name" "$@" >>"$work/$name.log" 2>&1 </dev/null &
    engine_pid[$name]=$!
    wait_for 30 engine_is_up "$name" "${before:-0}" || die "trothd did not start: $(
        tail -n 2 "$work/$name.log")"
}

engine_is_up() { (($(grep -c 'is running' "$work/$1.log") > $2)); }

# engine_stop NAME [SIGNAL]: returns its exit status.
engine_stop() {
    local pid=${engine_pid[$1]}
    kill -s "${2:-TERM}" "$pid"
    wait "$pid" 2>/dev/null
    local status=$?
    unset "engine_pid[$1]"
    return "$status"
}

# ---- what is in Kafka ---------------------------------------------------------------------------

# tool NAME: the path of one of the C programs of this folder, as the build made it or made here.
tool() {
    local name=$1 folder=$bin/..
    if [[ -x $folder/tests/$name ]]; then
        printf '%s' "$folder/tests/$name"
        return
    fi
    if [[ ! -x $work/$name ]]; then
        # shellcheck disable=SC2046 # flags are words
        ${CC:-cc} -std=gnu17 -O1 -I"$root" -o "$work/$name" "$here/$name.c" \
            "$folder"/{ops/libtroth_ops,consumers/libtroth_consumers}.a \
            "$folder"/{scoring/libtroth_scoring,schemas/libtroth_schemas}.a \
            $(pkg-config --cflags --libs rdkafka jansson avro-c libxxhash yaml-0.1 libsodium libmicrohttpd libcurl) \
            -lm -lpthread >&2 || return 1
    fi
    printf '%s' "$work/$name"
}

# dump SUFFIX MODE [ARGUMENT]: see dump_topic.c.
dump() { "$(tool dump_topic)" "$bootstrap" "$prefix.$1" "${@:2}"; }

# send SUFFIX <LINES: see send_records.c.
send() { "$(tool send_records)" "$bootstrap" "$prefix.$1" "${@:2}"; }

# install CONTRACT... [-- FLAG...]: topics and contracts under the present prefix.
install() {
    local contracts=()
    while (($# > 0)) && [[ $1 != -- ]]; do contracts+=("$1") && shift; done
    # A broker may tell of topics that were just made a moment later than it said so.
    wait_for 20 troth topics create "${@:2}" || die "no topics: $(<"$work/out")"
    troth contract push "${contracts[@]}" >"$work/out" 2>&1 || die "no contract: $(<"$work/out")"
}

# write_seen: a contract that counts every task, $work/seen.yaml.
write_seen() {
    cat >"$work/seen.yaml" <<'YAML'
contract: seen
version: 1
promise: Every event is seen.
owner: tests
capabilities: [work]
window: 1d
panes: 2
terms:
  - {name: seen, when: {kind: task}, keep: {outcome: ok}, floor: 0.5}
YAML
}

# in_force NAME COUNT: whether the engine has said so COUNT times.
in_force() { (($(grep -c 'is in force on' "$work/$1.log") >= $2)); }

# make_topic SUFFIX PARTITIONS [SETTING=VALUE]...
make_topic() { "$(tool make_topic)" "$bootstrap" "$prefix.$1" "${@:2}"; }

# Whether all that was in telemetry when this was first asked is committed by the group.
# caught_up ENDS, where ENDS is what `telemetry_ends` printed.
telemetry_ends() { dump telemetry ends "$prefix" | awk '{print $1, $3}'; }

caught_up() {
    dump telemetry ends "$prefix" | awk -v ends="$1" '
        BEGIN { n = split(ends, word); for (i = 1; i < n; i += 2) end[word[i]] = word[i + 1] }
        $4 < end[$1] { behind = 1 }
        END { exit behind || NR == 0 }'
}

# wait_caught_up SECONDS: for all that is in telemetry now.
wait_caught_up() {
    local ends
    ends=$(telemetry_ends)
    wait_for "$1" caught_up "${ends//$'\n'/ }"
}
