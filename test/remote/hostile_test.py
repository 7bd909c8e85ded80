# SPDX-License-Identifier: MIT
"""hostile_test.py NTBOXD IOTEST SHAREPAGE SERVICES.H - what a hostile client asks for, and does not get

Each case is a client process of its own, of another user than the host's where the tests run as
root; then the host is stopped, and must have nothing to say.
"""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from remote import (Client, become_nobody, memory_file, services,  # noqa: E402
                    threading_id, DATA_SIZE, REFUSED)

DENIED, QUOTA, NO_RESOURCES, INVALID = 0xC0000022, 0xC0000044, 0xC000009A, 0xC000000D
VIOLATION, INVALID_CID, PRIVILEGE, PENDING = 0xC0000005, 0xC000000B, 0xC0000061, 0x103
MAXIMUM_ALLOWED = 0x02000000
LIMITS = ['--limit', 'memory=1000000', '--limit', 'requests=20', '--limit', 'handles=40',
          '--limit', 'connections=30']
ECHO, PEND, ECHO_OUT_DIRECT, ECHO_NEITHER = 0x222000, 0x222018, 0x22200A, 0x22200F
SHARE_NAME, SHARE_MAP = '\\??\\NtboxSharePage', 0x222400
IS_ROOT = os.geteuid() == 0


def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError(f'{what}: {got:#x}, not {wanted:#x}' if isinstance(got, int)
                             else f'{what}: {got}, not {wanted}')


class Case:
    """What a case has at hand: the host's socket, and a client of the owner's to attack."""

    def __init__(self, path, numbers, victim):
        self.path = path
        self.numbers = numbers
        self.victim = victim

    def client(self):
        client = Client(self.path, self.numbers)
        expect(client.is_welcome, True, 'the welcome')
        expect(client.open_thread(), 0, 'a thread')
        return client


def empty_and_overlapping_ranges(case):
    client = case.client()
    expect(client.call('NtTestAlert', ranges=[(0x1000, 0, 0)] * 8), 0, 'ranges of no bytes')
    expect(client.call('NtTestAlert', ranges=[(0x1000, DATA_SIZE, 0)]), 0, 'one of all bytes')
    expect(client.call('NtTestAlert', ranges=[(0x1000, DATA_SIZE, 0)] * 2), INVALID, 'two')
    expect(client.call('NtTestAlert', ranges=[(0x1000, 8, DATA_SIZE - 7)]), INVALID, 'beyond')


def mutants_that_go_while_owned(case):
    client = case.client()
    handle = client.room()
    for _ in range(4):
        expect(client.call('NtCreateMutant', handle, 0x1F0001, 0, 1), 0, 'a mutant')
        expect(client.call('NtClose', client.read(handle)), 0, 'its end')


def others_processes_are_theirs(case):
    client = case.client()
    handle = client.room()
    nothing = client.attributes()
    for process, name in ((case.victim.pid, 'a client of another user'), (4, 'the system')):
        who = client.client_id(process)
        expect(client.call('NtOpenProcess', handle, 0x1FFFFF, nothing, who), DENIED, name)
        expect(client.call('NtOpenProcess', handle, 0x40, nothing, who), DENIED, name + "'s handles")
        expect(client.call('NtOpenProcess', handle, MAXIMUM_ALLOWED, nothing, who), DENIED, 'a look')
    who = client.client_id(0, case.victim.thread)
    expect(client.call('NtOpenThread', handle, 0x10, nothing, who), DENIED, 'APCs to others')
    who = client.client_id(os.getpid())
    expect(client.call('NtOpenProcess', handle, 0x1FFFFF, nothing, who), 0, 'its own process')


def rights_by_copying(case):
    client = case.client()
    status, handle = client.open_file('\\??\\NtboxIoTest', 0x80100000)
    expect(status, 0, 'the device, to read')
    copy = client.room()
    expect(client.call('NtDuplicateObject', -1, handle, -1, copy, 0xC0100000, 0, 0), DENIED,
           'to write, too')
    expect(client.call('NtDuplicateObject', -1, handle, -1, copy, 0, 0, 2), 0, 'the same')


def the_hosts_files(case):
    client = case.client()
    expect(client.open_file('\\??\\Z:\\etc\\passwd', 0x80100000)[0], DENIED, 'Z:')


def what_the_machine_has_one_of(case):
    client = case.client()
    handle = client.room()
    key = client.attributes('\\Registry\\Machine\\System\\CurrentControlSet')
    expect(client.call('NtOpenKey', handle, 0xF003F, key), DENIED, 'to write the registry')
    expect(client.call('NtOpenKey', handle, MAXIMUM_ALLOWED, key), 0, 'to read it')
    root = client.read(handle)
    expect(client.call('NtSetValueKey', root, client.string('x'), 0, 4, client.room(), 4), DENIED,
           'a value')
    new = client.attributes('\\Registry\\Machine\\System\\hostile')
    expect(client.call('NtCreateKey', handle, 0x20019, new, 0, 0, 0, 0), DENIED, 'a key')
    for name, wanted in (('\\Device\\hostile', DENIED), ('\\??\\hostile', DENIED),
                         ('\\hostile', DENIED), ('\\BaseNamedObjects\\hostile', 0)):
        expect(client.call('NtCreateEvent', handle, 0x1F0003, client.attributes(name), 0, 0),
               wanted, 'an event ' + name)
    permanent = client.attributes('\\BaseNamedObjects\\for ever', 0x50)
    expect(client.call('NtCreateEvent', handle, 0x1F0003, permanent, 0, 0), PRIVILEGE, 'permanence')
    link = client.attributes('\\BaseNamedObjects\\link')
    expect(client.call('NtCreateSymbolicLinkObject', handle, 0xF0001, link,
                       client.string('\\Device')), DENIED, 'a link')
    link = client.attributes('\\??\\NtboxIoTest')
    expect(client.call('NtOpenSymbolicLinkObject', handle, MAXIMUM_ALLOWED, link), 0, "a driver's")
    expect(client.call('NtMakeTemporaryObject', client.read(handle)), DENIED, 'its end')


def strange_descriptors(case):
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stream = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    good = memory_file()
    pipe = os.pipe()[0]
    passwd = os.open('/etc/passwd', os.O_RDONLY)
    status = os.open('/proc/self/status', os.O_RDONLY)
    for descriptors in ([pipe, ends[1].fileno()], [passwd, ends[1].fileno()],
                        [status, ends[1].fileno()], [good, pipe], [good, stream[1].fileno()],
                        [good, case.victim.spare], [good], [good] * 2):
        client = Client(case.path, case.numbers, descriptors)
        expect(client.is_welcome, False, f'a welcome with {descriptors}')
        expect(client.answer[1:3], (REFUSED, INVALID - (1 << 32)), 'the refusal')


def threads_of_others(case):
    client = case.client()
    expect(client.open_thread(1), INVALID_CID, "init's thread")
    expect(client.open_thread(case.victim.thread), INVALID_CID, "the victim's thread")
    expect(client.open_thread(0), INVALID_CID, 'no thread')
    expect(client.open_thread(), 0, 'its own')


def seals(case):
    client = case.client()
    for seal in (0x8, 0x10):  # F_SEAL_WRITE, F_SEAL_FUTURE_WRITE
        try:
            fcntl.fcntl(client.file, 1033, seal)
        except PermissionError:
            continue
        raise AssertionError(f'the seal {seal:#x} was taken')
    try:
        os.ftruncate(client.file, 0)
    except PermissionError:
        return
    raise AssertionError('the channel can be cut')


def too_many_connections(case):
    kept = []
    refused = 0
    for _ in range(40):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end.connect(case.path)
        end.settimeout(5)
        kept.append(end)
    for end in kept[32:]:
        refused += end.recv(16) == b''
    expect(refused, 8, 'connections that were closed')


def too_much_memory(case):
    client = case.client()
    status, handle = client.open_file('\\??\\NtboxIoTest')
    expect(status, 0, 'the device')
    for code, what in ((ECHO, 'buffered'), (ECHO_OUT_DIRECT, 'direct'), (ECHO_NEITHER, 'neither')):
        expect(client.control(handle, code, b'x' * 2000000, 2000000), QUOTA, what)
        expect(client.control(handle, code, b'x' * 20000, 20000), 0, what + ', less')
    size = client.memory(struct.pack('<q', 1 << 30))
    expect(client.call('NtCreateSection', client.room(), 0xF001F, 0, size, 4, 0x8000000, 0), QUOTA,
           'a section')


def too_many_handles(case):
    client = case.client()
    handle = client.room()
    statuses = [client.call('NtCreateEvent', handle, 0x1F0003, 0, 0, 0) for _ in range(60)]
    expect(statuses.count(0), 40, 'handles')
    expect(set(statuses[40:]), {NO_RESOURCES}, 'what comes after')
    expect(client.call('NtClose', client.read(handle)), 0, 'one less')
    expect(client.call('NtCreateEvent', handle, 0x1F0003, 0, 0, 0), 0, 'another')


def too_many_requests(case):
    client = case.client()
    status, handle = client.open_file('\\??\\NtboxIoTest', options=0)
    expect(status, 0, 'the device')
    statuses = [client.control(handle, PEND, b'', 4) for _ in range(30)]
    expect(statuses, [PENDING] * 20 + [NO_RESOURCES] * 10, 'requests that pend')
    expect(client.call('NtCancelIoFile', handle, client.room()), 0, 'their end')
    expect(client.control(handle, ECHO, b'1234', 4) in (0, PENDING), True, 'another')


def too_many_packets_and_apcs(case):
    client = case.client()
    handle = client.room()
    expect(client.call('NtCreateIoCompletion', handle, 0x1F0003, 0, 0), 0, 'a port')
    port = client.read(handle)
    statuses = [client.call('NtSetIoCompletion', port, 1, 2, 0, 0) for _ in range(30)]
    expect(statuses, [0] * 20 + [QUOTA] * 10, 'packets')
    expect(client.call('NtClose', port), 0, 'their end')
    statuses = [client.call('NtQueueApcThread', -2, 1, 2, 3, 4) for _ in range(30)]
    expect(statuses, [0] * 20 + [QUOTA] * 10, 'APCs')


def memory_that_goes(case):
    client = case.client()
    status, handle = client.open_file('\\??\\NtboxIoTestDirect')
    expect(status, 0, 'the device')
    base = struct.unpack_from('<Q', client.answer[5])[0]
    size, zone = struct.unpack_from('<QQ', client.answer[5], 8)
    expect(client.call(0x1003, base + size - 0x1000, 0x1000, 3), 0, 'the last page')
    for address in (base + size - 0x10, base + size, base + size + zone, base + size + zone - 8,
                    base + 2 * size + zone - 0x10, base - 0x10):
        for code in (ECHO, ECHO_OUT_DIRECT):
            expect(client.call('NtDeviceIoControlFile', handle, 0, 0, 0, client.room(), code,
                               client.room(), 4, address, 0x100), VIOLATION, hex(address))


def memory_that_is_two_things(case):
    """From the arena into what a driver has mapped behind it: an MDL, but of a copy."""
    client = case.client()
    status, share = client.open_file(SHARE_NAME)
    expect(status, 0, 'the driver that maps')
    place = client.room()
    expect(client.call('NtDeviceIoControlFile', share, 0, 0, 0, client.room(), SHARE_MAP,
                       client.room(), 4, place, 8), 0, 'a mapping')
    base, size = struct.unpack_from('<QQ', client.answer[5])
    expect(client.read(place) & ~0xFFF, base + size, 'its place')
    expect(client.call(0x1003, base + size - 0x1000, 0x1000, 3), 0, 'the last page')
    status, handle = client.open_file('\\??\\NtboxIoTestDirect')
    expect(status, 0, 'the device')
    expect(client.call('NtDeviceIoControlFile', handle, 0, 0, 0, client.room(), ECHO_OUT_DIRECT,
                       client.room(0x40), 0x40, base + size - 0x10, 0x40), 0, 'both')


OWNER_TOO = [empty_and_overlapping_ranges, mutants_that_go_while_owned, strange_descriptors,
             threads_of_others, seals, too_much_memory, too_many_handles, too_many_requests,
             too_many_packets_and_apcs, memory_that_goes, memory_that_is_two_things]
STRANGERS = [others_processes_are_theirs, rights_by_copying, the_hosts_files, what_the_machine_has_one_of,
             too_many_connections]


def run_case(function, case):
    """In a process of another user; '' or what is wrong."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        text = ''
        try:
            if IS_ROOT:
                become_nobody()
            function(case)
        except BaseException:  # noqa: B902
            text = traceback.format_exc()
        os.write(writing, text.encode()[-4000:])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, 'rb') as file:
        text = file.read().decode()
    os.waitpid(child, 0)
    return text


class Victim:
    """An honest client, of the host's user: this process."""

    def __init__(self, path, numbers):
        self.client = Client(path, numbers)
        expect(self.client.open_thread(), 0, "the victim's thread")
        self.pid = os.getpid()
        self.thread = threading_id()
        self.pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.spare = self.pair[1].fileno()

    def ask(self):
        place = self.client.room()
        expect(self.client.call('NtQuerySystemTime', place), 0, "the victim's call")
        expect(self.client.read(place) != 0, True, 'the time')


def main():
    ntboxd, driver, share, source = sys.argv[1:]
    numbers = services(source)
    folder = tempfile.mkdtemp(prefix='ntbox-hostile.')
    os.chmod(folder, 0o755)
    path = os.path.join(folder, 'socket')
    reading, writing = os.pipe()
    environment = dict(os.environ)
    # The kernel takes faults of its own: sanitizers must let it.
    environment['ASAN_OPTIONS'] = ('handle_segv=1:allow_user_segv_handler=1:'
                                   'detect_stack_use_after_return=0')
    host = subprocess.Popen([ntboxd, '--socket', path, '--system', '--no-events', *LIMITS,
                             '--ready-fd', str(writing), driver, share], pass_fds=[writing],
                            env=environment)
    os.close(writing)
    if os.read(reading, 16) != b'ready\n':
        print('Bail out! the host did not start')
        return 1
    victim = Victim(path, numbers)
    case = Case(path, numbers, victim)
    cases = OWNER_TOO + STRANGERS
    print(f'1..{len(cases) + 1}')
    failed = 0
    for number, function in enumerate(cases, 1):
        name = function.__name__.replace('_', ' ')
        if function in STRANGERS and not IS_ROOT:
            print(f'ok {number} - {name} # SKIP another user needs root')
            continue
        text = run_case(function, case)
        if text == '':
            try:
                victim.ask()
            except (AssertionError, TimeoutError, OSError):
                text = traceback.format_exc()
        failed += text != ''
        print(f'{"not ok" if text else "ok"} {number} - {name}')
        for line in text.splitlines():
            print('# ' + line)
        sys.stdout.flush()
    host.send_signal(signal.SIGTERM)
    try:
        code = host.wait(120)
    except subprocess.TimeoutExpired:
        host.kill()
        code = -1
    print(f'{"ok" if code == 0 else "not ok"} {len(cases) + 1} - the host stops, with code {code}')
    return 1 if failed or code != 0 else 0


sys.exit(main())
