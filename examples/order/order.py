"""An order, from Pending over Resolving to Committed. It is a state machine that both sides know: a rule steps it, and rejects what is no step. The Pair
is strong: what a read shows is final on both sides.

    python order.py
"""

import os
import tempfile
import time

import spook

LONG = 60
STEPS = {None: ["placed"], "placed": ["paid", "cancelled"], "paid": ["shipped"]}


def rule(path, state, candidate):
    """Both sides have to come to the same result, so a rule uses nothing but what it is given."""
    if candidate.value in STEPS.get(state, []):
        return candidate.value
    return spook.reject(f"{path}: {state} does not lead to {candidate.value}")


def show(candidate, name):
    status = candidate.status
    print(f"    {status}")
    assert status.name == name, status


def until(is_so):
    end = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.002)


def main(folder):
    ledger = os.path.join(folder, "shop.spook")
    shop = spook.open(ledger, listen=["tcp:127.0.0.1:0"])
    address = shop.addresses[0]
    shop.register_rule("order", rule, "transition")
    counter = shop.create_pair("orders", consistency="strong", rules={"/orders/*": "transition:order"})
    customer = spook.open(os.path.join(folder, "customer.spook"), listen=[])
    orders = customer.open_pair(counter.ticket(), LONG)
    steps = orders.observe(lifecycle=True)

    print("The shop is closed; the customer orders.")
    shop.close()
    order = orders.write_state("/orders/1", "placed", wait=False)
    show(order, "Pending")
    assert orders.read_state("/orders/1", None) is None  # nothing is final yet

    print("The shop opens and gets the order. The customer's program is an old one that lacks the rule, and cannot say whether it counts.")
    shop = spook.open(ledger, listen=[address])
    shop.register_rule("order", rule, "transition")
    counter = shop.open_pair("orders")
    until(lambda: order.status.held_by_peer)
    show(order, "Resolving")

    print("The customer's program gets the rule.")
    customer.register_rule("order", rule, "transition")
    order.wait(LONG)
    show(order, "Committed")
    assert orders.read_state("/orders/1") == "placed"

    print("What is no step from where the order stands counts for nothing, at both sides, and says why.")
    try:
        orders.write_state("/orders/1", "shipped", wait=LONG)
        raise AssertionError("it was not refused")
    except spook.Voided as error:
        show(error.candidate, "Voided")

    print("The shop goes on with it.")
    for step in ("paid", "shipped"):
        show(counter.write_state("/orders/1", step), "Committed")
    until(lambda: orders.read_state("/orders/1") == "shipped")

    print("Meanwhile, the lifecycle of the customer's half:")
    for notice in iter(steps.try_next, None):
        if notice.kind == "transition":
            print(f"    {notice.before} -> {notice.after}")
    customer.close()
    shop.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        main(place)
