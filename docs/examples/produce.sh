#!/bin/sh
# Send a user's playlist: sh produce.sh BROKERS TOPIC USER '["song", "song"]'
printf '%s\t{"type":"snapshot","songs":%s}\n' "$3" "$4" |
  kcat -P -b "$1" -t "$2" -K '\t' -X partitioner=murmur2_random -X enable.idempotence=true
