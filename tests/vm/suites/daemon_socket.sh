#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The control socket: who may ask what, and whatever else comes through it.
# vm: --nvme 64M --timeout 90
# with: build/tests/vm/control_client
# DAEMON_CLIENTS=N: how many of them at once.
# Names of disks have no blanks, and functions are called by wait_for.
# shellcheck disable=SC2086,SC2317
set -euo pipefail
# shellcheck source=tests/vm/daemon_lib.sh
. "$(dirname "$0")/../daemon_lib.sh"

status='{"bpfcopy":1,"verb":"status"}'
apply='{"bpfcopy":1,"verb":"apply"}'

# as USER-AND-GROUP-OPTIONS... REQUEST
as() {
	local request=${*: -1}
	printf '%s\n' "$request" | setpriv --reuid 1000 "${@:1:$#-1}" control_client $socket
}
sockets() { find /proc/$daemon/fd -lname 'socket:*' | wc -l; }
full() { [ "$(sockets)" -ge $((open + 12)) ]; }

echo 'bpfcopy:x:700:' >>/etc/group
printf '[policy.qemu]\nmatch_name = %s\npolicy = never\n' $disk >$rules
start_daemon

t_case 'answers'
check_equal 'describe lists the verbs' "$(ask '{"bpfcopy":1,"verb":"describe"}' | get verb)" \
	'"describe" "status" "apply" "revert"'
check_equal 'status' "$(ask "$status" | get 'ok|rules|reverted|policy')" \
	'true 1 false "never"'
check_equal 'two in one go' "$(ask "$status"$'\n'"$status" | grep -c '"ok":true')" 2
check_equal 'a dry run' "$(ask '{"bpfcopy":1,"verb":"revert","dry_run":true}' | get action)" \
	'"detach"'
check_equal 'changed nothing' "$(attached)" "$disk=never"
check_equal 'apply with nothing to do' "$(ask "$apply" | grep -c '"changes":\[\]')" 1

t_case 'rights'
check_equal 'anybody may ask' "$(as --regid 1000 --clear-groups "$status" | get ok)" true
check_equal 'S8 but not change' "$(as --regid 1000 --clear-groups "$apply" | get 'ok|exit')" \
	'false 5'
check_equal 'S8 the group may' "$(as --regid 700 --clear-groups "$apply" | get ok)" true
check_equal 'also as one of several' "$(as --regid 1000 --groups 1000,700 "$apply" | get ok)" true
check_status 'S8 the command, as anybody' 5 setpriv --reuid 1000 --regid 1000 --clear-groups \
	bpfcopy policy apply
check 'the command, as the group' setpriv --reuid 1000 --regid 700 --clear-groups \
	bpfcopy policy apply

t_case 'garbage'
check_equal 'no JSON' "$(ask 'hello' | get 'ok|exit')" 'false 2'
check_equal 'and then a request' "$(printf 'hello\n%s\n' "$status" | control_client $socket | get ok)" \
	'false true'
check_equal 'half a line' "$(printf '{"bpfcopy":1,' | control_client $socket)" ''
check_equal 'random bytes' "$(head -c 60000 /dev/urandom | control_client $socket | grep -c '"ok":true')" 0
check 'S8 a line of 100 MB is cut off' test "$(control_client $socket junk 104857600B | tail -n 1)" -lt 4000000
check_equal 'the daemon still answers' "$(ask "$status" | get ok)" true

t_case 'descriptors'
open=$(find /proc/$daemon/fd | wc -l)
check_equal 'S8 who passes descriptors gets no answer, and nobody has them' \
	"$(control_client $socket pass "$status")" closed
check_equal 'S8 the daemon has none of them' "$(find /proc/$daemon/fd | wc -l)" "$open"
check_equal 'S8 and answers others' "$(ask "$status" | get ok)" true

t_case 'flood'
setpriv --reuid 1000 --regid 1000 --clear-groups control_client $socket ask 4 "$status" >/tmp/asked &
flood=$!
SECONDS=0
control_client $socket many 1 >/tmp/many
check 'S8 who says nothing is hung up on beside one who asks all the time' test $SECONDS -le 20
wait $flood
check "who asks all the time is answered now and then ($(cat /tmp/asked) times)" \
	test "$(cat /tmp/asked)" -ge 10 -a "$(cat /tmp/asked)" -le 400

t_case 'clients'
before=$(processor_time) open=$(sockets)
clients=${DAEMON_CLIENTS:-1000}
ulimit -n $((clients + 100))
control_client $socket many $clients >/tmp/many
read -r away later took </tmp/many
# Who comes when the first have been hung up on, after five seconds, may have their places.
places=$((16 * (1 + (took + 1) / 5)))
check_equal "S8 of $clients that say nothing, those too many are turned away" "$away" $((clients - later))
check "and the others hung up on ($later, all came in $took s)" test "$later" -ge 16 -a "$later" -le $places
setpriv --reuid 1000 --regid 1000 --clear-groups control_client $socket many 40 >/tmp/many &
many=$!
wait_for 20 full
check_equal 'S8 root gets in beside 40 others' "$(ask "$status" | get ok)" true
wait $many
check_equal 'who got 12 places' "$(cut -d ' ' -f 1,2 /tmp/many)" '28 12'
# Ten seconds, of which a slow machine needs some for those that come.
check 'waiting for them costs nothing' test $(($(processor_time) - before)) -lt 500
check_equal 'no descriptor is left' "$(sockets)" "$open"
check_equal 'it is the same daemon' "$(ask "$status" | get pid)" $daemon
check 'and it ends when told' stop_daemon
check 'without its socket' test ! -e $socket
finish
