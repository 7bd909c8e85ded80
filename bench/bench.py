#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""./x bench: what ntbox costs, beside the floor of each thing, as ratios in one run.

bench.py BUILD [--json] [--seconds N] [--only kernel|remote|monitor]
"""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time


def kernel_values(build):
    """Runs the bench program on the bench driver; {name: value}."""
    output = subprocess.run(
        [build / 'cli/ntbox', 'run', build / 'bench/bench_driver.so', '--',
         build / 'bench/bench_client'], check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in (line.split() for line in output.splitlines())}



class Host:
    """ntboxd with the bench driver, on these processors."""

    def __init__(self, build, processors):
        self.build = build
        self.processors = processors
        self.folder = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.folder.name, 'host')

    def pin(self):
        os.sched_setaffinity(0, self.processors)

    def __enter__(self):
        reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [self.build / 'host/ntboxd', '--socket', self.socket, '--no-events', '--ready-fd',
             str(writer), self.build / 'bench/bench_driver.so'], pass_fds=[writer],
            preexec_fn=self.pin)
        os.close(writer)
        with os.fdopen(reader) as ready:
            if ready.readline() != 'ready\n':
                sys.exit('bench: ntboxd did not start')
        return self

    def __exit__(self, *_):
        self.process.terminate()
        if self.process.wait(60) != 0:
            sys.exit(f'bench: ntboxd ended with {self.process.returncode}')
        self.folder.cleanup()

    def client(self, *arguments):
        return subprocess.Popen([self.build / 'bench/bench_remote', *arguments],
                                env={**os.environ, 'NTBOX_HOST': self.socket}, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                preexec_fn=self.pin)

    def values(self, *arguments):
        output, _ = self.client(*arguments).communicate()
        return {name: float(value) for name, value in (l.split() for l in output.splitlines())}

    def memory(self):
        """Resident bytes of ntboxd, its share of what it shares."""
        text = pathlib.Path(f'/proc/{self.process.pid}/smaps_rollup').read_text()
        return int(re.search(r'^Rss:\s+(\d+) kB', text, re.M).group(1)) * 1024

    def memory_with(self, *arguments):
        """The same while a client does that."""
        client = self.client(*arguments)
        client.stdout.readline()
        memory = self.memory()
        client.communicate('\n')
        return memory


PENDED = 10000


def remote_values(build, seconds):
    """The kernel in ntboxd, its clients pinned as it is."""
    every = os.sched_getaffinity(0)
    result = {}
    with Host(build, {min(every)}) as host:
        pinned = host.values('calls')
        result['pinned_call'] = pinned['remote_ioctl_buffered_4']
        result['pinned_pipe'] = pinned['pipe_round']
    with Host(build, every) as host:
        result['idle_host'] = host.memory()
        host.values('load', '0.1')
        # What the first client leaves in caches is not the second's.
        base = host.memory()
        result['idle_client'] = host.memory_with('idle') - base
        # Pools do not shrink: the fewer first.
        few = host.memory_with('pend', '1')
        result['pended_read'] = (host.memory_with('pend', str(PENDED)) - few) / PENDED
        free = host.values('calls')
        result['free_call'] = free['remote_ioctl_buffered_4']
        result['free_pipe'] = free['pipe_round']
        result.update(host.values('direct'))
        for count in (1, 4, 16, 64):
            clients = [host.client('load', str(seconds)) for _ in range(count)]
            calls = sum(int(client.communicate()[0].split()[1]) for client in clients)
            result[f'calls_{count}'] = calls / seconds
    return result


def process_cpu(pid):
    """User and system seconds of a process and its threads so far."""
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def peak_memory(pid):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    return int(re.search(r'VmHWM:\s+(\d+) kB', status).group(1)) / 1024


def monitor_values(build, seconds, rate):
    """One monitor, its text thrown away, beside a workload of RATE process starts a second."""
    command = [build / 'cli/ntbox', 'monitor', '--stats']
    monitor = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)
    # The first line of --stats says that the source is armed and the reads are pended.
    log = []
    for line in monitor.stderr:
        log.append(line)
        if line.startswith('stats:'):
            break
    else:
        sys.exit('bench: the monitor did not start:\n' + ''.join(log))
    cpu, start = process_cpu(monitor.pid), time.monotonic()
    workload = subprocess.run([build / 'bench/spawn', str(rate), str(seconds)], check=True,
                              capture_output=True, text=True).stdout.split()
    cpu = process_cpu(monitor.pid) - cpu
    elapsed = time.monotonic() - start
    memory = peak_memory(monitor.pid)
    monitor.send_signal(signal.SIGINT)
    _, rest = monitor.communicate(timeout=30)
    summary = re.search(r'(\d+) events in .* (\d+) creates, (\d+) exits, (\d+) images; lost (\d+)',
                        rest)
    if not summary:
        sys.exit('bench: no summary from the monitor:\n' + rest)
    return {'rate': float(workload[1]), 'processes': int(workload[0]),
            'cpu_percent': 100 * cpu / elapsed, 'memory_mib': memory,
            'events': int(summary.group(1)), 'creates': int(summary.group(2)),
            'lost': int(summary.group(5)),
            'us_per_event': 1e6 * cpu / max(1, int(summary.group(1)))}


def row(what, value, unit, *ratios):
    said = ', '.join(f'{ratio:.2f} x {of}' for ratio, of in ratios)
    print(f'{what:<44} {value:>10} {unit:<10} {said}')


def print_kernel(v):
    print('One processor call, embedded kernel')
    row('indirect call', f'{v["indirect_call"]:.1f}', 'ns')
    row('getppid system call', f'{v["getppid"]:.1f}', 'ns')
    row('DeviceIoControl, METHOD_BUFFERED, 4 bytes', f'{v["ioctl_buffered_4"]:.1f}', 'ns',
        (v['ioctl_buffered_4'] / v['getppid'], 'getppid'),
        (v['ioctl_buffered_4'] / v['indirect_call'], 'indirect call'))
    print('\nChannel, records of 88 bytes, published and read')
    floor = v['memcpy_record_twice']
    row('memcpy of a record, in and out', f'{floor:.1f}', 'ns')
    for batch in (1, 16, 256):
        cost = v[f'channel_record_batch_{batch}']
        row(f'batch limit {batch}', f'{1e3 / cost:.2f}', 'M records/s', (cost / floor, 'memcpy'))
        row('', f'{v[f"channel_records_per_read_batch_{batch}"]:.1f}', 'records a read')
    print('\nLatencies: median, 99 %, maximum')
    for name, what in (('dpc', 'DPC, queued to running'),
                       ('event_round', 'event, there and back between two threads'),
                       ('timer_late', 'timer of 1 ms, expiry to DPC')):
        values = ', '.join(f'{v[f"{name}_{k}"] / 1e3:.1f}' for k in ('median', 'p99', 'max'))
        ratios = [(v['event_round_median'] / v['futex_round'], 'futex round')] \
            if name == 'event_round' else []
        row(what, values, 'us', *ratios)


def print_remote(v):
    print('\nThe kernel in a process of its own (ntboxd), medians')
    row('pipe round of two processes, one processor', f'{v["pinned_pipe"]:.0f}', 'ns')
    row('DeviceIoControl, 4 bytes, one processor', f'{v["pinned_call"]:.0f}', 'ns',
        (v['pinned_call'] / v['pinned_pipe'], 'pipe round'))
    row('pipe round, any processor', f'{v["free_pipe"]:.0f}', 'ns')
    row('DeviceIoControl, 4 bytes, any processor', f'{v["free_call"]:.0f}', 'ns',
        (v['free_call'] / v['free_pipe'], 'pipe round'))
    row('memcpy of 1 MiB', f'{v["memcpy_1m"] / 1e3:.0f}', 'us')
    for name, what in (('shared', 'shared pages'), ('plain', 'other memory')):
        cost = v[f'remote_direct_{name}_1m']
        row(f'1 MiB direct read, {what}', f'{cost / 1e3:.0f}', 'us',
            (cost / v['memcpy_1m'], 'memcpy'))
    for count in (1, 4, 16, 64):
        row(f'calls of {count} client{"s" if count > 1 else ""} together',
            f'{v[f"calls_{count}"] / 1e3:.0f}', '1,000/s')
    row('idle host, resident', f'{v["idle_host"] / 2**20:.1f}', 'MiB')
    row('a connected client more', f'{v["idle_client"] / 2**10:.0f}', 'KiB')
    row('a pended read more', f'{v["pended_read"]:.0f}', 'bytes')


def print_monitor(v):
    print('\nThe monitor: driver, executive, channel and program in one process')
    row('process starts', f'{v["rate"]:.0f}', 'a second')
    row('events seen, lost', f'{v["events"]}, {v["lost"]}', '')
    row('processor', f'{v["cpu_percent"]:.1f}', '% of one')
    row('', f'{v["us_per_event"]:.1f}', 'us an event')
    row('peak memory', f'{v["memory_mib"]:.1f}', 'MiB')


def main():
    parser = argparse.ArgumentParser(prog='./x bench', description=__doc__.splitlines()[0])
    parser.add_argument('build', type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument('--json', action='store_true', help='one JSON object')
    parser.add_argument('--seconds', type=float, default=10, help='of the monitor part (10)')
    parser.add_argument('--rate', type=int, default=1600,
                        help="the monitor part's process starts a second (1600; 0: the most)")
    parser.add_argument('--only', choices=('kernel', 'remote', 'monitor'))
    options = parser.parse_args()
    result = {}
    if options.only in (None, 'kernel'):
        result['kernel'] = kernel_values(options.build)
        if not options.json:
            print_kernel(result['kernel'])
            sys.stdout.flush()
    if options.only in (None, 'remote'):
        result['remote'] = remote_values(options.build, 2)
        if not options.json:
            print_remote(result['remote'])
            sys.stdout.flush()
    if options.only in (None, 'monitor'):
        if os.geteuid() != 0:
            print('The monitor part needs root: sudo ./x bench --only monitor', file=sys.stderr)
        else:
            result['monitor'] = monitor_values(options.build, options.seconds, options.rate)
            if not options.json:
                print_monitor(result['monitor'])
    if options.json:
        print(json.dumps(result, indent=2))


main()
