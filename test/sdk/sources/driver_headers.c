/* What drivers beyond the plain ones include and say; compiled as C and as C++. */
#ifdef USE_AVL
#define RTL_USE_AVL_TABLES
#endif
#include <fltKernel.h>
#include <TraceLoggingProvider.h>
#include <memory.h>
#include <ntstrsafe.h>
#include <wdmsec.h>

TRACELOGGING_DEFINE_PROVIDER(Provider, "Test", (0x1, 0x2, 0x3, 4, 5, 6, 7, 8, 9, 10, 11));

C_ASSERT(sizeof(FLT_PARAMETERS) == 48);
C_ASSERT(sizeof(FLT_REGISTRATION) == 112);
C_ASSERT(sizeof(FLT_FILE_NAME_INFORMATION) == 120);
C_ASSERT(FIELD_OFFSET(FLT_CALLBACK_DATA, RequestorMode) == 80);
C_ASSERT(sizeof(POOL_EXTENDED_PARAMETER) == 16);
C_ASSERT(LONG_MAX == 0x7fffffff && ULONG_MAX == 0xffffffff);

IO_CSQ_INSERT_IRP Insert;
RTL_QUERY_REGISTRY_ROUTINE Query;
RTL_GENERIC_COMPARE_ROUTINE Compare;

VOID
Insert(PIO_CSQ Csq, PIRP Irp)
{
    InsertTailList((PLIST_ENTRY)Csq, &Irp->Tail.Overlay.ListEntry);
}

static FLT_PREOP_CALLBACK_STATUS
PreCreate(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS Objects, PVOID *Context)
{
    PFLT_FILE_NAME_INFORMATION name;

    *Context = Objects->Filter;
    if (!FLT_IS_IRP_OPERATION(Data) ||
        !NT_SUCCESS(FltGetFileNameInformation(Data, FLT_FILE_NAME_NORMALIZED, &name))) {
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    FltReleaseFileNameInformation(name);
    return FLT_PREOP_COMPLETE;
}

const FLT_OPERATION_REGISTRATION Operations[] = {{IRP_MJ_CREATE, 0, PreCreate, NULL, NULL},
                                                 {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};

static __inline__ VOID
Annotated(__in PVOID First, __out_bcount_part_opt(Size, *Used) PVOID Second, __in ULONG Size)
{
    DWORD total = Size;

    (void)First;
    (void)Second;
    __annotation(L"A", L"B");
    (void)total;
}

NTSTATUS
DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path)
{
    UNICODE_STRING copy = {0, 0, NULL};
    POOL_EXTENDED_PARAMETER parameter = {};
    KLOCK_QUEUE_HANDLE handle;
    NTSTATUS status = TraceLoggingRegister(Provider);

    (void)handle;
    parameter.Type = PoolExtendedParameterPriority;
    parameter.Priority = NormalPoolPriority;
    TraceLoggingWrite(Provider, "Start", TraceLoggingLevel(4), TraceLoggingNTStatus(status, "S"),
                      TraceLoggingUnicodeString(Path, "Path"), TraceLoggingValue("x", "Name"));
    TraceLoggingWrite(Provider, "Empty");
    Annotated(Driver, ExAllocatePool3(POOL_FLAG_PAGED, 1, 'abcd', &parameter, 1), 1);
    RtlUnicodeStringCopy(&copy, Path);
    RtlUnicodeStringPrintf(&copy, L"%wZ", Path);
    TraceLoggingUnregister(Provider);
    return status;
}
