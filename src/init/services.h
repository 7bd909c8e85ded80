/* SPDX-License-Identifier: MIT
 *
 * init/services.h - the system-call gate: the one table through which user mode reaches the kernel
 *
 * The embedded carrier loads libntoskrnl.so and calls NtboxKernelEntry for the table; each entry
 * is entered in user mode: it sets PreviousMode, runs the service and restores it. The types are
 * those that winternl.h and the DDK share, so both sides include this file.
 *
 * Source: the official reference of each Nt function (WDK ntifs.h, SDK winternl.h); where user
 * mode's are not documented, phnt-style prototypes as used by public programs.
 */
#pragma once

#define NTBOX_GATE_VERSION 1u

/* X(name, (parameters), (arguments)) - all return NTSTATUS */
#define NTBOX_SYSTEM_SERVICES(X)                                                                   \
    X(NtClose, (HANDLE Handle), (Handle))                                                          \
    X(NtDuplicateObject,                                                                           \
      (HANDLE SourceProcess, HANDLE Source, HANDLE TargetProcess, PHANDLE Target,                  \
       ACCESS_MASK Access, ULONG Attributes, ULONG Options),                                       \
      (SourceProcess, Source, TargetProcess, Target, Access, Attributes, Options))                 \
    X(NtCreateFile,                                                                                \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, PIO_STATUS_BLOCK Iosb,   \
       PLARGE_INTEGER Allocation, ULONG FileAttributes, ULONG Share, ULONG Disposition,            \
       ULONG Options, PVOID Ea, ULONG EaLength),                                                   \
      (Handle, Access, Attributes, Iosb, Allocation, FileAttributes, Share, Disposition, Options,  \
       Ea, EaLength))                                                                              \
    X(NtReadFile,                                                                                  \
      (HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc, PVOID ApcContext, PIO_STATUS_BLOCK Iosb,  \
       PVOID Buffer, ULONG Length, PLARGE_INTEGER Offset, PULONG Key),                             \
      (Handle, Event, Apc, ApcContext, Iosb, Buffer, Length, Offset, Key))                         \
    X(NtWriteFile,                                                                                 \
      (HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc, PVOID ApcContext, PIO_STATUS_BLOCK Iosb,  \
       PVOID Buffer, ULONG Length, PLARGE_INTEGER Offset, PULONG Key),                             \
      (Handle, Event, Apc, ApcContext, Iosb, Buffer, Length, Offset, Key))                         \
    X(NtDeviceIoControlFile,                                                                       \
      (HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc, PVOID ApcContext, PIO_STATUS_BLOCK Iosb,  \
       ULONG Code, PVOID In, ULONG InLength, PVOID Out, ULONG OutLength),                          \
      (Handle, Event, Apc, ApcContext, Iosb, Code, In, InLength, Out, OutLength))                  \
    X(NtFlushBuffersFile, (HANDLE Handle, PIO_STATUS_BLOCK Iosb), (Handle, Iosb))                  \
    X(NtQueryInformationFile,                                                                      \
      (HANDLE Handle, PIO_STATUS_BLOCK Iosb, PVOID Buffer, ULONG Length,                           \
       FILE_INFORMATION_CLASS Class),                                                              \
      (Handle, Iosb, Buffer, Length, Class))                                                       \
    X(NtSetInformationFile,                                                                        \
      (HANDLE Handle, PIO_STATUS_BLOCK Iosb, PVOID Buffer, ULONG Length,                           \
       FILE_INFORMATION_CLASS Class),                                                              \
      (Handle, Iosb, Buffer, Length, Class))                                                       \
    X(NtCancelIoFile, (HANDLE Handle, PIO_STATUS_BLOCK Iosb), (Handle, Iosb))                      \
    X(NtCancelIoFileEx, (HANDLE Handle, PIO_STATUS_BLOCK Request, PIO_STATUS_BLOCK Iosb),          \
      (Handle, Request, Iosb))                                                                     \
    X(NtCancelSynchronousIoFile, (HANDLE Thread, PIO_STATUS_BLOCK Request, PIO_STATUS_BLOCK Iosb), \
      (Thread, Request, Iosb))                                                                     \
    X(NtCreateIoCompletion,                                                                        \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, ULONG Concurrency),      \
      (Handle, Access, Attributes, Concurrency))                                                   \
    X(NtSetIoCompletion,                                                                           \
      (HANDLE Handle, PVOID Key, PVOID Context, NTSTATUS Status, ULONG_PTR Information),           \
      (Handle, Key, Context, Status, Information))                                                 \
    X(NtRemoveIoCompletion,                                                                        \
      (HANDLE Handle, PVOID * Key, PVOID * Context, PIO_STATUS_BLOCK Iosb,                         \
       PLARGE_INTEGER Timeout),                                                                    \
      (Handle, Key, Context, Iosb, Timeout))                                                       \
    X(NtCreateEvent,                                                                               \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, ULONG Type,              \
       BOOLEAN InitialState),                                                                      \
      (Handle, Access, Attributes, Type, InitialState))                                            \
    X(NtSetEvent, (HANDLE Handle, PLONG Previous), (Handle, Previous))                             \
    X(NtResetEvent, (HANDLE Handle, PLONG Previous), (Handle, Previous))                           \
    X(NtPulseEvent, (HANDLE Handle, PLONG Previous), (Handle, Previous))                           \
    X(NtOpenEvent, (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes),            \
      (Handle, Access, Attributes))                                                                \
    X(NtCreateMutant,                                                                              \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, BOOLEAN InitialOwner),   \
      (Handle, Access, Attributes, InitialOwner))                                                  \
    X(NtReleaseMutant, (HANDLE Handle, PLONG Previous), (Handle, Previous))                        \
    X(NtCreateSemaphore,                                                                           \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, LONG InitialCount,       \
       LONG MaximumCount),                                                                         \
      (Handle, Access, Attributes, InitialCount, MaximumCount))                                    \
    X(NtReleaseSemaphore, (HANDLE Handle, LONG Count, PLONG Previous), (Handle, Count, Previous))  \
    X(NtWaitForSingleObject, (HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout),           \
      (Handle, Alertable, Timeout))                                                                \
    X(NtWaitForMultipleObjects,                                                                    \
      (ULONG Count, HANDLE * Handles, ULONG Type, BOOLEAN Alertable, PLARGE_INTEGER Timeout),      \
      (Count, Handles, Type, Alertable, Timeout))                                                  \
    X(NtDelayExecution, (BOOLEAN Alertable, PLARGE_INTEGER Interval), (Alertable, Interval))       \
    X(NtboxCreateThread,                                                                           \
      (PHANDLE Handle, PVOID Start, PVOID Context, BOOLEAN Suspended, CLIENT_ID * ClientId),       \
      (Handle, Start, Context, Suspended, ClientId))                                               \
    X(NtResumeThread, (HANDLE Thread, PULONG Previous), (Thread, Previous))                        \
    X(NtboxTerminateCurrentThread, (NTSTATUS Status), (Status))                                    \
    X(NtboxQueryThread, (HANDLE Thread, CLIENT_ID * ClientId, NTSTATUS * ExitStatus),              \
      (Thread, ClientId, ExitStatus))                                                              \
    X(NtQuerySystemTime, (PLARGE_INTEGER Time), (Time))                                            \
    X(NtQuerySymbolicLinkObject, (HANDLE Link, PUNICODE_STRING Target, PULONG Length),             \
      (Link, Target, Length))                                                                      \
    X(NtOpenSymbolicLinkObject,                                                                    \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes),                         \
      (Handle, Access, Attributes))                                                                \
    X(NtboxLoadDriver, (const char *Path), (Path))                                                 \
    X(NtboxUnloadDriver, (const char *Name), (Name))                                               \
    X(NtLoadDriver, (PUNICODE_STRING Service), (Service))                                          \
    X(NtUnloadDriver, (PUNICODE_STRING Service), (Service))                                        \
    X(NtOpenMutant, (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes),           \
      (Handle, Access, Attributes))                                                                \
    X(NtOpenSemaphore, (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes),        \
      (Handle, Access, Attributes))                                                                \
    X(NtSignalAndWaitForSingleObject,                                                              \
      (HANDLE Signal, HANDLE Wait, BOOLEAN Alertable, PLARGE_INTEGER Timeout),                     \
      (Signal, Wait, Alertable, Timeout))                                                          \
    X(NtCreateTimer,                                                                               \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, ULONG Type),             \
      (Handle, Access, Attributes, Type))                                                          \
    X(NtOpenTimer, (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes),            \
      (Handle, Access, Attributes))                                                                \
    X(NtSetTimer,                                                                                  \
      (HANDLE Timer, PLARGE_INTEGER DueTime, PVOID Apc, PVOID Context, BOOLEAN Resume,             \
       LONG Period, PBOOLEAN Previous),                                                            \
      (Timer, DueTime, Apc, Context, Resume, Period, Previous))                                    \
    X(NtCancelTimer, (HANDLE Timer, PBOOLEAN State), (Timer, State))                               \
    X(NtQueueApcThread,                                                                            \
      (HANDLE Thread, PVOID Routine, PVOID Context, PVOID Argument1, PVOID Argument2),             \
      (Thread, Routine, Context, Argument1, Argument2))                                            \
    X(NtTestAlert, (VOID), ())                                                                     \
    X(NtCreateSymbolicLinkObject,                                                                  \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, PUNICODE_STRING Target), \
      (Handle, Access, Attributes, Target))                                                        \
    X(NtMakeTemporaryObject, (HANDLE Handle), (Handle))                                            \
    X(NtCreateKey,                                                                                 \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, ULONG TitleIndex,        \
       PUNICODE_STRING Class, ULONG Options, PULONG Disposition),                                  \
      (Handle, Access, Attributes, TitleIndex, Class, Options, Disposition))                       \
    X(NtOpenKey, (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes),              \
      (Handle, Access, Attributes))                                                                \
    X(NtDeleteKey, (HANDLE Handle), (Handle))                                                      \
    X(NtQueryKey, (HANDLE Handle, ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed),         \
      (Handle, Class, Buffer, Length, Needed))                                                     \
    X(NtEnumerateKey,                                                                              \
      (HANDLE Handle, ULONG Index, ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed),        \
      (Handle, Index, Class, Buffer, Length, Needed))                                              \
    X(NtEnumerateValueKey,                                                                         \
      (HANDLE Handle, ULONG Index, ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed),        \
      (Handle, Index, Class, Buffer, Length, Needed))                                              \
    X(NtQueryValueKey,                                                                             \
      (HANDLE Handle, PUNICODE_STRING Name, ULONG Class, PVOID Buffer, ULONG Length,               \
       PULONG Needed),                                                                             \
      (Handle, Name, Class, Buffer, Length, Needed))                                               \
    X(NtSetValueKey,                                                                               \
      (HANDLE Handle, PUNICODE_STRING Name, ULONG TitleIndex, ULONG Type, PVOID Data,              \
       ULONG Length),                                                                              \
      (Handle, Name, TitleIndex, Type, Data, Length))                                              \
    X(NtDeleteValueKey, (HANDLE Handle, PUNICODE_STRING Name), (Handle, Name))                     \
    X(NtOpenProcess,                                                                               \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, PCLIENT_ID ClientId),    \
      (Handle, Access, Attributes, ClientId))                                                      \
    X(NtOpenThread,                                                                                \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, PCLIENT_ID ClientId),    \
      (Handle, Access, Attributes, ClientId))                                                      \
    X(NtTerminateProcess, (HANDLE Process, NTSTATUS Status), (Process, Status))                    \
    X(NtCreateSection,                                                                             \
      (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes, PLARGE_INTEGER Size,     \
       ULONG Protection, ULONG Allocation, HANDLE File),                                           \
      (Handle, Access, Attributes, Size, Protection, Allocation, File))                            \
    X(NtOpenSection, (PHANDLE Handle, ACCESS_MASK Access, POBJECT_ATTRIBUTES Attributes),          \
      (Handle, Access, Attributes))                                                                \
    X(NtMapViewOfSection,                                                                          \
      (HANDLE Section, HANDLE Process, PVOID * Base, ULONG_PTR ZeroBits, SIZE_T Commit,            \
       PLARGE_INTEGER Offset, PSIZE_T Size, ULONG Inherit, ULONG Allocation, ULONG Protection),    \
      (Section, Process, Base, ZeroBits, Commit, Offset, Size, Inherit, Allocation, Protection))   \
    X(NtUnmapViewOfSection, (HANDLE Process, PVOID Base), (Process, Base))                         \
    X(NtQuerySystemInformation, (ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed),          \
      (Class, Buffer, Length, Needed))                                                             \
    X(NtQueryInformationProcess,                                                                   \
      (HANDLE Process, ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed),                    \
      (Process, Class, Buffer, Length, Needed))                                                    \
    X(NtQueryInformationThread,                                                                    \
      (HANDLE Thread, ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed),                     \
      (Thread, Class, Buffer, Length, Needed))                                                     \
    X(NtOpenProcessToken, (HANDLE Process, ACCESS_MASK Access, PHANDLE Token),                     \
      (Process, Access, Token))                                                                    \
    X(NtboxSetThreadPriority, (HANDLE Thread, LONG Priority), (Thread, Priority))                  \
    X(NtQueryInformationToken,                                                                     \
      (HANDLE Token, ULONG Class, PVOID Buffer, ULONG Length, PULONG Needed),                      \
      (Token, Class, Buffer, Length, Needed))                                                      \
    X(NtSuspendThread, (HANDLE Thread, PULONG Previous), (Thread, Previous))

typedef struct NTBOX_SYSTEM_CALLS {
    ULONG Version; /* NTBOX_GATE_VERSION */
    ULONG Size;
#define X(name, parameters, arguments) NTSTATUS(*name) parameters;
    NTBOX_SYSTEM_SERVICES(X)
#undef X
} NTBOX_SYSTEM_CALLS;

/* How the carrier starts the kernel in this process. All pointers may be NULL. */
typedef struct NTBOX_START_OPTIONS {
    ULONG Version;               /* NTBOX_GATE_VERSION */
    ULONG Processors;            /* 0: default */
    const char *const *Drivers;  /* host paths, NULL-terminated; loaded in order */
    const char *const *Settings; /* "service\value=dword:1" or "=text": service-key values */
    const char *const *Command;  /* machine events: start and follow this argv */
    ULONG RootProcessId;         /* machine events: only this process's descendants; 0: all */
    ULONG EventSource;           /* HALP_EVENTS_* */
    BOOLEAN NoMachineEvents;
} NTBOX_START_OPTIONS;

/* Exported by libntoskrnl.so. On failure *FailedDriver names the driver, or NULL. */
typedef NTSTATUS NTBOX_KERNEL_ENTRY(const NTBOX_START_OPTIONS *Options,
                                    const NTBOX_SYSTEM_CALLS **Calls, const char **FailedDriver);
__attribute__((visibility("default"))) NTBOX_KERNEL_ENTRY NtboxKernelEntry;
/* Client process rundown, driver unload with audit, stop. Returns audit findings. */
typedef ULONG NTBOX_KERNEL_EXIT(void);
__attribute__((visibility("default"))) NTBOX_KERNEL_EXIT NtboxKernelExit;
