#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen-lpc.py host|client|kinds SERVICES.H OUTPUT - the system calls as messages, from init/services.h

host:   LpcpCall(Calls, Service, A): the service of that number with arguments from 64-bit words.
client: Remote<Name>: each service as a message, with the ranges that its arguments' types tell;
        the services of OWN have stubs written by hand.
kinds:  X(name, count, {kinds of the arguments}) each: for who makes calls up (fuzz/hostile).
"""
import re
import sys

# What a pointer argument of this type points to: (direction, bytes).
RANGES = {
    'PHANDLE': ('Out', 'sizeof(HANDLE)'),
    'PLONG': ('Out', 'sizeof(LONG)'),
    'PULONG': ('Out', 'sizeof(ULONG)'),
    'PBOOLEAN': ('Out', 'sizeof(BOOLEAN)'),
    'PIO_STATUS_BLOCK': ('Out', 'sizeof(IO_STATUS_BLOCK)'),
    'PLARGE_INTEGER': ('In', 'sizeof(LARGE_INTEGER)'),
    'PCLIENT_ID': ('In', 'sizeof(CLIENT_ID)'),
    'CLIENT_ID *': ('Out', 'sizeof(CLIENT_ID)'),
    'NTSTATUS *': ('Out', 'sizeof(NTSTATUS)'),
    'PVOID *': ('Out', 'sizeof(PVOID)'),
}
# Arguments whose type tells the wrong direction.
TURNED = {('NtQuerySystemTime', 'Time'): 'Out', ('NtReadFile', 'Key'): 'In',
          ('NtWriteFile', 'Key'): 'In', ('NtCancelIoFileEx', 'Request'): None,
          ('NtCancelSynchronousIoFile', 'Request'): None}
OWN = {'NtboxCreateThread', 'NtboxTerminateCurrentThread'}


def parse(path):
    text = open(path, encoding='utf-8').read()
    body = text[text.index('#define NTBOX_SYSTEM_SERVICES(X)'):]
    lines = []
    for line in body.split('\n')[1:]:
        lines.append(line.rstrip().rstrip('\\'))
        if not line.rstrip().endswith('\\'):
            break
    joined = ' '.join(' '.join(lines).split())
    services = []
    for match in re.finditer(r'X\((\w+), \(([^()]*)\), \(([^()]*)\)\)', joined):
        name, parameters, arguments = match.groups()
        names = [a.strip() for a in arguments.split(',')] if arguments.strip() else []
        types = []
        for parameter, argument in zip(parameters.split(','), names):
            parameter = parameter.strip()
            assert parameter.endswith(argument), (name, parameter, argument)
            types.append(parameter[:-len(argument)].strip())
        services.append((name, parameters.strip(), list(zip(types, names))))
    assert len(services) == joined.count('X('), 'services.h: an entry of another form'
    return services


def is_pointer(kind):
    return kind.endswith('*') or kind.startswith('P') or kind in ('HANDLE', 'PVOID')


def from_word(kind, index):
    word = f'A[{index}]'
    return f'({kind})(ULONG_PTR){word}' if is_pointer(kind) else f'({kind}){word}'


def to_word(kind, name):
    if is_pointer(kind):
        return f'(ULONG_PTR){name}'
    return f'(ULONG64){name}'


def host(services):
    out = ['enum {']
    out += [f'    Lpcp{name} = {number},' for number, (name, _, _) in enumerate(services)]
    out += ['};', '', 'static NTSTATUS', 'LpcpCall(const NTBOX_SYSTEM_CALLS *Calls, ULONG Service, const ULONG64 *A)',
            '{', '    switch (Service) {']
    for number, (name, _, arguments) in enumerate(services):
        words = ', '.join(from_word(kind, i) for i, (kind, _) in enumerate(arguments))
        out += [f'    case {number}:', f'        return Calls->{name}({words});']
    out += ['    default:', '        return STATUS_INVALID_SYSTEM_SERVICE;', '    }', '}', '']
    return out


def direction(service, kind, name):
    return TURNED.get((service, name), RANGES[kind][0])


def client(services):
    out = ['enum {']
    out += [f'    Lpc{name} = {number},' for number, (name, _, _) in enumerate(services)]
    out += ['};', '']
    for name, parameters, arguments in services:
        if name in OWN:
            continue
        out += ['static NTSTATUS', f'Remote{name}({parameters})', '{', '    REMOTE_CALL call;', '',
                f'    if (!RemoteBegin(&call, Lpc{name})) {{', '        return call.Status;', '    }']
        for index, (kind, argument) in enumerate(arguments):
            out.append(f'    call.Channel->Request.Argument[{index}] = {to_word(kind, argument)};')
        names = dict((argument, kind) for kind, argument in arguments)
        for kind, argument in arguments:
            if kind in RANGES and direction(name, kind, argument) is not None:
                out.append(f'    Remote{direction(name, kind, argument)}(&call, {argument}, '
                           f'{RANGES[kind][1]});')
            elif kind == 'POBJECT_ATTRIBUTES':
                out.append(f'    RemoteAttributes(&call, {argument});')
            elif kind == 'PUNICODE_STRING':
                out.append(f'    RemoteString(&call, {argument});')
        # Buffers and their lengths.
        if name == 'NtDeviceIoControlFile':
            out += ['    RemoteIn(&call, In, InLength);', '    RemoteOut(&call, Out, OutLength);']
        elif name in ('NtWriteFile', 'NtSetInformationFile'):
            out.append('    RemoteIn(&call, Buffer, Length);')
        elif name == 'NtWaitForMultipleObjects':
            # More than that is refused without a look at them.
            out += ['    if (Count <= MAXIMUM_WAIT_OBJECTS) {',
                    '        RemoteIn(&call, Handles, Count * sizeof(HANDLE));', '    }']
        elif name == 'NtSetValueKey':
            out.append('    RemoteIn(&call, Data, Length);')
        elif 'Buffer' in names and 'Length' in names:
            out.append('    RemoteOut(&call, Buffer, Length);')
        out += ['    return RemoteMake(&call);', '}', '']
    out += ['const NTBOX_SYSTEM_CALLS NtdllRemoteCalls = {', '    .Version = NTBOX_GATE_VERSION,',
            '    .Size = sizeof(NTBOX_SYSTEM_CALLS),']
    out += [f'    .{name} = Remote{name},' for name, _, _ in services]
    out += ['};', '']
    return out


# What an argument is, for who makes one up; else by its type.
KINDS = {'Code': 'Code', 'Access': 'Access', 'Class': 'Class', 'Count': 'Count', 'Length': 'Length',
         'InLength': 'Length', 'OutLength': 'Length', 'EaLength': 'Length', 'Options': 'Flags',
         'Attributes': 'Flags', 'Disposition': 'Small', 'Type': 'Small', 'Index': 'Small',
         'Protection': 'Flags', 'Allocation': 'Flags'}
TYPE_KINDS = {'HANDLE': 'Handle', 'PHANDLE': 'OutHandle', 'POBJECT_ATTRIBUTES': 'Attributes',
              'PUNICODE_STRING': 'String', 'PLARGE_INTEGER': 'Time', 'HANDLE *': 'Handles',
              'PCLIENT_ID': 'ClientId', 'const char *': 'Text', 'BOOLEAN': 'Small',
              'PIO_STATUS_BLOCK': 'Out', 'PVOID': 'Buffer', 'PVOID *': 'Out'}


def kind_of(kind, name):
    if kind in TYPE_KINDS:
        return TYPE_KINDS[kind]
    if is_pointer(kind):
        return 'Out'
    return KINDS.get(name, 'Word')


def kinds(services):
    out = []
    for name, _, arguments in services:
        words = ', '.join('Kind' + kind_of(kind, argument) for kind, argument in arguments)
        out.append(f'X({name}, {len(arguments)}, {words or 0})')
    return out + ['']


def main():
    side, source, target = sys.argv[1:]
    services = parse(source)
    lines = ['/* Generated by tools/gen-lpc.py from init/services.h. */']
    lines += {'host': host, 'client': client, 'kinds': kinds}[side](services)
    with open(target, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines))


main()
