# SPDX-License-Identifier: MIT
"""A client of ntboxd that speaks lpc/protocol.h by hand, for tests of what no real client does."""
import array
import ctypes
import mmap
import os
import re
import select
import socket
import struct
import time

LIBC = ctypes.CDLL(None, use_errno=True)
HELLO, WELCOME, OPEN_THREAD, THREAD_OPEN, REFUSED, GOODBYE, MAP, UNMAP, DONE = range(1, 10)
SIZE = 0x20000
CALLS, HOST_WAITS, RETURNS, REQUEST = 0, 4, 64, 128
ARGUMENTS, RANGES_IN, REPLY, DATA = 144, 240, 624, 728
DATA_SIZE = SIZE - DATA
FUTEX, WAKE = 202, 1


def services(source):
    """Numbers of the services, by name, from init/services.h."""
    names = re.findall(r'X\((Nt\w+),', open(source, encoding='utf-8').read())
    return {name: number for number, name in enumerate(names)}


def memory_file():
    return os.open('/proc/self/mem', os.O_RDWR | os.O_CLOEXEC)


class Client:
    """Memory that calls point to is this process's: the host fetches it by itself."""

    def __init__(self, path, numbers, descriptors=None):
        self.numbers = numbers
        self.kept = []
        self.answer = None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(path)
        self.ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if descriptors is None:
            descriptors = [memory_file(), self.ends[1].fileno()]
        self.send(HELLO, 0, threading_id(), descriptors)
        self.answer = self.receive(64)
        self.is_welcome = self.answer is not None and self.answer[1] == WELCOME

    def send(self, code, status, value, descriptors=()):
        message = struct.pack('<IIiI', 1, code, status, value)
        ancillary = []
        if descriptors:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', descriptors))]
        self.socket.sendmsg([message], ancillary)

    def receive(self, seconds):
        """(version, code, status, value, descriptor, rest) or None: the end."""
        if not select.select([self.socket], [], [], seconds)[0]:
            raise TimeoutError('the host does not answer')
        try:
            data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_LEN(4))
        except ConnectionResetError:
            return None
        if len(data) < 16:
            return None
        descriptor = struct.unpack('i', ancillary[0][2])[0] if ancillary else -1
        return struct.unpack('<IIiI', data[:16]) + (descriptor, data[16:])

    def open_thread(self, number=None):
        """The answer's status."""
        self.send(OPEN_THREAD, 0, threading_id() if number is None else number)
        answer = self.receive(64)
        if answer is None or answer[1] != THREAD_OPEN:
            return None if answer is None else answer[2] & 0xFFFFFFFF
        self.file = answer[4]
        self.channel = mmap.mmap(self.file, SIZE)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.channel))
        return 0

    def word(self, offset):
        return struct.unpack_from('<I', self.channel, offset)[0]

    def call_raw(self):
        """Calls with what is in the channel; the status."""
        returns = self.word(RETURNS)
        struct.pack_into('<I', self.channel, CALLS, (self.word(CALLS) + 1) & 0xFFFFFFFF)
        limit = time.monotonic() + 60
        while self.word(RETURNS) == returns:
            LIBC.syscall(FUTEX, ctypes.c_void_p(self.address + CALLS), WAKE, 100, 0, 0, 0)
            self.answer_map()
            if time.monotonic() > limit:
                raise TimeoutError('the call does not return')
            time.sleep(0.0005)
        return self.word(REPLY)

    def call(self, service, *arguments, ranges=()):
        number = self.numbers[service] if isinstance(service, str) else service
        words = [int(a) & 0xFFFFFFFFFFFFFFFF for a in arguments]
        struct.pack_into('<IIII12Q', self.channel, REQUEST, number, len(ranges), 0, 0,
                         *(words + [0] * (12 - len(words))))
        for index, (address, length, offset) in enumerate(ranges):
            struct.pack_into('<QIIII', self.channel, RANGES_IN + 24 * index, address, length,
                             offset, 0, 0)
        return self.call_raw()

    def answer_map(self):
        """Says that it has mapped what the host wants mapped, and maps nothing."""
        if select.select([self.ends[0]], [], [], 0)[0]:
            data = self.ends[0].recv(256)
            if data:
                self.ends[0].send(struct.pack('<IIiI', 1, DONE, 0,
                                              struct.unpack_from('<I', data, 12)[0]))

    # ---- memory ----

    def memory(self, data):
        """The address of a copy that stays."""
        buffer = ctypes.create_string_buffer(bytes(data), max(len(data), 1))
        self.kept.append(buffer)
        return ctypes.addressof(buffer)

    def room(self, size=16):
        return self.memory(bytes(size))

    def read(self, address, size=8):
        return int.from_bytes(ctypes.string_at(address, size), 'little')

    def string(self, text):
        data = b''.join(struct.pack('<H', ord(letter)) for letter in text)
        return self.memory(struct.pack('<HHIQ', len(data), len(data), 0, self.memory(data)))

    def attributes(self, text=None, flags=0x40):
        name = 0 if text is None else self.string(text)
        return self.memory(struct.pack('<IIQQIIQQ', 48, 0, 0, name, flags, 0, 0, 0))

    def client_id(self, process, thread=0):
        return self.memory(struct.pack('<QQ', process, thread))

    def open_file(self, name, access=0xC0100000, options=0x20):
        """(status, handle)"""
        handle = self.room()
        status = self.call('NtCreateFile', handle, access, self.attributes(name), self.room(), 0, 0,
                           7, 1, options, 0, 0)
        return status, self.read(handle)

    def control(self, handle, code, data=b'', size=0, event=0):
        return self.call('NtDeviceIoControlFile', handle, event, 0, 0, self.room(), code,
                         self.memory(data), len(data), self.room(size), size)


def threading_id():
    return LIBC.syscall(186)


def become_nobody():
    """From here on modules may be out of reach: import before."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    LIBC.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: our own /proc/self/mem is ours
