"""A sensor is offline for a month, takes a reading each minute, counts them, keeps the extremes of the last days, and forgets older ones. When it is
back, what travels is what differs, about a kilobyte, not the 43,200 readings.

    python sensor.py
"""

import os
import tempfile

import spook

LONG = 60
DAYS, KEPT = 30, 7
DAY = 24 * 60
RULES = {"/readings": "counter", "/repairs": "counter", "/days/*/high": "max", "/days/*/low": "min"}


def temperature(minute):
    """Warmest at noon, and a little warmer each day; in tenths of a degree."""
    return 200 + minute // DAY - 5 * abs(minute // 60 % 24 - 12)


def take_reading(roof, minute):
    """One reading is one write: nobody ever sees a part of it."""
    day, degrees = minute // DAY, temperature(minute)
    operations = [("/now", degrees), ("/readings", spook.increment()), (f"/days/{day}/high", degrees), (f"/days/{day}/low", degrees)]
    if day >= KEPT and minute % DAY == 0:
        operations.append((f"/days/{day - KEPT}", spook.DELETE))
    roof.write_state(operations)


def settle(*pairs):
    for pair in (*pairs, *pairs):
        assert pair.collapse(LONG, settled=True).settled


def main(folder):
    ledger = os.path.join(folder, "gateway.spook")
    gateway = spook.open(ledger, listen=["tcp:127.0.0.1:0"])
    address = gateway.addresses[0]
    initial = {"name": "roof", "readings": 0, "repairs": 0, "old": {"a": 1, "b": 2}, "days": {}}
    office = gateway.create_pair("sensor", initial, rules=RULES)
    device = spook.open(os.path.join(folder, "device.spook"), listen=[])
    roof = device.open_pair(office.ticket(), LONG)
    settle(office, roof)

    print(f"The sensor loses its link for {DAYS} days.")
    gateway.close()
    before = device.traffic()
    for minute in range(DAYS * DAY):
        take_reading(roof, minute)
    roof.delete_state("/old/a")

    print("Meanwhile the office, cut off just as well, writes too.")
    gateway = spook.open(ledger, listen=[])
    office = gateway.open_pair("sensor")
    office.write_state([("/name", "north roof"), ("/repairs", spook.increment(2)), ("/old/b", spook.DELETE)])
    gateway.close()

    gateway = spook.open(ledger, listen=[address])
    office = gateway.open_pair("sensor")
    settle(roof, office)
    after = device.traffic()
    sent, received = after.bytes_sent - before.bytes_sent, after.bytes_received - before.bytes_received
    print(f"The link is back: {DAYS * DAY} readings later {sent} bytes out and {received} in, the handshake included.")
    assert sent + received < 2048, "that is more than what differs"

    state = office.read_state()
    print(f"The office sees: {state}")
    assert state == roof.read_state()
    assert office.collapse().state.digest == roof.collapse().state.digest
    assert (state["readings"], state["repairs"], state["name"]) == (DAYS * DAY, 2, "north roof")
    assert "old" not in state  # each side deleted a part of it
    assert sorted(state["days"]) == [str(day) for day in range(DAYS - KEPT, DAYS)]
    assert state["days"]["29"] == {"high": temperature(29 * DAY + 12 * 60), "low": temperature(29 * DAY)}
    device.close()
    gateway.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        main(place)
