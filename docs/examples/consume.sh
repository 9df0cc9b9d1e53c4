#!/bin/sh
# Print every label that is there, as user, tab, JSON (NULL for a tombstone): sh consume.sh BROKERS TOPIC
kcat -C -e -q -Z -b "$1" -t "$2" -X isolation.level=read_committed -f '%k\t%s\n'
