# shellcheck shell=bash
# A real Alertmanager for system tests; sourced by them after lib.sh, never run.
#
#   manager_start        begins it with nothing in its folder, at $manager; its process is $manager_pid
#   count_of LABEL...    how many of its alerts have these labels (NAME=VALUE)
#   counts N LABEL...    whether it is so many
command -v prometheus-alertmanager >/dev/null ||
    die "no prometheus-alertmanager here; run ops/install-dependencies --test"

# free_port: one that nobody listens at just now.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
fetch() { curl --silent --show-error --fail --noproxy '*' --max-time 10 "$@"; }

manager_port=$(free_port)
manager=http://127.0.0.1:$manager_port
manager_start() {
    rm -rf "$work/manager"
    background "$work/manager.log" prometheus-alertmanager \
        --config.file="$root/ops/prometheus/alertmanager.yml" --storage.path="$work/manager" \
        --web.listen-address="127.0.0.1:$manager_port" --cluster.listen-address=
    manager_pid=$pid
    wait_for 30 fetch "$manager/-/ready" || die "Alertmanager did not start: $(tail -n 3 "$work/manager.log")"
}
watch() { python3 "$here/alert_watch.py" "$manager" "$@"; }
count_of() { watch list "$@" | wc -l; }
counts() { [[ $(count_of "${@:2}") == "$1" ]]; }
