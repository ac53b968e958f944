# Runs a command that must not outlive the process at the other end of stdin.
# Arguments: the signal that stops the command, seconds of grace, the command.
signal=$1 grace=$2
shift 2
# The command lives until it ends by itself or the watcher stops it; a signal
# to everyone, as some service managers send, must not take its guardian away.
trap : HUP INT TERM
exec 3<&0 </dev/null
"$@" 3<&- >&2 &
child=$!
(
    trap '' HUP INT TERM
    exec >/dev/null 2>&1
    # End of file: the other side closed the pipe, or is dead.
    while read -r line <&3; do :; done
    for stop in "$signal" QUIT KILL; do
        waited=0
        while [ "$waited" -lt "$grace" ]; do
            # Again and again: a shell's background command is deaf to INT and
            # QUIT until it has installed handlers, and the first may be lost.
            kill -s "$stop" "$child"
            sleep 1
            kill -0 "$child" || exit
            waited=$((waited + 1))
        done
    done
) &
watcher=$!
exec 3<&-
while :; do
    wait "$child"
    status=$?
    # A trapped signal ends `wait` early: the command is still there then.
    kill -0 "$child" 2>/dev/null || break
done
kill -s KILL "$watcher" 2>/dev/null
exit "$status"
