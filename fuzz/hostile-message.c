/* SPDX-License-Identifier: MIT
 *
 * fuzz/hostile-message.c - calls that are nearly right, from the list of the services
 *
 * An argument is mostly what its type asks for: a handle that was once given out, a name that
 * exists, a pointer to memory that is there, described to the host by a range. Each of these is now
 * and then something else: a stranger's address, a number at the edge, a range that lies.
 */
#include "hostile.h"

#include <string.h>

typedef enum HOSTILE_KIND {
    KindWord,
    KindHandle,
    KindOutHandle,
    KindAttributes,
    KindString,
    KindTime,
    KindHandles,
    KindClientId,
    KindText,
    KindOut,
    KindBuffer,
    KindLength,
    KindCode,
    KindAccess,
    KindClass,
    KindCount,
    KindFlags,
    KindSmall
} HOSTILE_KIND;

typedef struct HOSTILE_SERVICE {
    const char *Name;
    uint32_t Count;
    uint8_t Kinds[LPC_MAX_ARGUMENTS];
} HOSTILE_SERVICE;

static const HOSTILE_SERVICE Services[] = {
#define X(name, count, ...) {#name, count, {__VA_ARGS__}},
#include "lpc-kinds.inc"
#undef X
};

#define SERVICE_COUNT ((uint32_t)(sizeof(Services) / sizeof(Services[0])))
#define THREAD_SCRATCH (HOSTILE_SCRATCH / HOSTILE_THREADS) /* a thread's share */
#define PIECE 256u                                         /* of scratch, for one structure */
#define BUFFER 8192u                                       /* for data, behind the pieces */

/* A request that is being made up. */
typedef struct HOSTILE_MAKING {
    HOSTILE_SESSION *Session;
    HOSTILE_RANDOM *Random;
    LPC_CHANNEL *Channel;
    LPC_REQUEST Request;
    uint8_t *Scratch; /* the thread's */
    uint32_t Pieces;  /* taken */
    uint32_t Used;    /* bytes of Data */
} HOSTILE_MAKING;

const char *
HostileServiceName(uint32_t Service)
{
    return Service < SERVICE_COUNT ? Services[Service].Name : "?";
}

uint32_t
HostileFindService(const char *Name)
{
    uint32_t i = 0;

    while (i < SERVICE_COUNT && strcmp(Services[i].Name, Name) != 0) {
        ++i;
    }
    return i;
}

/* ---- addresses ---- */

static uint8_t *
TakePiece(HOSTILE_MAKING *Making)
{
    return Making->Scratch + (Making->Pieces++ % 32) * PIECE;
}

/* Anything but what was asked for. */
static uint64_t
StrangeAddress(HOSTILE_MAKING *Making)
{
    HOSTILE_SESSION *session = Making->Session;
    HOSTILE_RANDOM *random = Making->Random;
    uint64_t arena = (uint64_t)(uintptr_t)session->Arena;
    uint64_t slice = 2 * session->ArenaSize + session->ZoneSize;
    uint64_t near = HostileBelow(random, 0x3000);

    switch (HostileBelow(random, 14)) {
    case 0:
        return 0;
    case 1:
        return near; /* the first pages */
    case 2:
        return arena + session->ArenaSize - 0x1000 + near; /* where the zone begins */
    case 3:
        return arena + session->ArenaSize + (near << 4);
    case 4:
        return arena + session->ArenaSize + session->ZoneSize - 0x1800 + near; /* the alias */
    case 5:
        return arena + session->ArenaSize + session->ZoneSize + (near << 4);
    case 6:
        return arena + slice - 0x1800 + near; /* the neighbour's arena */
    case 7:
        return arena - 0x1800 + near;
    case 8:
        return 0xFFFF800000000000ull + (near << 12);
    case 9:
        return 0x7FFFFFFFF000ull - 0x1800 + near;
    case 10:
        return ~near;
    case 11:
        return (uint64_t)(uintptr_t)Making->Scratch + THREAD_SCRATCH - near;
    case 12: /* behind all scratch: a page to read, then none */
        return (uint64_t)(uintptr_t)session->Scratch + HOSTILE_SCRATCH - 0x1000 + near;
    default:
        return HostileNext(random);
    }
}

/* Memory that can be written: foreign, or shared. */
static uint64_t
DataAddress(HOSTILE_MAKING *Making)
{
    HOSTILE_SESSION *session = Making->Session;
    uint32_t offset = HostileBelow(Making->Random, 0x2000);

    if (HostileOnce(Making->Random, 12)) {
        return StrangeAddress(Making);
    }
    if (session->Arena != NULL && HostileOnce(Making->Random, 3)) {
        return (uint64_t)(uintptr_t)session->Arena + HostileBelow(Making->Random, 4) * 0x4000 +
               offset;
    }
    return (uint64_t)(uintptr_t)Making->Scratch + BUFFER + offset;
}

/* ---- ranges ---- */

static int
IsScratch(const HOSTILE_MAKING *Making, uint64_t Address, uint64_t Length)
{
    uint64_t offset = Address - (uint64_t)(uintptr_t)Making->Scratch;

    return offset < THREAD_SCRATCH && Length <= THREAD_SCRATCH - offset;
}

/* Describes [Address, Address + Length) to the host, mostly as it is. */
static void
AddRange(HOSTILE_MAKING *Making, uint64_t Address, uint32_t Length, int IsOut)
{
    LPC_REQUEST *request = &Making->Request;
    uint32_t *count = IsOut ? &request->OutCount : &request->InCount;
    HOSTILE_RANDOM *random = Making->Random;
    LPC_RANGE range = {.Address = Address, .Length = Length, .Offset = LPC_NO_DATA};

    if (*count == LPC_MAX_RANGES || HostileOnce(random, 6) || !IsScratch(Making, Address, Length)) {
        return;
    }
    if (Length <= LPC_DATA_SIZE - Making->Used) {
        range.Offset = Making->Used;
        Making->Used += (Length + 15) & ~15u;
        Making->Used = Making->Used > LPC_DATA_SIZE ? LPC_DATA_SIZE : Making->Used;
        if (!IsOut) {
            memcpy(Making->Channel->Data + range.Offset, (const void *)(uintptr_t)Address, Length);
        }
    } else if (!IsOut) {
        return;
    }
    range.Flags = IsOut && !HostileOnce(random, 16) ? LPC_RANGE_WRITABLE : 0;
    (IsOut ? request->Out : request->In)[(*count)++] = range;
}

/* ---- structures ---- */

static uint64_t
AnyHandle(HOSTILE_MAKING *Making)
{
    HOSTILE_RANDOM *random = Making->Random;
    uint32_t choice = HostileBelow(random, 32);

    switch (choice) {
    case 0:
        return ~0ull; /* this process */
    case 1:
        return ~1ull; /* this thread */
    case 2:
        return HostileNext(random);
    case 3:
        return 0xFFFFFFFF80000000ull + 4 * HostileBelow(random, 64);
    case 4:
        return 4 * HostileBelow(random, 512);
    case 5:
        return 0;
    default:
        return __atomic_load_n(&Making->Session->Handles[HostileBelow(random, HOSTILE_HANDLES)],
                               __ATOMIC_RELAXED);
    }
}

static void
PutWord(uint8_t *Place, uint32_t Offset, uint64_t Value, uint32_t Size)
{
    memcpy(Place + Offset, &Value, Size); /* little endian, as both sides are */
}

/* A UNICODE_STRING: Length, MaximumLength, Buffer. */
static uint64_t
MakeString(HOSTILE_MAKING *Making)
{
    static const char *const names[] = {"\\??\\NtboxIoTest",
                                        "\\??\\NtboxIoTestDirect",
                                        "\\??\\NtboxIoTestNeither",
                                        "\\??\\NtboxIoTestExclusive",
                                        "\\??\\NtboxSharePage",
                                        "\\Device\\NtboxIoTest",
                                        "\\??\\NtboxIoTest\\name",
                                        "\\??\\NtboxIoTest",
                                        "\\??\\NtboxIoTestDirect",
                                        "\\??\\NtboxIoTestNeither",
                                        "\\BaseNamedObjects\\h1",
                                        "\\BaseNamedObjects\\h2",
                                        "\\BaseNamedObjects",
                                        "\\Device",
                                        "\\",
                                        "",
                                        "\\??\\Z:\\etc\\passwd",
                                        "\\??\\Z:\\dev\\zero",
                                        "\\Registry\\Machine\\Software",
                                        "\\Registry\\Machine\\Software\\h",
                                        "\\Registry\\Machine\\System\\CurrentControlSet",
                                        "\\Registry\\User",
                                        "value",
                                        "h",
                                        "\\KnownDlls",
                                        "\\ObjectTypes",
                                        "\\GLOBAL??\\h",
                                        "\\??\\h",
                                        "\\\\",
                                        "\\??\\NtboxIoTest\\\\name\\",
                                        "\\Driver"};
    HOSTILE_RANDOM *random = Making->Random;
    uint8_t *string = TakePiece(Making);
    uint8_t *text = TakePiece(Making);
    const char *name = names[HostileBelow(random, sizeof(names) / sizeof(names[0]))];
    uint32_t length = 0;
    uint64_t address = (uint64_t)(uintptr_t)text;

    for (; name[length] != '\0'; length++) {
        PutWord(text, 2 * length, (uint8_t)name[length], 2);
    }
    if (HostileOnce(random, 40)) {
        PutWord(text, 2 * HostileBelow(random, length + 1), HostileNext(random), 2);
    }
    PutWord(string, 0, HostileOnce(random, 40) ? HostileNext(random) : 2 * length, 2);
    PutWord(string, 2, HostileOnce(random, 20) ? HostileNext(random) : 2 * length + 2, 2);
    PutWord(string, 4, 0, 4);
    PutWord(string, 8, HostileOnce(random, 40) ? StrangeAddress(Making) : address, 8);
    AddRange(Making, (uint64_t)(uintptr_t)string, 16, 0);
    AddRange(Making, address, 2 * length, 0);
    return (uint64_t)(uintptr_t)string;
}

/* OBJECT_ATTRIBUTES: Length, RootDirectory, ObjectName, Attributes, two pointers. */
static uint64_t
MakeAttributes(HOSTILE_MAKING *Making)
{
    HOSTILE_RANDOM *random = Making->Random;
    uint8_t *place = TakePiece(Making);
    uint64_t name = HostileOnce(random, 8) ? 0 : MakeString(Making);

    memset(place, 0, 48);
    PutWord(place, 0, HostileOnce(random, 40) ? HostileNext(random) : 48, 4);
    PutWord(place, 8, HostileOnce(random, 12) ? AnyHandle(Making) : 0, 8);
    PutWord(place, 16, HostileOnce(random, 40) ? StrangeAddress(Making) : name, 8);
    PutWord(place, 24, HostileOnce(random, 12) ? HostileNext(random) : 0x40, 4);
    if (HostileOnce(random, 20)) {
        PutWord(place, 32, StrangeAddress(Making), 8);
        PutWord(place, 40, StrangeAddress(Making), 8);
    }
    AddRange(Making, (uint64_t)(uintptr_t)place, 48, 0);
    return (uint64_t)(uintptr_t)place;
}

/* A time-out: short, so that most calls come back; now and then for ever. */
static uint64_t
MakeTime(HOSTILE_MAKING *Making)
{
    HOSTILE_RANDOM *random = Making->Random;
    uint8_t *place = TakePiece(Making);
    int64_t time = HostileOnce(random, 4) ? -(int64_t)HostileBelow(random, 20000)
                                          : (int64_t)HostileBelow(random, 128);

    if (HostileOnce(random, 200)) {
        return 0;
    }
    if (HostileOnce(random, 200)) {
        time = (int64_t)HostileNext(random);
    }
    PutWord(place, 0, (uint64_t)time, 8);
    AddRange(Making, (uint64_t)(uintptr_t)place, 8, 0);
    return (uint64_t)(uintptr_t)place;
}

static uint64_t
MakeHandles(HOSTILE_MAKING *Making)
{
    uint8_t *place = TakePiece(Making);

    for (uint32_t i = 0; i < PIECE / 8; i++) {
        PutWord(place, 8 * i, AnyHandle(Making), 8);
    }
    AddRange(Making, (uint64_t)(uintptr_t)place, PIECE, 0);
    return (uint64_t)(uintptr_t)place;
}

static uint64_t
MakeClientId(HOSTILE_MAKING *Making)
{
    HOSTILE_RANDOM *random = Making->Random;
    uint8_t *place = TakePiece(Making);

    PutWord(place, 0, HostileOnce(random, 2) ? 0 : HostileBelow(random, 40000), 8);
    PutWord(place, 8, HostileOnce(random, 2) ? 0 : HostileBelow(random, 40000), 8);
    AddRange(Making, (uint64_t)(uintptr_t)place, 16, 0);
    return (uint64_t)(uintptr_t)place;
}

static uint64_t
MakeOut(HOSTILE_MAKING *Making, uint32_t Size)
{
    uint64_t place = (uint64_t)(uintptr_t)TakePiece(Making);

    AddRange(Making, place, Size, 1);
    return place;
}

/* ---- numbers ---- */

static uint64_t
AnyLength(HOSTILE_RANDOM *Random)
{
    switch (HostileBelow(Random, 40)) {
    case 0:
        return (uint32_t)HostileNext(Random);
    case 1:
        return 0xFFFFFFFFull - HostileBelow(Random, 0x2000);
    case 2:
        return HostileBelow(Random, 0x400000);
    case 3:
        return 0x1000 * HostileBelow(Random, 16);
    default:
        return HostileBelow(Random, HostileOnce(Random, 2) ? 64 : 4096);
    }
}

/* The control codes of the test driver's, or of nobody's. */
static uint64_t
AnyCode(HOSTILE_RANDOM *Random)
{
    uint32_t function = HostileBelow(Random, 12);
    static const uint32_t methods[12] = {0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint32_t access[12] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0};

    if (HostileOnce(Random, 20)) {
        return HostileNext(Random);
    }
    if (HostileOnce(Random, 20)) {
        return 0x222400; /* a page of a driver's, into the client */
    }
    if (function == 6 && !HostileOnce(Random, 4)) {
        function = HostileBelow(Random, 4); /* what pends costs time */
    }
    return 0x220000u | access[function] << 14 | (0x800 + function) << 2 | methods[function];
}

static uint64_t
AnyAccess(HOSTILE_RANDOM *Random)
{
    static const uint32_t masks[] = {0xC0100000, 0x10000000, 0x02000000, 0x00100003,
                                     0x001F03FF, 0x001FFFFF, 0x80000000};

    return HostileOnce(Random, 6) ? HostileNext(Random)
                                  : masks[HostileBelow(Random, sizeof(masks) / sizeof(masks[0]))];
}

static uint64_t
AnyFlags(HOSTILE_RANDOM *Random)
{
    static const uint32_t flags[] = {0, 0, 0, 0x20, 0x10, 0x60, 1, 2, 3, 4, 0x40, 0x8000000};

    return HostileOnce(Random, 12) ? HostileNext(Random)
                                   : flags[HostileBelow(Random, sizeof(flags) / sizeof(flags[0]))];
}

static uint64_t
MakeArgument(HOSTILE_MAKING *Making, HOSTILE_KIND Kind)
{
    HOSTILE_RANDOM *random = Making->Random;

    switch (Kind) {
    case KindHandle:
        return AnyHandle(Making);
    case KindOutHandle:
        return MakeOut(Making, 8);
    case KindAttributes:
        return MakeAttributes(Making);
    case KindString:
        return MakeString(Making);
    case KindTime:
        return MakeTime(Making);
    case KindHandles:
        return MakeHandles(Making);
    case KindClientId:
        return MakeClientId(Making);
    case KindText:
        return MakeString(Making) + PIECE;
    case KindOut:
        return HostileOnce(random, 6) ? 0 : MakeOut(Making, 16);
    case KindBuffer:
        return HostileOnce(random, 6) ? 0 : DataAddress(Making);
    case KindLength:
        return AnyLength(random);
    case KindCode:
        return AnyCode(random);
    case KindAccess:
        return AnyAccess(random);
    case KindFlags:
        return AnyFlags(random);
    case KindCount:
        return HostileOnce(random, 20) ? HostileNext(random) : HostileBelow(random, 70);
    case KindClass:
    case KindSmall:
        return HostileOnce(random, 20) ? HostileNext(random) : HostileBelow(random, 40);
    default:
        return HostileOnce(random, 2) ? 0 : HostileNext(random) >> HostileBelow(random, 64);
    }
}

/* ---- a request ---- */

#define SECTION_SLOTS 4u /* of the handles: sections, where there are any */

/* Of these calls all must be right for anything to be mapped, so most of it is, most of the time.
 */
static void
MendSectionCall(HOSTILE_MAKING *Making, const char *Name)
{
    HOSTILE_RANDOM *random = Making->Random;
    uint64_t *word = Making->Request.Argument;
    uint8_t *place = TakePiece(Making);

    if (HostileOnce(random, 4)) {
        return;
    }
    if (strcmp(Name, "NtCreateSection") == 0) {
        PutWord(place, 0, HostileBelow(random, 0x40000), 8);
        word[1] = 0xF001F;
        word[2] = 0;
        word[3] = (uint64_t)(uintptr_t)place;
        word[4] = HostileOnce(random, 4) ? 2 : 4;
        word[5] = 0x8000000;
        word[6] = 0;
    } else if (strcmp(Name, "NtMapViewOfSection") == 0) {
        memset(place, 0, 32);
        PutWord(place, 16, HostileOnce(random, 4) ? HostileBelow(random, 0x20000) : 0, 8);
        word[0] = __atomic_load_n(&Making->Session->Handles[HostileBelow(random, SECTION_SLOTS)],
                                  __ATOMIC_RELAXED);
        word[1] = ~0ull;
        word[2] = (uint64_t)(uintptr_t)place;
        word[3] = word[4] = word[5] = 0;
        word[6] = (uint64_t)(uintptr_t)place + 16;
        word[7] = 2;
        word[8] = 0;
        word[9] = HostileOnce(random, 4) ? 2 : 4;
    } else if (strcmp(Name, "NtUnmapViewOfSection") == 0) {
        word[0] = ~0ull;
        word[1] = (uint64_t)(uintptr_t)Making->Session->Arena + Making->Session->ArenaSize +
                  0x10000 * (uint64_t)HostileBelow(random, 16);
    }
}

/* Some of the words are spoilt once all is in place. */
static void
SpoilRequest(HOSTILE_MAKING *Making)
{
    LPC_REQUEST *request = &Making->Request;
    HOSTILE_RANDOM *random = Making->Random;
    LPC_RANGE *range;

    if (HostileOnce(random, 60)) {
        request->InCount = (uint32_t)HostileNext(random) >> HostileBelow(random, 32);
    }
    if (HostileOnce(random, 60)) {
        request->OutCount = (uint32_t)HostileNext(random) >> HostileBelow(random, 32);
    }
    range = &(HostileOnce(random, 2) ? request->In : request->Out)[HostileBelow(random, 8)];
    switch (HostileBelow(random, 100)) {
    case 0:
        range->Offset = (uint32_t)HostileNext(random);
        break;
    case 1:
        range->Length = (uint32_t)HostileNext(random) >> HostileBelow(random, 32);
        break;
    case 2:
        range->Offset = LPC_DATA_SIZE - HostileBelow(random, 4);
        break;
    case 3:
        range->Address = StrangeAddress(Making);
        break;
    case 4:
        range->Flags = (uint32_t)HostileNext(random);
        break;
    case 5:
        range->Length = LPC_DATA_SIZE;
        range->Offset = 0;
        break;
    case 6:
        request->Argument[HostileBelow(random, LPC_MAX_ARGUMENTS)] = StrangeAddress(Making);
        break;
    case 7:
        request->Argument[HostileBelow(random, LPC_MAX_ARGUMENTS)] = HostileNext(random);
        break;
    case 8:
        for (uint32_t i = 0; i < sizeof(*request); i++) {
            ((uint8_t *)request)[i] = (uint8_t)HostileNext(random);
        }
        break;
    default:
        break;
    }
}

static uint32_t
ChooseService(HOSTILE_MAKING *Making)
{
    HOSTILE_RANDOM *random = Making->Random;
    uint32_t service;

    switch (HostileBelow(random, 64)) {
    case 0:
        return LPC_NEXT_APC;
    case 1:
    case 2:
        return LPC_SET_ACCESS;
    case 3:
        return HostileOnce(random, 20) ? LPC_END_THREAD : LPC_AWAIT_RESUME;
    case 4:
        return (uint32_t)HostileNext(random) >> HostileBelow(random, 32);
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
    case 12: /* the driver is what is worth reaching */
        return HostileFindService("NtDeviceIoControlFile");
    case 13:
    case 14:
    case 15:
    case 16:
        return HostileFindService("NtCreateFile");
    default:
        break;
    }
    do {
        service = HostileBelow(random, SERVICE_COUNT);
    } while (HostileOptions.IsOwner && strstr(Services[service].Name, "Driver") != NULL);
    return service;
}

static void
MakeAccess(HOSTILE_MAKING *Making)
{
    LPC_REQUEST *request = &Making->Request;
    HOSTILE_RANDOM *random = Making->Random;
    uint32_t pages = 1 + HostileBelow(random, 4);

    request->Argument[0] = HostileOnce(random, 8) ? StrangeAddress(Making)
                                                  : (uint64_t)(uintptr_t)Making->Session->Arena +
                                                        0x1000ull * HostileBelow(random, 0x20);
    request->Argument[1] = HostileOnce(random, 16) ? HostileNext(random) : 0x1000ull * pages;
    request->Argument[2] =
        HostileOnce(random, 3) ? HostileNext(random) : LPC_ARENA_READ | LPC_ARENA_WRITE;
}

uint32_t
HostileMakeRequest(HOSTILE_SESSION *Session, LPC_CHANNEL *Channel, uint32_t Thread,
                   HOSTILE_RANDOM *Random)
{
    HOSTILE_MAKING making = {.Session = Session,
                             .Random = Random,
                             .Channel = Channel,
                             .Scratch = Session->Scratch + Thread * THREAD_SCRATCH};
    uint32_t service = ChooseService(&making);
    const HOSTILE_SERVICE *known = service < SERVICE_COUNT ? &Services[service] : NULL;

    making.Request.Service = service;
    for (uint32_t i = 0; known != NULL && i < known->Count; i++) {
        uint64_t word = MakeArgument(&making, known->Kinds[i]);

        /* What a buffer's length tells comes right behind the buffer. */
        if (i != 0 && known->Kinds[i] == KindLength && word <= PIECE) {
            AddRange(&making, making.Request.Argument[i - 1], (uint32_t)word,
                     HostileOnce(Random, 2));
        }
        making.Request.Argument[i] = word;
    }
    if (service == LPC_SET_ACCESS) {
        MakeAccess(&making);
    } else if (known != NULL && strstr(known->Name, "Section") != NULL) {
        MendSectionCall(&making, known->Name);
    }
    SpoilRequest(&making);
    memcpy(&Channel->Request, &making.Request, sizeof(making.Request));
    return service;
}

void
HostileTakeReply(HOSTILE_SESSION *Session, LPC_CHANNEL *Channel, uint32_t Service,
                 HOSTILE_RANDOM *Random)
{
    LPC_RANGE range;
    uint64_t handle = 0;

    HostileCountStatus(Channel->Reply.Status);
    if (Service >= SERVICE_COUNT || Channel->Reply.Status < 0 ||
        Services[Service].Kinds[0] != KindOutHandle) {
        return;
    }
    memcpy(&range, &Channel->Request.Out[0], sizeof(range));
    if (Channel->Reply.First[0] == 0 && Channel->Reply.Last[0] == 8 &&
        range.Offset <= LPC_DATA_SIZE - 8) {
        memcpy(&handle, Channel->Data + range.Offset, 8);
    } else {
        uint64_t address = Channel->Request.Argument[0] - (uint64_t)(uintptr_t)Session->Scratch;

        if (address <= HOSTILE_SCRATCH - 8) {
            memcpy(&handle, Session->Scratch + address, 8);
        }
    }
    __atomic_store_n(
        &Session
             ->Handles[strcmp(Services[Service].Name, "NtCreateSection") == 0
                           ? HostileBelow(Random, SECTION_SLOTS)
                           : SECTION_SLOTS + HostileBelow(Random, HOSTILE_HANDLES - SECTION_SLOTS)],
        handle, __ATOMIC_RELAXED);
}
