#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""exit_test.py NTBOX DRIVER CLIENT [--no-signals] - a process ends in good order, whatever its threads are doing

Each case is a run of exit_client.c: its exit code and everything it prints are known. Under
ThreadSanitizer a signal is not delivered to a thread that waits in a plain system call, so those
cases are skipped there.
"""
import signal
import subprocess
import sys

CASES = [
    # argument, signal, exit code, standard output
    ("return", None, 7, ""),
    ("exit-process", None, 255, ""),
    ("terminate", None, 9, ""),
    ("exit-elsewhere", None, 23, ""),
    ("blocked", None, 11, ""),
    ("busy", None, 12, ""),
    ("churn", None, 13, ""),
    ("signal", signal.SIGINT, 130, ""),
    ("signal", signal.SIGTERM, 143, ""),
    ("handler", signal.SIGINT, 5, "control event 0\nwoken\n"),
    ("handler", signal.SIGQUIT, 5, "control event 1\nwoken\n"),
    ("handler", signal.SIGTERM, 5, "control event 6\nwoken\n"),
]


def run(command, number, case, signals):
    argument, sent, code, expected = case
    name = argument if sent is None else f"{argument} {sent.name}"
    if sent is not None and not signals:
        print(f"ok {number} - {name} # SKIP no signals under this sanitizer")
        return True
    process = subprocess.Popen(command + [argument], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, universal_newlines=True)
    if sent is not None:
        line = process.stdout.readline()
        if line != "ready\n":
            print(f"# {name}: said {line!r}")
        process.send_signal(sent)
    try:
        output, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        print(f"# {name}: did not end")
    good = process.returncode == code and output == expected and errors == ""
    if not good:
        print(f"# exit code {process.returncode}, expected {code}; printed {output!r}")
        for line in errors.splitlines():
            print("#", line)
    print(f"{'' if good else 'not '}ok {number} - {name}")
    return good


def main(ntbox, driver, client, option=""):
    command = [ntbox, "run", "--strict", "--events", "off", driver, "--", client]
    print(f"1..{len(CASES)}")
    signals = option != "--no-signals"
    results = [run(command, number, case, signals) for number, case in enumerate(CASES, 1)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
