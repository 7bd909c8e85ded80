#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""on_host.py NTBOXD [--set NAME=VALUE] DRIVER... -- PROGRAM [ARGUMENT...]

Runs a program as a client of a host that has these drivers: what `ntbox run DRIVER... -- PROGRAM`
does with the kernel in the program's own process. The host starts before it and stops after it;
a host that fails, or whose drivers left something behind, makes the run fail with code 4.
"""
import signal
import subprocess
import sys

from host import Host, HostError

EXIT_HOST = 4


def split(arguments):
    ntboxd, *rest = arguments
    border = rest.index('--')
    options = []
    drivers = rest[:border]
    while drivers[:1] == ['--set']:
        options += drivers[:2]
        drivers = drivers[2:]
    return ntboxd, options, drivers, rest[border + 1:]


def run_client(command, environment):
    """Its exit code; signals that we get are its own."""
    client = None
    early = []

    def forward(number, _):
        if client is None:
            early.append(number)
        else:
            client.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, forward)
    client = subprocess.Popen(command, env=environment, restore_signals=True,
                              preexec_fn=restore_signals)
    for number in early:
        client.send_signal(number)
    code = client.wait()
    return 128 - code if code < 0 else code


def restore_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def main(arguments):
    ntboxd, options, drivers, command = split(arguments)
    try:
        host = Host(ntboxd, drivers, options)
    except HostError as error:
        print(error, file=sys.stderr)
        return EXIT_HOST
    code = run_client(command, host.environment())
    stopped = host.stop()
    messages = host.messages()
    if messages:
        sys.stderr.write(messages)
    if stopped != 0:
        print(f'the host ended with {stopped}', file=sys.stderr)
        return EXIT_HOST
    return code


if __name__ == '__main__':
    if '--' not in sys.argv or len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
