# shellcheck shell=bash
# A Kafka whose clients log in over TLS, for tests that source lib.sh; sourced by them, never run.
#
# Set here: bootstrap (where clients log in), internal (where nobody does), kafka_home.

# secured_kafka_start USERS [ARGUMENT]...: the test's own.
secured_kafka_start() {
    own_kafka=1
    kafka_home=$work/kafka
    "$root/ops/local/kafka" start --dir "$kafka_home" --tls --sasl "$1" "${@:2}" \
        >"$work/kafka.out" 2>"$work/kafka.log" || { tail -n 3 "$work/kafka.log"; skip "Kafka could not be started"; }
    bootstrap=$(sed -n 's/^bootstrap=//p' "$work/kafka.out")
    internal=$(sed -n 's/^internal=//p' "$work/kafka.out")
}

# password_of USER
password_of() { cat "$kafka_home/users/$1"; }

# write_user_config USER [LINE]...: $work/USER.yaml, for commands as this user of Kafka. SCRAM of
# librdkafka before 2.6.1 is refused by Kafka 4, so PLAIN, inside of TLS.
write_user_config() {
    (umask 077 && {
        printf 'prefix: %s\nkafka:\n  bootstrap.servers: %s\n' "$prefix" "$bootstrap"
        printf '  session.timeout.ms: 6000\n  heartbeat.interval.ms: 500\n'
        printf '  security.protocol: SASL_SSL\n  sasl.mechanism: PLAIN\n  sasl.username: %s\n' "$1"
        printf '  sasl.password: %s\n  ssl.ca.location: %s\n' "$(password_of "$1")" \
            "$kafka_home/tls/ca.pem"
        printf 'topics:\n  partitions: 4\n'
        printf '%s\n' "${@:2}"
    } >"$work/$1.yaml")
    # The same for programs that take librdkafka's properties.
    (umask 077 && sed -n '/^kafka:/,/^topics:/s/^  \([a-z.]*\): /\1=/p' "$work/$1.yaml" |
        grep -v '^partitions=' >"$work/$1.properties")
}

# as USER COMMAND...: with that user's configuration.
as() { TROTH_CONFIG=$work/$1.yaml within 120 "${@:2}"; }

# java_tool CLASS ARGUMENT...: one of Kafka's own tools.
java_tool() {
    java -Xmx128m -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
        -cp "${XDG_CACHE_HOME:-$HOME/.cache}/troth/kafka-$(
            sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$root/ops/local/kafka.pom.xml"
        )/*" "$@"
}
