#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""console_test.py CLIENT - the standard streams on a terminal and on pipes"""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

TERMINAL = """console 1 error 0
type 2 2
mode 3, set 1
sequences 1, unknown 0
size 100 30
wide \u20ac
wrote 7
raw 0 error 50
read 1
hello
end 1 bytes 0
"""
PIPES = """console 0 error 6
type 3 3
wide 0 error 6
read 1
hello
end 0 bytes 0
"""


def on_terminal(client):
    """What the client writes to a terminal of 100 by 30, and its exit code."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    process = subprocess.Popen([client], stdin=slave, stdout=slave, stderr=subprocess.PIPE)
    os.close(slave)
    os.write(master, b"hello\n\x04")
    output = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break  # the client has closed its side
        output += piece
    errors = process.stderr.read()
    process.stderr.close()
    return output.decode(), process.wait(), errors.decode()


def on_pipes(client):
    done = subprocess.run([client], input=b"hello\n", stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    return done.stdout.decode(), done.returncode, done.stderr.decode()


def main(client):
    failed = 0
    print("1..2")
    for number, (name, run, expected) in enumerate(
            (("terminal", on_terminal, TERMINAL), ("pipes", on_pipes, PIPES)), 1):
        output, code, errors = run(client)
        good = (output, code, errors) == (expected, 0, "")
        if not good:
            failed += 1
            print(f"# exit code {code}, errors {errors!r}")
            for line in output.splitlines():
                print("#", line)
        print(f"{'' if good else 'not '}ok {number} - {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
