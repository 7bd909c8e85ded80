# SPDX-License-Identifier: MIT
"""A host of drivers for a test: started, asked, stopped, and looked at from outside."""
import os
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time

START_LIMIT = 120  # seconds
STOP_LIMIT = 120
LPC_VERSION = 1
LPC_CONTROL = 10
LPC_ANSWER = 11
HEADER = struct.Struct('=IIiI')


class HostError(Exception):
    pass


class Host:
    """ntboxd with drivers, behind a socket in a folder of its own."""

    def __init__(self, ntboxd, drivers, options=()):
        self.folder = tempfile.TemporaryDirectory(prefix='ntbox-host-')
        self.path = os.path.join(self.folder.name, 'host')
        self.log = tempfile.TemporaryFile('w+', errors='replace')
        self.told = 0
        reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [ntboxd, '--socket', self.path, '--no-events', '--ready-fd', str(writer), *options,
             *drivers], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            pass_fds=[writer], env=clean_environment())
        os.close(writer)
        ready, _, _ = select.select([reader], [], [], START_LIMIT)
        said = os.read(reader, 16) if ready else b''
        os.close(reader)
        if said != b'ready\n':
            self.process.kill()
            self.process.wait()
            raise HostError('the host did not start:\n' + self.messages())

    def environment(self):
        """What a client needs to find it."""
        return dict(clean_environment(), NTBOX_HOST=self.path)

    def messages(self):
        """All that it has printed."""
        self.log.seek(0)
        return self.log.read()

    def command(self, text):
        """The answer of one command."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
            end.settimeout(STOP_LIMIT)
            end.connect(self.path)
            end.send(HEADER.pack(LPC_VERSION, LPC_CONTROL, 0, 0) + text.encode())
            answer = b''
            while True:
                message = end.recv(65536)
                if len(message) < HEADER.size:
                    raise HostError(f'no end of the answer to "{text}"')
                version, code, status, _ = HEADER.unpack(message[:HEADER.size])
                if version != LPC_VERSION or code != LPC_ANSWER:
                    raise HostError(f'"{text}" is answered by {message[:16]!r}')
                if len(message) == HEADER.size:
                    break
                answer += message[HEADER.size:]
        if status != 0:
            raise HostError(f'"{text}": status 0x{status & 0xffffffff:08X}')
        return answer.decode()

    def counters(self):
        """What the kernel has, by name, and what the process has of it."""
        counts = {}
        for line in self.command('counters').splitlines():
            name, _, value = line.rpartition(' ')
            counts[name] = int(value)
        counts.update(self.outside())
        return counts

    def outside(self):
        """Descriptors, and mappings that clients are the reason of."""
        base = f'/proc/{self.process.pid}'
        mapped = 0
        threads = len(os.listdir(base + '/task'))
        for line in open(base + '/maps'):
            fields = line.split(None, 5)
            start = int(fields[0].partition('-')[0], 16)
            # Channels and arenas by their names, slices by their place.
            mapped += (len(fields) > 5 and '/memfd:ntbox-' in fields[5] and
                       'pool' not in fields[5]) or 0x7A0000000000 <= start < 0x7E0000000000
        return {'descriptors': len(os.listdir(base + '/fd')), 'client mappings': mapped,
                'threads': threads}

    def stop(self):
        """Ends it in good order; its exit code: 0 when nothing was left."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 'does not stop'
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()


def clean_environment():
    """Ours, without what would make a client choose another kernel."""
    unwanted = ('NTBOX_HOST', 'NTBOX_DRIVERS', 'NTBOX_SETTINGS', 'NTBOX_FOLLOW', 'NTBOX_TREE')
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def await_equal(limit, wanted, ask):
    """Asks until the answer is what is wanted, at most limit seconds; the last answer."""
    end = time.monotonic() + limit
    while True:
        answer = ask()
        if answer == wanted or time.monotonic() >= end:
            return answer
        time.sleep(0.002)
