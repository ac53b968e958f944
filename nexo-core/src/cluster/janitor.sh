# Removes a folder once the process at the other end of stdin has closed it or
# died. Arguments: the folder, the pid file of the server that works in it.
folder=$1 pid_file=$2
trap '' HUP INT TERM
exec >/dev/null 2>&1
while read -r line; do :; done
# The server is being stopped by its own guardian.
tries=0
while [ "$tries" -lt 60 ] && read -r pid <"$pid_file" && kill -0 "$pid"; do
    sleep 1
    tries=$((tries + 1))
done
tries=0
until rm -rf -- "$folder" || [ "$tries" -ge 60 ]; do
    sleep 1
    tries=$((tries + 1))
done
