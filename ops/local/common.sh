# shellcheck shell=bash
# What ops/local/kafka and ops/local/redis share; sourced by them, never run.
#
# Servers are found again by pid AND start time, so that a pid which the kernel has given to another
# program since is never taken for ours and never killed. Only bash, coreutils, util-linux and perl
# are needed here: a bare Debian has all four.

# Java and perl read the locale; C.UTF-8 is the one that every Debian has.
export LC_ALL=C.UTF-8
program=${0##*/}
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

say() { printf '%s: %s\n' "$program" "$*" >&2; }

# die STATUS MESSAGE
die() {
    local status=$1
    shift
    say "$*"
    exit "$status"
}

misuse() { die 2 "$* (see: $0 --help)"; }

# default_dir NAME: in the checkout and not in the current folder, so that `stop` finds what `start`
# began wherever it is called from.
default_dir() { printf '%s/%s' "${TROTH_LOCAL:-$(realpath "$here/../..")/.local}" "$1"; }

is_count() { [[ $1 =~ ^[1-9][0-9]{0,5}$ ]]; }

# ---- what the machine must have -----------------------------------------------------------------

# apt_install PACKAGE...: status 3 when the packages cannot be fetched.
apt_install() {
    local as_root=() log
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die 1 "missing: $*; install with apt-get as root, or install sudo"
        as_root=(sudo)
    fi
    command -v apt-get >/dev/null || die 1 "missing: $*, and no apt-get here; install by hand"
    log=$(mktemp)
    say "installing $* with apt-get (up to a few minutes)"
    # The package lists may be absent or too old, so a failure gets one more try with new ones. The
    # lock's timeout is for another apt-get that runs at the same time.
    local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get
        -o DPkg::Lock::Timeout=300 -y -qq --no-install-recommends install "$@")
    if ! "${install[@]}" >"$log" 2>&1 </dev/null; then
        "${as_root[@]}" apt-get -qq update >>"$log" 2>&1 </dev/null || true
        if ! "${install[@]}" >>"$log" 2>&1 </dev/null; then
            tail -n 5 "$log" >&2
            die 3 "apt-get could not install $* (all it said: $log)"
        fi
    fi
    rm -f "$log"
}

# ---- ports --------------------------------------------------------------------------------------

# free_ports COUNT: distinct free TCP ports of 127.0.0.1, one a line. Each is tried by binding it.
# They lie outside the range from which the kernel takes the ports of outgoing connections: inside
# it, a client could be given the port of a broker that a test has just killed (or, retrying, even
# connect to itself), and the broker could not come back.
free_ports() {
    perl -MIO::Socket::INET -e '
        my ($low, $high) = (32768, 60999);
        if (open my $range, "<", "/proc/sys/net/ipv4/ip_local_port_range") {
            ($low, $high) = split " ", <$range>;
        }
        my ($from, $to) = $low > 12000 ? (10000, $low - 1) : ($high + 1, 65535);
        ($from, $to) = (10000, 65535) if $to - $from < 1000;
        my @held;
        for (1 .. 1000) {
            last if @held == $ARGV[0];
            my $port = $from + int rand($to - $from + 1);
            my $socket = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port,
                                               Proto => "tcp", Listen => 1) or next;
            push @held, $socket;
        }
        die "no free port between $from and $to\n" if @held < $ARGV[0];
        print $_->sockport, "\n" for @held;' "$1"
}

# port_free PORT: whether a server could listen there now.
port_free() {
    perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(LocalAddr => "127.0.0.1",
        LocalPort => $ARGV[0], Proto => "tcp", Listen => 1, ReuseAddr => 1)' "$1"
}

# ---- processes ----------------------------------------------------------------------------------

# started_at PID: the kernel's start time of a live process; nothing when it is gone or a zombie.
started_at() {
    local line field
    { line=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
    # The command's name, in parentheses, may hold anything: count the fields after it.
    read -r -a field <<<"${line##*) }"
    [[ ${field[0]} == [ZX] ]] || printf '%s' "${field[19]}"
}

# spawn PIDFILE LOG COMMAND...: by setsid, so that a Ctrl-C meant for a script does not reach the
# server.
spawn() {
    local pidfile=$1 log=$2
    shift 2
    (
        # The server outlives the script: it must keep neither its lock nor a caller's pipe open.
        for fd in /proc/self/fd/*; do
            fd=${fd##*/}
            if ((fd > 2)); then exec {fd}>&-; fi
        done
        cd /
        exec setsid "$@"
    ) </dev/null >>"$log" 2>&1 &
    printf '%s %s\n' "$!" "$(started_at "$!")" >"$pidfile"
}

# running PIDFILE: whether the process that was started still lives; sets `pid`.
running() {
    local recorded='' began=''
    pid=
    [[ -r $1 ]] || return 1
    read -r recorded began <"$1" || return 1
    [[ -n $began && $(started_at "$recorded") == "$began" ]] || return 1
    pid=$recorded
}

# gone_within SECONDS PIDFILE...
gone_within() {
    local deadline=$((SECONDS + $1)) pidfile left
    shift
    while :; do
        left=0
        for pidfile in "$@"; do
            if running "$pidfile"; then left=1; fi
        done
        ((left)) || return 0
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# send SIGNAL PIDFILE...: to those that still run.
send() {
    local signal=$1 pidfile
    shift
    for pidfile in "$@"; do
        if running "$pidfile"; then kill -s "$signal" "$pid" 2>/dev/null || true; fi
    done
}

# end_processes TERM|KILL PIDFILE...: returns when they are gone.
end_processes() {
    local first=$1
    shift
    send "$first" "$@"
    # A test may have stopped the process; it must wake to see the signal.
    send CONT "$@"
    if ! gone_within 20 "$@"; then
        say "still running 20 s after $first: sending KILL"
        send KILL "$@"
        gone_within 20 "$@" || die 1 "a process outlived KILL; see: ${*}"
    fi
    rm -f "$@"
}

# ---- the instance's folder ----------------------------------------------------------------------

# lock_file FILE WHAT: held until this script ends, or closes descriptor `lock`.
lock_file() {
    while :; do
        exec {lock}>>"$1" || die 1 "cannot write $1"
        if ! flock -n "$lock"; then
            say "waiting for another $2"
            flock -w 900 "$lock" || die 1 "another $2 has held $1 for 15 minutes; is it stuck?"
        fi
        # Whoever held it may have purged the folder: then this is the lock of a file that is gone.
        if [[ $1 -ef /proc/self/fd/$lock ]]; then return; fi
        exec {lock}>&-
    done
}

# open_dir DIR: makes and locks an instance's folder.
open_dir() {
    mkdir -p "$1" 2>/dev/null || die 1 "cannot make $1; name another folder with --dir"
    [[ -w $1 ]] || die 1 "cannot write $1; name another folder with --dir"
    [[ -r /proc/self/stat ]] || die 1 "/proc is not mounted; run: mount -t proc proc /proc"
    lock_file "$1/lock" "start or stop in $1"
}

# keep_settings DIR KEY=VALUE...: in DIR/set.properties, for this start and later ones; a later
# setting replaces an earlier one of the same key.
keep_settings() {
    local file=$1/set.properties setting line
    touch "$file"
    cp "$file" "$1/set.before"
    shift
    for setting in "$@"; do
        {
            while IFS= read -r line; do
                if [[ ${line%%=*} != "${setting%%=*}" ]]; then printf '%s\n' "$line"; fi
            done <"$file"
            printf '%s\n' "$setting"
        } >"$file.new"
        mv "$file.new" "$file"
    done
}

# restore_settings DIR: a start that failed may have failed by its settings: they must not stay.
restore_settings() {
    if [[ -e $1/set.before ]]; then mv "$1/set.before" "$1/set.properties"; fi
}

# publish FILE NAME=VALUE...: prints the lines, and writes them to FILE quoted for `source`.
publish() {
    local file=$1 line
    shift
    for line in "$@"; do
        # %q would escape commas too, which a reader that is no shell could not undo.
        if [[ $line == *[^a-zA-Z0-9_=.,:/@%+-]* ]]; then
            printf '%s=%q\n' "${line%%=*}" "${line#*=}"
        else
            printf '%s\n' "$line"
        fi
    done >"$file.new"
    mv "$file.new" "$file"
    printf '%s\n' "$@"
}

# show_log FILE: for an error message, the first complaints in it (a JVM's last lines tell only how
# it shut down) and the end of it.
show_log() {
    [[ -s $1 ]] || return 0
    say "from $1:"
    {
        grep -m 3 -E 'ERROR|FATAL|Exception' "$1" || true
        echo ...
        tail -n 10 "$1"
    } | sed 's/^/    /' >&2
}
