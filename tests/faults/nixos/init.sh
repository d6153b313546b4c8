#!/bin/bash
# The second stage of a boot: what the boot entry names, and what becomes process 1.
set -u

export PATH=/usr/bin:/bin:/usr/sbin:/sbin
top=$(dirname "$(readlink -f "$0")")
ln -sfn "$top" /run/booted-system
"$top/activate"
exec /usr/lib/systemd/systemd
