/* SPDX-License-Identifier: MIT
 *
 * driver.cpp - a driver in C++
 */
extern "C" {
#include <ntddk.h>
#include <ntstrsafe.h>
}
#include <csq.h>

extern "C" DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD OnUnload;

namespace
{
class Lock
{
  public:
    explicit Lock(KSPIN_LOCK &SpinLock) : m_Lock(SpinLock)
    {
        KeAcquireSpinLock(&m_Lock, &m_Irql);
    }
    ~Lock()
    {
        KeReleaseSpinLock(&m_Lock, m_Irql);
    }

  private:
    KSPIN_LOCK &m_Lock;
    KIRQL m_Irql;
};

KSPIN_LOCK g_Lock;
LONG volatile g_Count;
} // namespace

static NTSTATUS
Touch(volatile ULONG *Address)
{
    __try {
        *Address = 1;
    } __except ((NTSTATUS)GetExceptionCode() == STATUS_ACCESS_VIOLATION
                    ? EXCEPTION_EXECUTE_HANDLER
                    : EXCEPTION_CONTINUE_SEARCH) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

static VOID
OnUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    Lock lock(g_Lock);
    InterlockedIncrement(&g_Count);
    LONGLONG wide = 0;
    InterlockedExchange64(&wide, 1);
}

extern "C" NTSTATUS
DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath)
{
    WCHAR text[32];
    ULONG word = 0;

    UNREFERENCED_PARAMETER(RegistryPath);
    KeInitializeSpinLock(&g_Lock);
    RtlStringCbPrintfW(text, sizeof(text), L"%d", 1);
    DriverObject->DriverUnload = OnUnload;
    return Touch(&word);
}
