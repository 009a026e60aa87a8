#!/bin/sh
# Runs examples/c/thermostat.c as two programs: example.sh THERMOSTAT FOLDER
set -eu
thermostat=$1
cd "$2"
rm -f home.spook phone.spook out hold
mkfifo hold

# Waits until a pattern stands in the output of the first program.
await() {
  tries=0
  until grep -q "$1" out 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ]; then
      echo "the thermostat never printed $1; it printed:"
      cat out
      exit 1
    fi
    sleep 0.1
  done
}

"$thermostat" home.spook <hold >out &
home=$!
exec 3>hold
await '^spook1'
"$thermostat" phone.spook "$(head -n 1 out)" | grep -qx paired
"$thermostat" phone.spook set 22.5 | grep -qx set
await '^/target = 22.5$'
exec 3>&-
wait $home
