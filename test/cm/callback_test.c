/* SPDX-License-Identifier: MIT
 *
 * callback_test.c - registry callbacks: order, what they are told, what they can change, contexts
 */
#include <stdio.h>

#include "cm_test.h"

#define SEEN 512

/* A callback under test, and the log that all of them share. */
typedef struct WATCHER {
    char Letter;
    BOOLEAN Quiet; /* leaves the log alone: called on several threads */
    LARGE_INTEGER Cookie;
    NTSTATUS PreStatus; /* what it answers to a pre-notification of Class */
    NTSTATUS PostStatus;
    NTSTATUS ReturnStatus; /* with PostStatus STATUS_CALLBACK_BYPASS */
    int Class;             /* 0 based class that the statuses are for; -1: none */
    int PostClass;
    PVOID CallContext; /* put into the pre-notification */
    PVOID SeenCallContext;
    PVOID SeenObjectContext;
    PVOID CleanedContext;
    PVOID PostObject;
    NTSTATUS PostSaw;
    void (*Inside)(struct WATCHER *Watcher, REG_NOTIFY_CLASS Class, PVOID Argument);
} WATCHER;

static char Log[SEEN];

void
NtTestSetUp(void)
{
    CmTestStart();
    Log[0] = 0;
}

void
NtTestTearDown(void)
{
    CmTestStop();
}

static NTSTATUS NTAPI
Watch(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    WATCHER *watcher = Context;
    int class = (int)(ULONG_PTR)Argument1;
    size_t used = watcher->Quiet ? 0 : strlen(Log);

    NT_EXPECT_EQ(KiCurrentIrql(), PASSIVE_LEVEL);
    if (!watcher->Quiet) {
        snprintf(Log + used, SEEN - used, "%c%d ", watcher->Letter, class);
    }
    if (watcher->Inside != NULL) {
        watcher->Inside(watcher, class, Argument2);
    }
    if (class == RegNtCallbackObjectContextCleanup) {
        watcher->CleanedContext =
            ((REG_CALLBACK_CONTEXT_CLEANUP_INFORMATION *)Argument2)->ObjectContext;
    } else if (class == watcher->PostClass) {
        REG_POST_OPERATION_INFORMATION *post = Argument2;
        watcher->SeenCallContext = post->CallContext;
        watcher->SeenObjectContext = post->ObjectContext;
        watcher->PostObject = post->Object;
        watcher->PostSaw = post->Status;
        post->ReturnStatus = watcher->ReturnStatus;
        return watcher->PostStatus;
    } else if (class == watcher->Class) {
        if (class == RegNtPreDeleteKey || class == RegNtPreFlushKey) {
            ((REG_DELETE_KEY_INFORMATION *)Argument2)->CallContext = watcher->CallContext;
        }
        return watcher->PreStatus;
    }
    return STATUS_SUCCESS;
}

static WATCHER
Watcher(char Letter)
{
    return (WATCHER){.Letter = Letter, .Class = -1, .PostClass = -1};
}

static NTSTATUS
Register(WATCHER *Watcher, PCWSTR Altitude)
{
    UNICODE_STRING altitude;

    RtlInitUnicodeString(&altitude, Altitude);
    return CmRegisterCallbackEx(Watch, &altitude, NULL, Watcher, &Watcher->Cookie, NULL);
}

static HANDLE
MakeKey(PCWSTR Path)
{
    HANDLE key;

    NT_EXPECT_STATUS(CmTestOpen(NULL, Path, TRUE, KEY_ALL_ACCESS, &key), STATUS_SUCCESS);
    return key;
}

/* The log as classes of one watcher: forgets it. */
static void
ExpectLog(const char *Expected)
{
    NT_EXPECT_STR(Log, Expected);
    Log[0] = 0;
}

NT_TEST(RegCallback, RegistrationErrors)
{
    UNICODE_STRING altitude = RTL_CONSTANT_STRING(L"320000");
    UNICODE_STRING empty = {0};
    WATCHER one = Watcher('a');
    WATCHER two = Watcher('b');
    LARGE_INTEGER cookie = {.QuadPart = 4711};

    NT_EXPECT_STATUS(CmRegisterCallbackEx(NULL, &altitude, NULL, NULL, &cookie, NULL),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(CmRegisterCallbackEx(Watch, NULL, NULL, NULL, &cookie, NULL),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(CmRegisterCallbackEx(Watch, &empty, NULL, NULL, &cookie, NULL),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_EQ(cookie.QuadPart, 4711);
    NT_EXPECT_STATUS(CmUnRegisterCallback(cookie), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(Register(&one, L"320000"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Register(&two, L"320000"), STATUS_FLT_INSTANCE_ALTITUDE_COLLISION);
    NT_EXPECT_STATUS(Register(&two, L"0320000.0"), STATUS_FLT_INSTANCE_ALTITUDE_COLLISION);
    NT_EXPECT_STATUS(Register(&two, L"320000.1"), STATUS_SUCCESS);
    NT_EXPECT_NE(one.Cookie.QuadPart, two.Cookie.QuadPart);
    NT_EXPECT_STATUS(CmUnRegisterCallback(one.Cookie), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmUnRegisterCallback(one.Cookie), STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(Register(&one, L"320000"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmUnRegisterCallback(one.Cookie), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmUnRegisterCallback(two.Cookie), STATUS_SUCCESS);
}

NT_TEST(RegCallback, SixtyFourAreTheLimit)
{
    WATCHER all[65];

    for (int i = 0; i < 65; ++i) {
        all[i] = Watcher('a');
        NT_EXPECT_STATUS(CmRegisterCallback(Watch, &all[i], &all[i].Cookie),
                         i < 64 ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES);
    }
    for (int i = 0; i < 64; ++i) {
        NT_EXPECT_STATUS(CmUnRegisterCallback(all[i].Cookie), STATUS_SUCCESS);
    }
}

NT_TEST(RegCallback, MemoryFailureIsReported)
{
    UNICODE_STRING altitude = RTL_CONSTANT_STRING(L"1");
    LARGE_INTEGER cookie;

    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(CmRegisterCallbackEx(Watch, &altitude, NULL, NULL, &cookie, NULL),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
}

NT_TEST(RegCallback, VersionIsThatOfWindows7AndLater)
{
    ULONG major = 9;
    ULONG minor = 9;

    CmGetCallbackVersion(&major, &minor);
    CmGetCallbackVersion(NULL, NULL);
    NT_EXPECT_EQ(major, 1);
    NT_EXPECT_EQ(minor, 1);
}

/* Every operation is told before and after, with its own classes. */
NT_TEST(RegCallback, EachOperationHasItsClasses)
{
    WATCHER a = Watcher('a');
    UNICODE_STRING value = RTL_CONSTANT_STRING(L"V");
    UCHAR buffer[256];
    char expected[64];
    ULONG length;
    HANDLE key;

#define EXPECT_CLASSES(pre, post)                                    \
    snprintf(expected, sizeof(expected), "a%d a%d ", (pre), (post)); \
    ExpectLog(expected)

    NT_EXPECT_STATUS(Register(&a, L"100"), STATUS_SUCCESS);
    key = MakeKey(PATH_SERVICES L"\\Cb");
    EXPECT_CLASSES(RegNtPreCreateKeyEx, RegNtPostCreateKeyEx);
    NT_EXPECT_STATUS(ZwSetValueKey(key, &value, 0, REG_DWORD, &length, 4), STATUS_SUCCESS);
    EXPECT_CLASSES(RegNtPreSetValueKey, RegNtPostSetValueKey);
    NT_EXPECT_STATUS(ZwQueryValueKey(key, &value, KeyValuePartialInformation, buffer, 256, &length),
                     STATUS_SUCCESS);
    EXPECT_CLASSES(RegNtPreQueryValueKey, RegNtPostQueryValueKey);
    NT_EXPECT_STATUS(ZwEnumerateValueKey(key, 0, KeyValueBasicInformation, buffer, 256, &length),
                     STATUS_SUCCESS);
    EXPECT_CLASSES(RegNtPreEnumerateValueKey, RegNtPostEnumerateValueKey);
    NT_EXPECT_STATUS(ZwDeleteValueKey(key, &value), STATUS_SUCCESS);
    EXPECT_CLASSES(RegNtPreDeleteValueKey, RegNtPostDeleteValueKey);
    NT_EXPECT_STATUS(ZwQueryKey(key, KeyBasicInformation, buffer, 256, &length), STATUS_SUCCESS);
    EXPECT_CLASSES(RegNtPreQueryKey, RegNtPostQueryKey);
    NT_EXPECT_STATUS(ZwEnumerateKey(key, 0, KeyBasicInformation, buffer, 256, &length),
                     STATUS_NO_MORE_ENTRIES);
    EXPECT_CLASSES(RegNtPreEnumerateKey, RegNtPostEnumerateKey);
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_SUCCESS);
    EXPECT_CLASSES(RegNtPreFlushKey, RegNtPostFlushKey);
    NT_EXPECT_STATUS(ZwDeleteKey(key), STATUS_SUCCESS);
    EXPECT_CLASSES(RegNtPreDeleteKey, RegNtPostDeleteKey);
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_KEY_DELETED);
    EXPECT_CLASSES(RegNtPreFlushKey, RegNtPostFlushKey);
    ZwClose(key);
    EXPECT_CLASSES(RegNtPreKeyHandleClose, RegNtPostKeyHandleClose);
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\Cb", FALSE, KEY_READ, &key),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    EXPECT_CLASSES(RegNtPreOpenKeyEx, RegNtPostOpenKeyEx);
    NT_EXPECT_STATUS(ZwFlushKey((HANDLE)0x444), STATUS_INVALID_HANDLE);
    ExpectLog("");
    NT_EXPECT_STATUS(CmUnRegisterCallback(a.Cookie), STATUS_SUCCESS);
}

NT_TEST(RegCallback, PreGoesDownThePostGoesUp)
{
    WATCHER low = Watcher('l');
    WATCHER middle = Watcher('m');
    WATCHER high = Watcher('h');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    NT_EXPECT_STATUS(Register(&middle, L"99000"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Register(&high, L"99000.5"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Register(&low, L"98999.99"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_SUCCESS);
    ExpectLog("h30 m30 l30 l31 m31 h31 ");
    CmUnRegisterCallback(middle.Cookie);
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_SUCCESS);
    ExpectLog("h30 l30 l31 h31 ");
    CmUnRegisterCallback(low.Cookie);
    CmUnRegisterCallback(high.Cookie);
    ZwClose(key);
}

NT_TEST(RegCallback, LegacyOnesStandNearTheTopInTheirOrder)
{
    WATCHER first = Watcher('1');
    WATCHER second = Watcher('2');
    WATCHER low = Watcher('l');
    WATCHER high = Watcher('h');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    NT_EXPECT_STATUS(Register(&low, L"399999"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmRegisterCallback(Watch, &first, &first.Cookie), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmRegisterCallback(Watch, &second, &second.Cookie), STATUS_SUCCESS);
    NT_EXPECT_STATUS(Register(&high, L"430000"), STATUS_SUCCESS);
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_SUCCESS);
    ExpectLog("h30 130 230 l30 l31 231 131 h31 ");
    CmUnRegisterCallback(first.Cookie);
    CmUnRegisterCallback(second.Cookie);
    CmUnRegisterCallback(low.Cookie);
    CmUnRegisterCallback(high.Cookie);
    ZwClose(key);
}

/* A refusal ends the way down; only those above hear the outcome. */
NT_TEST(RegCallback, ARefusalIsTheCallersStatus)
{
    WATCHER high = Watcher('h');
    WATCHER middle = Watcher('m');
    WATCHER low = Watcher('l');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");
    HANDLE again;

    Register(&high, L"3");
    Register(&middle, L"2");
    Register(&low, L"1");
    middle.Class = RegNtPreDeleteKey;
    middle.PreStatus = STATUS_ACCESS_DENIED;
    high.PostClass = RegNtPostDeleteKey;
    NT_EXPECT_STATUS(ZwDeleteKey(key), STATUS_ACCESS_DENIED);
    ExpectLog("h0 m0 h15 ");
    NT_EXPECT_STATUS(high.PostSaw, STATUS_ACCESS_DENIED);
    CmUnRegisterCallback(middle.Cookie);
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\Cb", FALSE, KEY_READ, &again),
                     STATUS_SUCCESS);
    ZwClose(again);
    CmUnRegisterCallback(high.Cookie);
    CmUnRegisterCallback(low.Cookie);
    ZwClose(key);
}

NT_TEST(RegCallback, ABypassIsSuccessWithoutTheOperation)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");
    HANDLE again;

    Register(&a, L"1");
    a.Class = RegNtPreDeleteKey;
    a.PreStatus = STATUS_CALLBACK_BYPASS;
    NT_EXPECT_STATUS(ZwDeleteKey(key), STATUS_SUCCESS);
    ExpectLog("a0 ");
    CmUnRegisterCallback(a.Cookie);
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\Cb", FALSE, KEY_READ, &again),
                     STATUS_SUCCESS);
    ZwClose(again);
    ZwClose(key);
}

NT_TEST(RegCallback, APostReturnStatusCountsWithBypassOnly)
{
    WATCHER high = Watcher('h');
    WATCHER low = Watcher('l');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    Register(&high, L"2");
    Register(&low, L"1");
    high.PostClass = low.PostClass = RegNtPostFlushKey;
    low.ReturnStatus = STATUS_REGISTRY_IO_FAILED;
    low.PostStatus = STATUS_UNSUCCESSFUL; /* not BYPASS: ignored */
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_SUCCESS);
    low.PostStatus = STATUS_CALLBACK_BYPASS;
    high.ReturnStatus = STATUS_UNSUCCESSFUL;
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_REGISTRY_IO_FAILED);
    NT_EXPECT_STATUS(high.PostSaw, STATUS_REGISTRY_IO_FAILED);
    CmUnRegisterCallback(high.Cookie);
    CmUnRegisterCallback(low.Cookie);
    ZwClose(key);
}

/* ---- creates and opens ---- */

static REG_CREATE_KEY_INFORMATION_V1 SeenCreate;
static WCHAR SeenComplete[128];
static WCHAR SeenRemaining[128];
static PVOID Replacement;

static void
CopyText(WCHAR *Target, PCUNICODE_STRING Text)
{
    memcpy(Target, Text->Buffer, Text->Length);
    Target[Text->Length / 2] = 0;
}

static void
LookAtCreate(WATCHER *Watcher, REG_NOTIFY_CLASS Class, PVOID Argument)
{
    REG_CREATE_KEY_INFORMATION_V1 *create = Argument;

    if (Class == RegNtPreCreateKeyEx || Class == RegNtPreOpenKeyEx) {
        SeenCreate = *create;
        CopyText(SeenComplete, create->CompleteName);
        CopyText(SeenRemaining, create->RemainingName);
        if (Replacement != NULL) {
            ObReferenceObject(Replacement);
            *create->ResultObject = Replacement;
            create->GrantedAccess = KEY_QUERY_VALUE;
            *create->Disposition = REG_CREATED_NEW_KEY;
        }
    }
}

static PVOID
ObjectOf(HANDLE Key)
{
    PVOID object;

    NT_EXPECT_STATUS(ObReferenceObjectByHandle(Key, 0, *CmKeyObjectType, KernelMode, &object, NULL),
                     STATUS_SUCCESS);
    ObDereferenceObject(object);
    return object;
}

NT_TEST(RegCallback, ACreateIsDescribed)
{
    WATCHER a = Watcher('a');
    HANDLE parent = MakeKey(PATH_SERVICES L"\\Cb");
    PCUNICODE_STRING name;
    HANDLE child;

    a.Inside = LookAtCreate;
    a.PostClass = RegNtPostCreateKeyEx;
    a.PostStatus = STATUS_SUCCESS;
    Register(&a, L"1");
    NT_EXPECT_STATUS(CmTestOpen(parent, L"Child", TRUE, KEY_ALL_ACCESS, &child), STATUS_SUCCESS);
    NT_EXPECT_WSTR(SeenComplete, L"Child");
    NT_EXPECT_WSTR(SeenRemaining, L"Child");
    NT_EXPECT_EQ(SeenCreate.RootObject, ObjectOf(parent));
    NT_EXPECT_EQ(SeenCreate.Version, 1);
    NT_EXPECT_EQ(SeenCreate.DesiredAccess, KEY_ALL_ACCESS);
    NT_EXPECT_EQ(SeenCreate.Attributes, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE);
    NT_EXPECT_EQ(SeenCreate.CheckAccessMode, KernelMode);
    NT_EXPECT_EQ(a.PostObject, ObjectOf(child));
    ZwClose(child);
    child = MakeKey(PATH_SERVICES L"\\Cb\\Child");
    NT_EXPECT_WSTR(SeenComplete, PATH_SERVICES L"\\Cb\\Child");
    NT_EXPECT_WSTR(SeenRemaining, L"Machine\\System\\CurrentControlSet\\Services\\Cb\\Child");
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectIDEx(&a.Cookie, SeenCreate.RootObject, NULL, &name, 0),
                     STATUS_SUCCESS);
    NT_EXPECT_WSTR(name->Buffer, L"\\Registry");
    CmCallbackReleaseKeyObjectIDEx(name);
    ZwClose(child);
    a.PostClass = RegNtPostOpenKeyEx;
    NT_EXPECT_STATUS(CmTestOpen(parent, L"None", FALSE, KEY_READ, &child),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    NT_EXPECT_EQ(a.PostObject, NULL);
    NT_EXPECT_STATUS(a.PostSaw, STATUS_OBJECT_NAME_NOT_FOUND);
    CmUnRegisterCallback(a.Cookie);
    ZwClose(parent);
}

/* A callback that takes an open over gives the object, the access and the disposition. */
NT_TEST(RegCallback, AnOpenCanBeRedirected)
{
    WATCHER a = Watcher('a');
    HANDLE real = MakeKey(PATH_SERVICES L"\\Real");
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name = RTL_CONSTANT_STRING(PATH_SERVICES L"\\Other");
    UCHAR buffer[128];
    KEY_BASIC_INFORMATION *basic = (KEY_BASIC_INFORMATION *)buffer;
    ULONG disposition = 0;
    ULONG length;
    HANDLE key;

    a.Inside = LookAtCreate;
    a.Class = RegNtPreCreateKeyEx;
    a.PreStatus = STATUS_CALLBACK_BYPASS;
    Register(&a, L"1");
    Replacement = ObjectOf(real);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    NT_EXPECT_STATUS(ZwCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0, NULL, 0, &disposition),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(disposition, REG_CREATED_NEW_KEY);
    NT_EXPECT_STATUS(ZwQueryKey(key, KeyBasicInformation, buffer, sizeof(buffer), &length),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(basic->Name[0], L'R');
    Replacement = NULL;
    CmUnRegisterCallback(a.Cookie);
    ZwClose(key);
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\Other", FALSE, KEY_READ, &key),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    ZwClose(real);
}

NT_TEST(RegCallback, ABypassedOpenWithoutAnObjectIsABugcheck)
{
    WATCHER a = Watcher('a');
    HANDLE key;

    a.Class = RegNtPreOpenKeyEx;
    a.PreStatus = STATUS_CALLBACK_BYPASS;
    Register(&a, L"1");
    NT_EXPECT_BUGCHECK(0x135, CmTestOpen(NULL, PATH_SERVICES, FALSE, KEY_READ, &key));
}

/* Success made a failure: the key object goes, the key stays. */
NT_TEST(RegCallback, APostCanRefuseACreate)
{
    WATCHER a = Watcher('a');
    LONG before = ObpObjectsInUse(*CmKeyObjectType);
    HANDLE key;

    a.PostClass = RegNtPostCreateKeyEx;
    a.PostStatus = STATUS_CALLBACK_BYPASS;
    a.ReturnStatus = STATUS_ACCESS_DENIED;
    Register(&a, L"1");
    NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\Cb", TRUE, KEY_ALL_ACCESS, &key),
                     STATUS_ACCESS_DENIED);
    NT_EXPECT_EQ(ObpObjectsInUse(*CmKeyObjectType), before);
    CmUnRegisterCallback(a.Cookie);
}

/* ---- contexts ---- */

NT_TEST(RegCallback, CallContextsAreKeptPerCallback)
{
    WATCHER high = Watcher('h');
    WATCHER low = Watcher('l');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    high.Class = low.Class = RegNtPreFlushKey;
    high.PostClass = low.PostClass = RegNtPostFlushKey;
    high.CallContext = (PVOID)0x111;
    low.CallContext = (PVOID)0x222;
    Register(&high, L"2");
    Register(&low, L"1");
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_SUCCESS);
    NT_EXPECT_EQ(high.SeenCallContext, 0x111);
    NT_EXPECT_EQ(low.SeenCallContext, 0x222);
    CmUnRegisterCallback(high.Cookie);
    CmUnRegisterCallback(low.Cookie);
    ZwClose(key);
}

NT_TEST(RegCallback, ObjectContextsComeWithEachCallAndAreCleanedUpAtClose)
{
    WATCHER high = Watcher('h');
    WATCHER low = Watcher('l');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");
    PVOID object = ObjectOf(key);
    PVOID old = &old;

    Register(&high, L"2");
    Register(&low, L"1");
    high.PostClass = low.PostClass = RegNtPostFlushKey;
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(object, &high.Cookie, (PVOID)0x10, &old),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(old, NULL);
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(object, &low.Cookie, (PVOID)0x20, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(object, &low.Cookie, (PVOID)0x21, &old),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(old, 0x20);
    ZwFlushKey(key);
    NT_EXPECT_EQ(high.SeenObjectContext, 0x10);
    NT_EXPECT_EQ(low.SeenObjectContext, 0x21);
    NT_EXPECT_EQ(high.CleanedContext, NULL);
    ZwClose(key);
    NT_EXPECT_EQ(high.CleanedContext, 0x10);
    NT_EXPECT_EQ(low.CleanedContext, 0x21);
    CmUnRegisterCallback(high.Cookie);
    CmUnRegisterCallback(low.Cookie);
}

NT_TEST(RegCallback, ContextsAreCleanedUpAtUnregister)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");
    HANDLE other = MakeKey(PATH_SERVICES L"\\Cb");
    PVOID old;

    Register(&a, L"1");
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(ObjectOf(key), &a.Cookie, (PVOID)0x10, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(ObjectOf(other), &a.Cookie, (PVOID)0x30, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(ObjectOf(other), &a.Cookie, NULL, &old),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(old, 0x30);
    NT_EXPECT_STATUS(CmUnRegisterCallback(a.Cookie), STATUS_SUCCESS);
    ExpectLog("a40 ");
    NT_EXPECT_EQ(a.CleanedContext, 0x10);
    ZwClose(key);
    ZwClose(other);
    ExpectLog("");
}

NT_TEST(RegCallback, ContextErrors)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");
    LARGE_INTEGER wrong = {.QuadPart = 0x5555};
    PCUNICODE_STRING name;
    ULONG_PTR id;

    Register(&a, L"1");
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(ObjectOf(key), &wrong, &a, NULL),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(NULL, &a.Cookie, &a, NULL),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(PsInitialSystemProcess, &a.Cookie, &a, NULL),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectIDEx(&wrong, ObjectOf(key), &id, &name, 0),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectIDEx(&a.Cookie, NULL, &id, &name, 0),
                     STATUS_INVALID_PARAMETER);
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectIDEx(&a.Cookie, ObjectOf(key), &id, &name, 1),
                     STATUS_INVALID_PARAMETER);
    SimSetFaultPlan("pool", 1);
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(ObjectOf(key), &a.Cookie, &a, NULL),
                     STATUS_INSUFFICIENT_RESOURCES);
    SimSetFaultPlan(NULL, 0);
    CmUnRegisterCallback(a.Cookie);
    ZwClose(key);
}

/* ---- identity ---- */

NT_TEST(RegCallback, ObjectsOfOneKeyHaveOneIdAndName)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");
    HANDLE same = MakeKey(PATH_SERVICES L"\\cb");
    HANDLE other = MakeKey(PATH_SERVICES L"\\Cb2");
    PCUNICODE_STRING name;
    PCUNICODE_STRING again;
    ULONG_PTR first;
    ULONG_PTR id;

    Register(&a, L"1");
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectIDEx(&a.Cookie, ObjectOf(key), &first, &name, 0),
                     STATUS_SUCCESS);
    NT_EXPECT_WSTR(name->Buffer, PATH_SERVICES L"\\Cb");
    CmCallbackReleaseKeyObjectIDEx(name);
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectIDEx(&a.Cookie, ObjectOf(same), &id, NULL, 0),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(id, first);
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectIDEx(&a.Cookie, ObjectOf(other), &id, NULL, 0),
                     STATUS_SUCCESS);
    NT_EXPECT_NE(id, first);
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectID(&a.Cookie, ObjectOf(key), &id, &name),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectID(&a.Cookie, ObjectOf(key), NULL, &again),
                     STATUS_SUCCESS);
    NT_EXPECT_EQ(name, again);
    NT_EXPECT_WSTR(name->Buffer, PATH_SERVICES L"\\Cb");
    ZwDeleteKey(other);
    NT_EXPECT_STATUS(CmCallbackGetKeyObjectIDEx(&a.Cookie, ObjectOf(other), NULL, &name, 0),
                     STATUS_KEY_DELETED);
    NT_EXPECT_EQ(CmGetBoundTransaction(&a.Cookie, ObjectOf(key)), NULL);
    CmUnRegisterCallback(a.Cookie);
    ZwClose(key);
    ZwClose(same);
    ZwClose(other);
}

/* Each name is the caller's own and takes memory until it is given back. */
NT_TEST(RegCallback, ReleasingANameFreesIt)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");
    EXP_POOL_STATISTICS before;
    EXP_POOL_STATISTICS now;
    PCUNICODE_STRING names[3];

    Register(&a, L"1");
    ExpQueryPoolStatistics(&before);
    for (ULONG i = 0; i < RTL_NUMBER_OF(names); i++) {
        NT_EXPECT_STATUS(CmCallbackGetKeyObjectIDEx(&a.Cookie, ObjectOf(key), NULL, &names[i], 0),
                         STATUS_SUCCESS);
        ExpQueryPoolStatistics(&now);
        NT_EXPECT_EQ(now.BlocksInUse, before.BlocksInUse + i + 1);
    }
    CmCallbackReleaseKeyObjectIDEx(names[1]);
    NT_EXPECT_WSTR(names[0]->Buffer, PATH_SERVICES L"\\Cb");
    NT_EXPECT_WSTR(names[2]->Buffer, PATH_SERVICES L"\\Cb");
    CmCallbackReleaseKeyObjectIDEx(names[0]);
    CmCallbackReleaseKeyObjectIDEx(names[2]);
    ExpQueryPoolStatistics(&now);
    NT_EXPECT_EQ(now.BlocksInUse, before.BlocksInUse);
    NT_EXPECT_BUGCHECK(BAD_POOL_CALLER, CmCallbackReleaseKeyObjectIDEx(names[0]));
}

NT_TEST(RegCallback, KeyObjectsHaveNamesForObQueryNameString)
{
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");
    UCHAR buffer[256];
    OBJECT_NAME_INFORMATION *name = (OBJECT_NAME_INFORMATION *)buffer;
    ULONG length;

    NT_EXPECT_STATUS(ObQueryNameString(ObjectOf(key), name, sizeof(buffer), &length),
                     STATUS_SUCCESS);
    NT_EXPECT_WSTR(name->Name.Buffer, PATH_SERVICES L"\\Cb");
    ZwClose(key);
}

/* ---- calls from inside ---- */

static void
OpenInside(WATCHER *Watcher, REG_NOTIFY_CLASS Class, PVOID Argument)
{
    HANDLE key;

    if (Class == RegNtPreFlushKey || Class == RegNtPostFlushKey) {
        NT_EXPECT_STATUS(CmTestOpen(NULL, PATH_SERVICES L"\\None", FALSE, KEY_READ, &key),
                         STATUS_OBJECT_NAME_NOT_FOUND);
    }
}

/* A call made inside a callback is told below it only: no loop, and the lower ones miss nothing. */
NT_TEST(RegCallback, NestedCallsGoToLowerOnes)
{
    WATCHER high = Watcher('h');
    WATCHER middle = Watcher('m');
    WATCHER low = Watcher('l');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    middle.Inside = OpenInside;
    Register(&high, L"3");
    Register(&middle, L"2");
    Register(&low, L"1");
    NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_SUCCESS);
    ExpectLog("h30 m30 l28 l29 l30 l31 m31 l28 l29 h31 ");
    CmUnRegisterCallback(high.Cookie);
    CmUnRegisterCallback(middle.Cookie);
    CmUnRegisterCallback(low.Cookie);
    ZwClose(key);
}

static void
UnregisterInside(WATCHER *Watcher, REG_NOTIFY_CLASS Class, PVOID Argument)
{
    CmUnRegisterCallback(Watcher->Cookie);
}

NT_TEST(RegCallback, UnregisteringFromInsideIsABugcheck)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    a.Inside = UnregisterInside;
    Register(&a, L"1");
    NT_EXPECT_BUGCHECK(0xC4, ZwFlushKey(key));
}

static void
RaiseInside(WATCHER *Watcher, REG_NOTIFY_CLASS Class, PVOID Argument)
{
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
}

NT_TEST(RegCallback, ReturningAtRaisedIrqlIsABugcheck)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    a.Inside = RaiseInside;
    Register(&a, L"1");
    NT_EXPECT_BUGCHECK(IRQL_UNEXPECTED_VALUE, ZwFlushKey(key));
}

/* ---- races ---- */

static LONG InsideNow;
static LONG Gone;
static LONG Calls;

static void
CountInside(WATCHER *Watcher, REG_NOTIFY_CLASS Class, PVOID Argument)
{
    NT_EXPECT_EQ(__atomic_load_n(&Gone, __ATOMIC_ACQUIRE), 0);
    __atomic_fetch_add(&InsideNow, 1, __ATOMIC_ACQ_REL);
    HalpYield();
    __atomic_fetch_add(&Calls, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&InsideNow, 1, __ATOMIC_ACQ_REL);
}

static VOID NTAPI
FlushOften(PVOID Context)
{
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    for (int i = 0; i < 20; ++i) {
        NT_EXPECT_STATUS(ZwFlushKey(key), STATUS_SUCCESS);
    }
    ZwClose(key);
}

NT_TEST_SEEDS(RegCallback, UnregisterWaitsForRunningCalls, 30)
{
    WATCHER a = Watcher('a');
    WATCHER b = Watcher('b');
    PETHREAD threads[2];

    a.Inside = CountInside;
    a.Quiet = b.Quiet = TRUE;
    Register(&a, L"2");
    Register(&b, L"1");
    for (int i = 0; i < 2; ++i) {
        NT_EXPECT_STATUS(PspCreateReferencedSystemThread(FlushOften, NULL, &threads[i]),
                         STATUS_SUCCESS);
    }
    while (__atomic_load_n(&Calls, __ATOMIC_RELAXED) < 5) {
        HalpYield();
    }
    NT_EXPECT_STATUS(CmUnRegisterCallback(a.Cookie), STATUS_SUCCESS);
    NT_EXPECT_EQ(__atomic_load_n(&InsideNow, __ATOMIC_ACQUIRE), 0);
    __atomic_store_n(&Gone, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; ++i) {
        KeWaitForSingleObject(threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(threads[i]);
    }
    NT_EXPECT_STATUS(CmUnRegisterCallback(b.Cookie), STATUS_SUCCESS);
}

/* A context is cleaned up exactly once, whether the handle or the registration goes first. */
static LONG Cleaned;

static void
CountCleanUps(WATCHER *Watcher, REG_NOTIFY_CLASS Class, PVOID Argument)
{
    if (Class == RegNtCallbackObjectContextCleanup) {
        __atomic_fetch_add(&Cleaned, 1, __ATOMIC_RELAXED);
    }
}

static VOID NTAPI
CloseKey(PVOID Context)
{
    ZwClose(Context);
}

NT_TEST_SEEDS(RegCallback, CloseAndUnregisterCleanUpOnce, 40)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");
    PETHREAD thread;

    a.Inside = CountCleanUps;
    a.Quiet = TRUE;
    Register(&a, L"2");
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(ObjectOf(key), &a.Cookie, &a, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_STATUS(PspCreateReferencedSystemThread(CloseKey, key, &thread), STATUS_SUCCESS);
    NT_EXPECT_STATUS(CmUnRegisterCallback(a.Cookie), STATUS_SUCCESS);
    KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(thread);
    NT_EXPECT_EQ(Cleaned, 1);
}

/* ---- the unload audit ---- */

NT_TEST(RegCallback, CallbacksOfAnImageAreFoundAndRemoved)
{
    WATCHER a = Watcher('a');
    const char *kind = NULL;

    Register(&a, L"2");
    NT_EXPECT_EQ(PspCountNotifyRoutinesInRange((ULONG_PTR)Watch + 1, 16, NULL), 0);
    NT_EXPECT_EQ(PspCountNotifyRoutinesInRange((ULONG_PTR)Watch, 16, &kind), 1);
    NT_EXPECT_STR(kind, "registry callback");
    NT_EXPECT_EQ(PspRemoveNotifyRoutinesInRange((ULONG_PTR)Watch, 16), 1);
    NT_EXPECT_STATUS(CmUnRegisterCallback(a.Cookie), STATUS_INVALID_PARAMETER);
}

/* ---- a cookie that the first call already needs ---- */

static LARGE_INTEGER EarlyCookie;
static LONG EarlyCalls;

static NTSTATUS NTAPI
NeedCookie(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    NT_EXPECT_NE(EarlyCookie.QuadPart, 0);
    __atomic_fetch_add(&EarlyCalls, 1, __ATOMIC_RELAXED);
    return STATUS_SUCCESS;
}

NT_TEST_SEEDS(RegCallback, TheCookieIsThereBeforeTheFirstCall, 60)
{
    UNICODE_STRING altitude = RTL_CONSTANT_STRING(L"1");
    HANDLE thread;

    EarlyCookie.QuadPart = 0;
    NT_EXPECT_STATUS(
        PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, FlushOften, NULL),
        STATUS_SUCCESS);
    for (ULONG turns = (ULONG)NtTestSeed() % 20; turns > 0; --turns) {
        HalpYield();
    }
    NT_EXPECT_STATUS(CmRegisterCallbackEx(NeedCookie, &altitude, NULL, NULL, &EarlyCookie, NULL),
                     STATUS_SUCCESS);
    ZwWaitForSingleObject(thread, FALSE, NULL);
    ZwClose(thread);
    NT_EXPECT_STATUS(CmUnRegisterCallback(EarlyCookie), STATUS_SUCCESS);
}

static void
UnregisterInCleanUp(WATCHER *Watcher, REG_NOTIFY_CLASS Class, PVOID Argument)
{
    if (Class == RegNtCallbackObjectContextCleanup) {
        CmUnRegisterCallback(Watcher->Cookie);
    }
}

NT_TEST(RegCallback, UnregisteringFromInsideACleanUpIsABugcheck)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    a.Inside = UnregisterInCleanUp;
    Register(&a, L"1");
    NT_EXPECT_STATUS(CmSetCallbackObjectContext(ObjectOf(key), &a.Cookie, (PVOID)0x10, NULL),
                     STATUS_SUCCESS);
    NT_EXPECT_BUGCHECK(0xC4, ZwClose(key));
}

static void
RaiseToApcLevel(WATCHER *Watcher, REG_NOTIFY_CLASS Class, PVOID Argument)
{
    KIRQL irql;

    KeRaiseIrql(APC_LEVEL, &irql);
}

NT_TEST(RegCallback, ReturningAtApcLevelIsABugcheckToo)
{
    WATCHER a = Watcher('a');
    HANDLE key = MakeKey(PATH_SERVICES L"\\Cb");

    a.Inside = RaiseToApcLevel;
    Register(&a, L"1");
    NT_EXPECT_BUGCHECK(IRQL_UNEXPECTED_VALUE, ZwFlushKey(key));
}
