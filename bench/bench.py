#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""./x bench: what ntbox costs, beside the floor of each thing, as ratios in one run.

bench.py BUILD [--json] [--seconds N] [--only kernel|monitor]
"""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time


def kernel_values(build):
    """Runs the bench program on the bench driver; {name: value}."""
    output = subprocess.run(
        [build / 'cli/ntbox', 'run', build / 'bench/bench_driver.so', '--',
         build / 'bench/bench_client'], check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in (line.split() for line in output.splitlines())}



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
    parser.add_argument('--only', choices=('kernel', 'monitor'))
    options = parser.parse_args()
    result = {}
    if options.only != 'monitor':
        result['kernel'] = kernel_values(options.build)
        if not options.json:
            print_kernel(result['kernel'])
            sys.stdout.flush()
    if options.only != 'kernel':
        if os.geteuid() != 0:
            print('The monitor part needs root: sudo ./x bench --only monitor', file=sys.stderr)
        else:
            result['monitor'] = monitor_values(options.build, options.seconds, options.rate)
            if not options.json:
                print_monitor(result['monitor'])
    if options.json:
        print(json.dumps(result, indent=2))


main()
