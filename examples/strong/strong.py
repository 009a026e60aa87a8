"""Payments that must not be lost and must not be made twice. A write of a strong Pair returns when it is final on both sides; when the other side is away
its outcome is open: it is kept, survives even kill -9, and settles later. It is never reported as failed, and so never has to be repeated.

    python strong.py
"""

import os
import subprocess
import sys
import tempfile

import spook

LONG = 60


def pay(payments, number):
    """Pays 1, once: the payment has a name, so that it can be looked up, and it is counted. An open outcome is no failure."""
    try:
        operations = [("/paid", spook.increment(1)), (f"/payments/{number}", 1)]
        return payments.write_state(operations, expect={f"/payments/{number}": spook.absent()}, wait=0.3)
    except spook.Decohered as error:
        return error.candidate


def desk(ledger, ticket_or_name, first, last):
    """The process that pays. It prints the key of each payment once that is on its disk."""
    node = spook.open(ledger, listen=[])
    payments = node.open_pair(ticket_or_name, LONG)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(first), int(last)):
        candidate = pay(payments, number)
        node.flush()
        print(candidate.key, candidate.status.name, flush=True)
    sys.stdin.readline()  # until it is killed


def start_desk(*arguments):
    program = [sys.executable, __file__, "desk", *map(str, arguments)]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def go_on(process, payments):
    """The desk pays; then it is killed with SIGKILL. The keys of its payments, and what it knew of them."""
    process.stdin.write("\n")
    process.stdin.flush()
    lines = [process.stdout.readline().split() for _ in range(payments)]
    process.kill()
    process.communicate()
    return lines


def main(folder):
    bank_file, desk_file = os.path.join(folder, "bank.spook"), os.path.join(folder, "desk.spook")
    bank = spook.open(bank_file, listen=["tcp:127.0.0.1:0"])
    address = bank.addresses[0]
    ledger = bank.create_pair("ledger", {"paid": 0, "payments": {}}, consistency="strong", rules={"/paid": "counter"})

    print("The bank is there: a payment returns when it is final.")
    made = go_on(start_desk(desk_file, ledger.ticket(), 0, 2), 2)
    assert [name for _, name in made] == ["Committed"] * 2, made

    print("The bank goes away: payments time out, with their outcome open. Then the desk is killed.")
    process = start_desk(desk_file, "ledger", 2, 5)
    bank.close()
    made += go_on(process, 3)
    assert [name for _, name in made[2:]] == ["Pending"] * 3, made

    print("Both are back: what was open settles by itself; nobody repeats anything.")
    with spook.open(bank_file, listen=[address]) as bank, spook.open(desk_file, listen=[]) as node:
        ledger, payments = bank.open_pair("ledger"), node.open_pair("ledger")
        for pair in (payments, ledger):
            outcomes = [pair.candidate(key).wait(LONG).name for key, _ in made]
            print(f"    {outcomes}, {pair.read_state()}")
            assert outcomes == ["Committed"] * 5, outcomes
            assert pair.read_state() == {"paid": 5, "payments": {str(number): 1 for number in range(5)}}

        print("The bank is away for good: two more stay pending. What is final stays readable, and says nothing of them.")
        bank.close()
        pending = [pay(payments, number) for number in (5, 6)]
        assert [candidate.status.name for candidate in pending] == ["Pending"] * 2
        assert (payments.read_state("/paid"), payments.read_state("/paid", committed=False)) == (5, 7)
        print(f"    {len(made)} committed, {len(pending)} pending, {payments.read_state('/paid')} paid")


if __name__ == "__main__":
    if sys.argv[1:2] == ["desk"]:
        desk(*sys.argv[2:])
    else:
        with tempfile.TemporaryDirectory() as place:
            main(place)
