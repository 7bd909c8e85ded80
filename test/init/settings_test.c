/* SPDX-License-Identifier: MIT
 *
 * settings_test.c - service-key values from the command line
 */
#include "init/init.h"
#include "kernel_test.h"

void
NtTestSetUp(void)
{
    KernelTestStart();
}

void
NtTestTearDown(void)
{
    InitpStopSystem();
}

static VOID
Expect(PCWSTR Service, PCWSTR Name, ULONG Type, const VOID *Data, ULONG Length)
{
    union {
        KEY_VALUE_PARTIAL_INFORMATION Partial;
        UCHAR Room[256];
    } buffer;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    ULONG needed;
    HANDLE services;
    HANDLE key;

    RtlInitUnicodeString(&name, L"\\Registry\\Machine\\System\\CurrentControlSet\\Services");
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_EXPECT_STATUS(ZwOpenKey(&services, KEY_READ, &attributes), STATUS_SUCCESS);
    RtlInitUnicodeString(&name, Service);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, services, NULL);
    NT_EXPECT_STATUS(ZwOpenKey(&key, KEY_READ, &attributes), STATUS_SUCCESS);
    RtlInitUnicodeString(&name, Name);
    NT_EXPECT_STATUS(
        ZwQueryValueKey(key, &name, KeyValuePartialInformation, &buffer, sizeof(buffer), &needed),
        STATUS_SUCCESS);
    NT_EXPECT_EQ(buffer.Partial.Type, Type);
    NT_EXPECT_EQ(buffer.Partial.DataLength, Length);
    NT_EXPECT_EQ(memcmp(buffer.Partial.Data, Data, Length), 0);
    ZwClose(key);
    ZwClose(services);
}

NT_TEST(Settings, NumbersAndTextAreStoredWithTheirType)
{
    ULONG one = 1;
    ULONG64 large = 0x100000000;

    NT_EXPECT_STATUS(InitpApplySetting("notify\\Flag=dword:1"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(InitpApplySetting("notify\\Parameters\\Size=qword:0x100000000"),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(InitpApplySetting("notify\\Text=a=b"), STATUS_SUCCESS);
    Expect(L"notify", L"Flag", REG_DWORD, &one, 4);
    Expect(L"notify\\Parameters", L"Size", REG_QWORD, &large, 8);
    Expect(L"notify", L"Text", REG_SZ, L"a=b", 8);
}

NT_TEST(Settings, BadOnesAreRefused)
{
    static const char *const rows[] = {
        "",
        "notify\\Flag",
        "Flag=dword:1",
        "\\Flag=dword:1",
        "n\\f=dword:",
        "n\\f=dword:x",
        "n\\f=dword:0x100000000",
        "n\\f=qword:1z",
    };

    NT_FOR_EACH (row, rows) {
        NT_EXPECT_STATUS(InitpApplySetting(*row), STATUS_INVALID_PARAMETER);
    }
}
