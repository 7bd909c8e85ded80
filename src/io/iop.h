/* SPDX-License-Identifier: MIT
 *
 * io/iop.h - what the files of io share, and nobody else sees
 *
 * Every IRP that io allocates lies in an IOP_IRP, which carries io's own state. A driver's own
 * memory made an IRP by IoInitializeIrp has none.
 *
 * Invariants  I1  State says whose the IRP is; it changes under its owner's hand only.
 *             I2  References > 0 while somebody may look: the issuer while its dispatch routine
 *                 runs, the completion, and each canceller that found it by a slot or list.
 *             I3  ETHREAD.IoSlot names the innermost request whose dispatch routine has not
 *                 returned or which its thread awaits. Bit 0 set: a canceller is reading the
 *                 chain, the thread may not leave.
 *             I4  A pended asynchronous request is on its thread's or its file's list iff
 *                 Handoff is IopListed.
 * Locks       IopCancelLock > nothing (NT's cancel spin lock).
 *             ThreadListLock (ps) > IoSlot bit > IrpListLock / FILE_OBJECT.IrpListLock.
 *             IopDatabaseLock: device lists, attachment, DEVICE_OBJECT.ReferenceCount.
 */
#pragma once

#include "io/io.h"
#include "mm/client.h"

#if defined(__SANITIZE_ADDRESS__)
#define IOP_INLINE_BUFFER 0u /* system buffers from pool, for its red zones */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IOP_INLINE_BUFFER 0u
#endif
#endif
#ifndef IOP_INLINE_BUFFER
#define IOP_INLINE_BUFFER 256u
#endif

#define IOP_CACHED_LOCATIONS 4 /* stack locations of an IRP fit for the thread's cache */

#define IOP_MAKE_TAG(a, b, c, d) \
    ((ULONG)(a) | ((ULONG)(b) << 8) | ((ULONG)(c) << 16) | ((ULONG)(d) << 24))
#define IOP_TAG_IRP IOP_MAKE_TAG('I', 'r', 'p', ' ')
#define IOP_TAG_BUFFER IOP_MAKE_TAG('I', 'o', 'S', 'B')
#define IOP_TAG_NAME IOP_MAKE_TAG('I', 'o', 'N', 'm')
#define IOP_TAG_DEVICE IOP_MAKE_TAG('D', 'e', 'v', 'i')
#define IOP_TAG_DRIVER IOP_MAKE_TAG('D', 'r', 'i', 'v')
#define IOP_TAG_SHUTDOWN IOP_MAKE_TAG('I', 'o', 'S', 'd')
#define IOP_TAG_WORKITEM IOP_MAKE_TAG('I', 'o', 'W', 'i')
#define IOP_TAG_PORT IOP_MAKE_TAG('I', 'o', 'C', 'p')
#define IOP_TAG_CONTEXT IOP_MAKE_TAG('I', 'o', 'C', 'x')
#define IOP_TAG_ERROR_LOG IOP_MAKE_TAG('I', 'o', 'E', 'r')

/* DRIVER_VERIFIER_IOMANAGER_VIOLATION and DRIVER_VERIFIER_DETECTED_VIOLATION, first parameters */
#define IOP_BUGCHECK_IO 0xC9u
#define IOP_C9_FREE_NOT_IRP 0x01u
#define IOP_C9_FREE_ATTACHED 0x02u
#define IOP_C9_CALL_NOT_IRP 0x03u
#define IOP_C9_CALL_BAD_DEVICE 0x04u
#define IOP_C9_IRQL_CHANGED 0x05u
#define IOP_C9_STATUS_PENDING 0x06u
#define IOP_C9_CANCEL_ROUTINE 0x07u
#define IOP_C9_BUILD_BAD_BUFFER 0x08u
#define IOP_C9_TIMER_TWICE 0x0Au
#define IOP_C9_COMPLETE_IRQL 0x0Eu
#define IOP_C9_CALL_IRQL 0x10u
#define IOP_C9_DELETE_ATTACHED 0x201u
#define IOP_C9_DETACH_NOTHING 0x202u
#define IOP_C9_FORWARD_CANCELABLE 0x203u
#define IOP_C9_NULL_DEVICE 0x204u
#define IOP_C9_FREE_IN_USE 0x20Au
#define IOP_C9_INITIALIZE_ALLOCATED 0x20Du
#define IOP_C9_NOT_HANDLED 0x226u
#define IOP_C9_PENDING_NOT_PROPAGATED 0x228u
#define IOP_C9_NEVER_SENT 0x239u
#define IOP_C9_PENDING_NOT_MARKED 0x23Du
#define IOP_C9_MARKED_NOT_PENDING 0x23Eu
#define IOP_C9_DELETED_TWICE 0x240u
#define IOP_C9_REUSE_IN_USE 0x310u
#define IOP_C9_REUSE_ORIGIN 0x311u
#define IOP_C9_NO_COMPLETION_ROUTINE 0x80000001u /* ntbox's own: nobody frees this IRP */
#define IOP_BUGCHECK_VERIFIER 0xC4u
#define IOP_C4_APC_DISABLE 0xC5u
#define IOP_C4_COMPLETION_IRQL 0xFAu
#define IOP_C4_REMOVE_LOCK_TAG 0xD6u
#define IOP_C4_NOT_INITIALISED 0x1002u

/* ---- IRPs ---- */

typedef enum IOP_IRP_STATE {
    IopIrpFree,      /* in a cache, or its memory freed */
    IopIrpOwned,     /* its allocator's, not sent yet */
    IopIrpSent,      /* with a driver, from IofCallDriver on */
    IopIrpReturned,  /* with the completion routine's driver: it may free, reuse, resend, resume */
    IopIrpCompleted, /* the completion walk is over; io finishes */
    IopIrpPacket     /* queued to a completion port, or to its thread as an APC */
} IOP_IRP_STATE;

typedef enum IOP_IRP_KIND {
    IopIrpAllocated,  /* IoAllocateIrp: a completion routine must keep and free it */
    IopIrpAsyncFsd,   /* IoBuildAsynchronousFsdRequest: likewise */
    IopIrpThreaded,   /* IoBuildSynchronousFsdRequest, IoBuildDeviceIoControlRequest */
    IopIrpAssociated, /* IoMakeAssociatedIrp */
    IopIrpService     /* a system service's or io's own */
} IOP_IRP_KIND;

/* Who still waits for whom, for IopIrpService and IopIrpThreaded. */
typedef enum IOP_HANDOFF {
    IopDispatching, /* the dispatch routine has not returned */
    IopWaiting,     /* the issuer waits on Event */
    IopListed,      /* asynchronous, pended: on a list (I4) */
    IopOrphaned,    /* its thread gave up waiting for it at its end; nobody wants the result */
    IopDone         /* completed; set once */
} IOP_HANDOFF;

typedef enum IOP_IRP_EVENT_KIND {
    IopEventNone,
    IopEventAllocated,
    IopEventCalled,    /* IofCallDriver; Argument: device */
    IopEventCompleted, /* IofCompleteRequest; Argument: status */
    IopEventKept,      /* completion routine returned MORE_PROCESSING; Caller: that routine */
    IopEventCanceled,
    IopEventReused,
    IopEventFreed
} IOP_IRP_EVENT_KIND;

typedef struct IOP_IRP_EVENT {
    ULONG_PTR Caller;
    ULONG_PTR Argument;
    PKTHREAD Thread; /* an identity only: it may be gone */
    UCHAR Kind;      /* IOP_IRP_EVENT_KIND */
    UCHAR Major;
} IOP_IRP_EVENT;

#define IOP_IRP_HISTORY 8u
#define IOP_IRP_SIGNATURE IOP_MAKE_TAG('N', 'I', 'r', 'p')
/* In IRP.AllocationFlags, which is the I/O manager's: the IRP lies in an IOP_IRP. */
#define IOP_IRP_HAS_HEADER 0x40

typedef struct IOP_IRP {
    ULONG Signature;
    UCHAR State;           /* IOP_IRP_STATE, atomic */
    UCHAR Kind;            /* IOP_IRP_KIND */
    UCHAR Capacity;        /* stack locations that the block has room for */
    BOOLEAN Synchronous;   /* the issuer waits and finishes the request itself */
    BOOLEAN HasInline;     /* there is room for a system buffer behind the locations */
    BOOLEAN OnFileList;    /* I4: which list; the lists' locks */
    USHORT InlineLength;   /* of the system buffer behind the locations; 0: none */
    ACCESS_MASK Granted;   /* of the handle; IopIrpService */
    ULONG OutputLength;    /* room in the caller's buffer, caps IoStatus.Information */
    LONG References;       /* atomic, I2 */
    ULONG Handoff;         /* atomic, IOP_HANDOFF */
    ULONG HistoryCount;    /* events ever recorded */
    struct IOP_IRP *Outer; /* I3: the request in whose dispatch routine this one was issued */
    PETHREAD Issuer;
    ULONG ProcessId; /* atomic, as ThreadId and Since, for IopCollectIrps: of the issuer, or 0 */
    ULONG ThreadId;
    ULONG64 Since; /* HalpMonotonicTime when its dispatch routine returned STATUS_PENDING; or 0 */
    LIST_ENTRY BlockLink; /* all blocks of a shard; its lock */
    ULONG Shard;
    KEVENT Event;                    /* initialised only when waited on */
    struct MI_CLIENT *Client;        /* the issuer's process's memory, if it is another process;
                                        referenced: the IRP is charged to it */
    SIZE_T BufferCharge;             /* the system buffer's share of Client's MiQuotaMemory */
    MI_CLIENT_WORK Work;             /* its completion, handed to the client's pump */
    ULONG Before;                    /* Handoff before it was IopDone, for that */
    struct MI_CLIENT_VIEW *Views[2]; /* of its buffers, as the driver sees them; or NULL */
    IOP_IRP_EVENT History[IOP_IRP_HISTORY];
    IRP Irp __attribute__((aligned(16)));
    /* IO_STACK_LOCATION[Capacity], then IOP_INLINE_BUFFER bytes */
} IOP_IRP;

/* NULL for an IRP in a driver's own memory. */
static inline IOP_IRP *
IopIrpHeader(PIRP Irp)
{
    return (Irp->AllocationFlags & IOP_IRP_HAS_HEADER) ? CONTAINING_RECORD(Irp, IOP_IRP, Irp)
                                                       : NULL;
}

static inline VOID
IopSetIrpState(IOP_IRP *Header, IOP_IRP_STATE State)
{
    __atomic_store_n(&Header->State, (UCHAR)State, __ATOMIC_RELAXED);
}

static inline IOP_IRP_STATE
IopIrpState(const IOP_IRP *Header)
{
    return (IOP_IRP_STATE)__atomic_load_n(&Header->State, __ATOMIC_RELAXED);
}

static inline VOID
IopRecordIrp(IOP_IRP *Header, IOP_IRP_EVENT_KIND Kind, ULONG_PTR Caller, ULONG_PTR Argument,
             UCHAR Major)
{
    IOP_IRP_EVENT *event = &Header->History[Header->HistoryCount++ % IOP_IRP_HISTORY];

    event->Caller = Caller;
    event->Argument = Argument;
    event->Thread = KiGetCurrentThread();
    event->Kind = (UCHAR)Kind;
    event->Major = Major;
}

/*
 * An IRP with one reference, zeroed locations, State Owned. NULL: no memory.
 * IRQL <= DISPATCH_LEVEL.
 */
IOP_IRP *IopAllocateIrp(CCHAR StackSize, IOP_IRP_KIND Kind, ULONG_PTR Caller);
/* The same without room for a system buffer: for those that may be pended in great numbers. */
IOP_IRP *IopAllocateSmallIrp(CCHAR StackSize, IOP_IRP_KIND Kind, ULONG_PTR Caller);
/* Drops a reference; the last one frees. */
VOID IopReleaseIrp(IOP_IRP *Header);
static inline VOID
IopHoldIrp(IOP_IRP *Header)
{
    __atomic_add_fetch(&Header->References, 1, __ATOMIC_RELAXED);
}
/* The inline buffer's place; 16-aligned. */
PVOID IopInlineBuffer(IOP_IRP *Header);
/* Frees what the calling thread caches and keeps it from caching again. */
VOID IopCloseIrpCache(PKTHREAD Thread);
/* Tests: every IRP comes from pool, so that a fault plan reaches it. */
extern BOOLEAN IopIrpCacheDisabled;
/* Visits every block that is not free; Visit may not call out. */
VOID IopForEachIrp(VOID (*Visit)(PVOID Context, IOP_IRP *Header), PVOID Context);
DECLSPEC_NORETURN VOID IopIrpBugCheck(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, PIRP Irp,
                                      const char *Text);
VOID IopInitializeIrps(VOID);
VOID IopShutdownIrps(VOID);

/* IofCallDriver for io's own requests: Caller goes into the history. */
NTSTATUS IopCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp, ULONG_PTR Caller);
/* The completion walk is over: finish by Kind. */
VOID IopFinishIrp(IOP_IRP *Header);
/* Unlocks and frees the IRP's MDLs; copies back; frees the system buffer. */
VOID IopReleaseBuffers(IOP_IRP *Header, BOOLEAN CopyBack);
/*
 * IOSB, event, port, file object, if Wanted; drops event and file references. See complete.c.
 * TRUE: the IRP is a port's packet, or its thread's APC, now, with the completion's reference.
 */
BOOLEAN IopDeliverCompletion(IOP_IRP *Header, BOOLEAN Wanted);

/* ---- requests of the system services ---- */

typedef struct IOP_REQUEST {
    PFILE_OBJECT File;     /* referenced */
    PDEVICE_OBJECT Device; /* top of the stack */
    PKEVENT Event;         /* the caller's, referenced; or NULL */
    PIO_APC_ROUTINE Apc;   /* user mode's, called on the issuing thread; or NULL */
    PVOID ApcContext;
    PIO_STATUS_BLOCK Iosb;
    ACCESS_MASK Granted;
    KPROCESSOR_MODE Mode;
    BOOLEAN FileLocked;  /* FO_SYNCHRONOUS_IO: this request holds the file's lock */
    BOOLEAN Synchronous; /* the service waits */
} IOP_REQUEST;

/*
 * Decodes what all services share: probes Iosb, references file and event, locks a synchronous
 * file. On failure nothing is left to undo. AlwaysWait: the service waits on any file.
 */
NTSTATUS IopBeginRequest(IOP_REQUEST *Request, HANDLE Handle, HANDLE Event, PIO_APC_ROUTINE Apc,
                         PVOID ApcContext, PIO_STATUS_BLOCK Iosb, BOOLEAN AlwaysWait);
/* Undoes IopBeginRequest. */
VOID IopEndRequest(IOP_REQUEST *Request);
/* The IRP with what the request says; Buffered: it will need a system buffer. NULL: no memory. */
IOP_IRP *IopAllocateRequestIrp(IOP_REQUEST *Request, UCHAR Major, BOOLEAN Buffered,
                               ULONG_PTR Caller);
/* A system buffer of Length > 0 bytes into AssociatedIrp; FALSE: no memory. */
/* A system buffer of that size is Client's to pay for. STATUS_QUOTA_EXCEEDED. */
NTSTATUS IopChargeBuffer(IOP_IRP *Header, SIZE_T Length);
BOOLEAN IopAllocateSystemBuffer(IOP_IRP *Header, SIZE_T Length);
/* An MDL over the caller's buffer, locked. */
NTSTATUS IopLockUserBuffer(IOP_IRP *Header, PVOID Buffer, ULONG Length, LOCK_OPERATION Operation,
                           KPROCESSOR_MODE Mode);
/*
 * The caller's address as a driver may use it, for those that get to see it: *Buffer is changed to
 * a view where the memory is another process's. STATUS_INSUFFICIENT_RESOURCES.
 */
NTSTATUS IopViewUserBuffer(IOP_IRP *Header, PVOID *Buffer, ULONG Length);
/* Frees an IRP that was not sent, and its buffers. */
VOID IopDiscardIrp(IOP_IRP *Header);
/* Sends it, waits if Synchronous, ends the request. */
NTSTATUS IopIssueRequest(IOP_REQUEST *Request, IOP_IRP *Header, ULONG_PTR Caller);
/* For create, cleanup, close, shutdown: sends and waits, frees. Irp->IoStatus goes to *Iosb. */
NTSTATUS IopSendAndWait(IOP_IRP *Header, PDEVICE_OBJECT Device, PIO_STATUS_BLOCK Iosb);
/* The file object's lock (FO_SYNCHRONOUS_IO). Fails when the wait was alerted. */
NTSTATUS IopLockFile(PFILE_OBJECT File, KPROCESSOR_MODE Mode);
VOID IopUnlockFile(PFILE_OBJECT File);
/*
 * Takes a completed request off its list (I4). Before: Handoff before it became IopDone. FALSE:
 * it was orphaned, its status block and buffers may be gone.
 */
BOOLEAN IopUnlistIrp(IOP_IRP *Header, ULONG Before);
VOID IopListThreadedIrp(IOP_IRP *Header);

/* ---- cancel ---- */

/* IoCancelIrp on an IRP that the caller holds. */
BOOLEAN IopCancelIrp(PIRP Irp, ULONG_PTR Caller);
/* PSP_THREAD_RUNDOWN */
VOID IopRundownThread(PETHREAD Thread);
/* PSP_THREAD_CANCEL */
VOID IopCancelThread(PETHREAD Thread);
extern KSPIN_LOCK IopCancelLock;
/* Ticks of 100 ns that a rundown waits for cancelled IRPs before it says so. */
#define IOP_RUNDOWN_REPORT (30 * 10000000LL)

/* ---- objects ---- */

extern POBJECT_TYPE *IoDeviceObjectType;
extern POBJECT_TYPE *IoDriverObjectType;
extern POBJECT_TYPE *IoCompletionObjectType;
extern POBJECT_TYPE IopFileType;
extern POBJECT_TYPE IopDeviceType;
extern POBJECT_TYPE IopDriverType;
extern POBJECT_TYPE IopPortType;
extern const GENERIC_MAPPING IopFileMapping;
extern KSPIN_LOCK IopDatabaseLock;

#define IOP_DEVICE_DELETE_PENDING 1u /* IoDeleteDevice was called */
#define IOP_DEVICE_UNLOAD_PENDING 2u /* its driver is being unloaded: no new opens */
#define IOP_DEVICE_DELETED 4u        /* off its driver's list, name gone */

/* DEVICE_OBJECT.DeviceObjectExtension */
typedef struct IOP_DEVICE_EXTENSION {
    DEVOBJ_EXTENSION Nt;
    ULONG Flags;               /* IOP_DEVICE_*; IopDatabaseLock */
    PDEVICE_OBJECT AttachedTo; /* the device below; IopDatabaseLock */
    POWER_STATE PowerState;    /* PoSetPowerState */
    BOOLEAN DeferredStartIo;   /* IoSetStartIoAttributes */
    BOOLEAN NonCancelable;
    BOOLEAN NextCancelable; /* the deferred IoStartNextPacket's arguments */
    BOOLEAN NextHasKey;
    ULONG NextKey;
    ULONG StartIoState; /* atomic, see startio.c */
} IOP_DEVICE_EXTENSION;

static inline IOP_DEVICE_EXTENSION *
IopDeviceExtension(PDEVICE_OBJECT DeviceObject)
{
    return CONTAINING_RECORD(DeviceObject->DeviceObjectExtension, IOP_DEVICE_EXTENSION, Nt);
}

/* FILE_OBJECT.Flags and CompletionContext change while other threads' requests read them. */
static inline ULONG
IopFlagsOf(PFILE_OBJECT File)
{
    return __atomic_load_n(&File->Flags, __ATOMIC_RELAXED);
}

static inline PIO_COMPLETION_CONTEXT
IopPortOf(PFILE_OBJECT File)
{
    return __atomic_load_n(&File->CompletionContext, __ATOMIC_ACQUIRE);
}

/* Object-type procedures */
VOID IopDeleteDriver(PVOID Object);
VOID IopDeleteDevice(PVOID Object);
VOID IopDeleteFile(PVOID Object);
VOID IopDeletePort(PVOID Object);
VOID IopCloseFile(PEPROCESS Process, PVOID Object, ULONG ProcessHandleCount, ULONG HandleCount);
NTSTATUS IopParseDevice(OBP_OPEN_REQUEST *Request, PVOID *Object);
NTSTATUS IopParseFile(OBP_OPEN_REQUEST *Request, PVOID *Object);
VOID IopQueryFileName(PVOID Object, PWSTR Buffer, SIZE_T Size);
/* One open less; deletes the device if that was asked for meanwhile. */
VOID IopDereferenceOpenDevice(PDEVICE_OBJECT DeviceObject);
/* The device stops its timer before it goes (timer.c); its registration goes (shutdown.c). */
VOID IopRemoveTimer(PDEVICE_OBJECT DeviceObject);
VOID IopRemoveShutdownNotification(PDEVICE_OBJECT DeviceObject);
VOID IopInitializeTimers(VOID);
VOID IopShutdownTimers(VOID);
VOID IopInitializeShutdown(VOID);
VOID IopInitializeLinks(VOID);
VOID IopShutdownLinks(VOID);
VOID IopShutdownWmi(VOID);
/* thread.c: N1, for the calling thread at its end; the driver is gone: its registrations too. */
VOID IopReleaseThreadObject(PETHREAD Thread);
VOID IopForgetReinitialize(PDRIVER_OBJECT DriverObject);
/* Symbolic links made from the driver's image, or to its devices, that still exist. */
ULONG IopCountDriverLinks(PDRIVER_OBJECT DriverObject);
VOID IopNotifyShutdown(VOID);

/* The context of an open, as OBP_OPEN_REQUEST.Context. */
#define IOP_OPEN_SIGNATURE IOP_MAKE_TAG('O', 'p', 'e', 'n')
typedef struct IOP_OPEN_PACKET {
    ULONG Signature;
    ULONG Options; /* FILE_* create options */
    ULONG Disposition;
    USHORT FileAttributes;
    USHORT ShareAccess;
    LARGE_INTEGER AllocationSize;
    PVOID Ea; /* captured; its length is EaLength */
    ULONG EaLength;
    PSECURITY_DESCRIPTOR Security; /* for a file that is made; the captured attributes' */
    PFILE_OBJECT RelatedFile;
    ULONG_PTR Information;  /* result: FILE_OPENED ... */
    ACCESS_MASK Granted;    /* result */
    BOOLEAN ParseDone;      /* a driver was asked, or would have been */
    BOOLEAN Reparsed;       /* result: it sent the open on to NewName, and the parse failed */
    UNICODE_STRING NewName; /* result: whoever takes it frees its buffer, if any; ExFreePool */
} IOP_OPEN_PACKET;

/* ---- secure.c ---- */

/* What a device has that is not told otherwise; counted. */
extern PSECURITY_DESCRIPTOR IopDefaultSecurity;
NTSTATUS IopInitializeSecurity(VOID);
VOID IopShutdownSecurity(VOID);
/* May the open go on to the driver? Packet->Granted: what the handle will have. */
NTSTATUS IopCheckOpen(PDEVICE_OBJECT Device, const OBP_OPEN_REQUEST *Request,
                      IOP_OPEN_PACKET *Packet);
/* Type procedures. */
PSECURITY_DESCRIPTOR *IopDeviceSecurityField(PVOID Object);
PSECURITY_DESCRIPTOR *IopFileSecurityField(PVOID Object);
NTSTATUS IopQueryFileSecurity(PVOID Object, SECURITY_INFORMATION What, PSECURITY_DESCRIPTOR *Copy,
                              ULONG *Length);
NTSTATUS IopSetFileSecurity(PVOID Object, SECURITY_INFORMATION What,
                            PSECURITY_DESCRIPTOR Descriptor);

/* reparse.c: a driver answered IRP_MJ_CREATE with STATUS_REPARSE. Returns why the parse ends. */
NTSTATUS IopTakeReparse(PFILE_OBJECT File, ULONG_PTR Information, IOP_OPEN_PACKET *Packet);

/* One line to the log, "io: " in front. */
VOID IopLog(const char *Format, ...) __attribute__((format(printf, 1, 2)));
/* UTF-16 to ASCII, '?' for the rest; for reports. */
VOID IopNarrow(PCUNICODE_STRING Name, char *Buffer, SIZE_T Size);
