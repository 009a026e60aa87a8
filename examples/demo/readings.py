"""Shares this machine's live readings, and a target value that others may set.

    python readings.py LEDGER ADDRESS        for example: readings.py home.spook tcp:127.0.0.1:0

Prints a ticket for the other side, then one line for each change of theirs. Reads commands from its standard input, one a line: `target NUMBER`,
`report`, `quit`.
"""

import glob
import os
import sys
import threading
import time

import spook

PERIOD = 0.2


def readings():
    """Load, memory and temperature, as the kernel tells them, by their paths. A machine without a sensor has no temperature."""
    with open("/proc/loadavg") as file:
        load = [float(word) for word in file.read().split()[:3]]
    with open("/proc/meminfo") as file:
        memory = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file if line.startswith(("MemTotal", "MemAvailable"))}
    now = {"load": load, "memory/total": memory["MemTotal"], "memory/available": memory["MemAvailable"], "at": int(time.time() * 1000)}
    for path in sorted(glob.glob("/sys/class/thermal/thermal_zone*/temp")):
        try:
            with open(path) as file:
                now["temperature"] = int(file.read()) / 1000
                break
        except OSError:
            continue
    return now


def share_readings(pair, stop):
    """Writes what changed, each time as one candidate: an observer never sees a load of one moment with the memory of another."""
    before = {}
    while not stop.wait(PERIOD):
        now = readings()
        changed = [(f"/now/{key}", value) for key, value in now.items() if before.get(key) != value]
        if changed:
            pair.write_state(changed)
        before = now


def print_changes(pair, me):
    with pair.observe() as changes:
        for change in changes:
            if change.origin != me:
                print("change", change.seq, change.path, change.value, flush=True)


def report(node, pair):
    state = pair.collapse(timeout=0.5, settled=True)
    traffic = node.traffic()
    print(
        f"report settled={int(state.settled)} digest={state.state.digest}"
        f" sent={traffic.bytes_sent} received={traffic.bytes_received}"
        f" messages={traffic.messages_sent + traffic.messages_received} handshakes={traffic.handshakes}",
        flush=True,
    )


def main(ledger, address):
    stop = threading.Event()
    with spook.open(ledger, listen=[address]) as node:
        try:
            pair = node.open_pair("machine")
        except spook.NotFound:
            pair = node.create_pair("machine", {"host": os.uname().nodename, "target": 20.0})
            print("ticket", pair.ticket(), flush=True)
        threading.Thread(target=print_changes, args=(pair, node.endpoint_id), daemon=True).start()
        writer = threading.Thread(target=share_readings, args=(pair, stop))
        writer.start()
        print("ready libspook", spook.__version__, flush=True)
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            if word == "target":
                pair.write_state("/target", float(rest))
                print("wrote /target", float(rest), flush=True)
            elif word == "hold":
                # Readings stand still, so that both sides can be compared.
                stop.set()
                writer.join()
                print("held", flush=True)
            elif word == "report":
                report(node, pair)
            elif word == "quit":
                break
        stop.set()
        writer.join()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
