"""Money goes between accounts at two tellers, each a process of its own. The link is cut, and the branch is killed with SIGKILL, again and again.
Each transfer is one write on the condition that the account has the money: no balance is ever negative, and no money is lost or made.

    python transfer.py
"""

import os
import random
import subprocess
import sys
import tempfile
import time

import spook

ACCOUNTS = ["anna", "ben", "cleo"]
LONG = 60


def transfer(pair, dice):
    """One write, on the condition that the money is there. Whether it is will be known when the tellers have met."""
    giver, taker = (f"/accounts/{name}" for name in dice.sample(ACCOUNTS, 2))
    amount = dice.randint(1, 80)
    return pair.write_state(
        [(giver, spook.increment(-amount)), (taker, spook.increment(amount))],
        expect={giver: spook.at_least(amount)},
    )


def check(pair):
    """What must hold at all times, at each teller."""
    balances = pair.read_state("/accounts")
    assert sum(balances.values()) == 300 and min(balances.values()) >= 0, balances
    return balances


def branch(ledger, ticket_or_name):
    """The other process: transfers until it is killed, or until it is told to settle."""
    dice = random.Random()
    with spook.open(ledger, listen=[]) as node:
        pair = node.open_pair(ticket_or_name, timeout=LONG)
        print("ready", flush=True)
        if sys.stdin.readline().strip() == "settle":
            assert pair.collapse(LONG, settled=True).settled
            print(check(pair), pair.collapse().state.digest, flush=True)
            sys.stdin.readline()  # the home settles, too, before this side goes
            return
        while True:
            try:
                transfer(pair, dice)
            except spook.Backpressure:  # too many that wait for the other side
                pass
            check(pair)
            time.sleep(0.002)


def start_branch(ledger, ticket_or_name, command):
    program = [sys.executable, __file__, "branch", ledger, ticket_or_name]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.stdin.write(command + "\n")
    process.stdin.flush()
    return process


def main(folder):
    home_file, branch_file = os.path.join(folder, "home.spook"), os.path.join(folder, "branch.spook")
    home = spook.open(home_file, listen=["tcp:127.0.0.1:0"])
    address = home.addresses[0]
    pair = home.create_pair("bank", {"accounts": dict.fromkeys(ACCOUNTS, 100)}, rules={"/accounts/*": "counter"}, guards=True)
    other, dice, keys = pair.ticket(), random.Random(7), []

    for round in range(1, 4):
        process = start_branch(branch_file, other, "work")
        other = "bank"
        for cut in (False, True):
            if cut:  # from here on nobody reaches this side; both go on
                home.close()
                home = spook.open(home_file, listen=[])
                pair = home.open_pair("bank")
            for _ in range(40):
                keys.append(transfer(pair, dice).key)
                check(pair)
                time.sleep(0.002)
        process.kill()
        process.communicate()
        home.close()
        home = spook.open(home_file, listen=[address])
        pair = home.open_pair("bank")
        print(f"round {round}: {check(pair)}; the branch was killed")

    process = start_branch(branch_file, other, "settle")
    at_branch = process.stdout.readline().strip()
    assert pair.collapse(LONG, settled=True).settled
    process.communicate("\n", timeout=LONG)
    at_home = f"{check(pair)} {pair.collapse().state.digest}"
    print(f"at home       {at_home}\nat the branch {at_branch}")
    assert at_home == at_branch
    outcomes = [pair.candidate(key).status for key in keys]
    refused = [outcome for outcome in outcomes if outcome.state == "voided"]
    assert all(outcome.state != "tentative" for outcome in outcomes) and refused
    print(f"{len(keys)} transfers at home, of which {len(refused)} were refused, the last one because: {refused[-1].reason}")
    home.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["branch"]:
        branch(*sys.argv[2:])
    else:
        with tempfile.TemporaryDirectory() as place:
            main(place)
