/* SPDX-License-Identifier: MIT
 *
 * host/main.c - ntboxd: a kernel in a process of its own, for any number of client processes
 */
#include "host/host.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define EXIT_KERNEL 3
#define EXIT_RUNNING 5

const NTBOX_HOST_CALLS *HostKernel;
HOST_SETTINGS HostSettings = {.ReadyDescriptor = -1, .Start.NoMachineEvents = 0, .Connections = 64};

static void
PrintUsage(FILE *Stream)
{
    fprintf(
        Stream,
        "Usage: ntboxd --socket PATH [OPTIONS] [DRIVER...]\n"
        "Serves an NT kernel with these drivers to client processes. `ntbox start` runs it.\n"
        "\n"
        "  --socket PATH        where clients connect\n"
        "  --system             every user may connect; devices' security descriptors decide\n"
        "  --set NAME=VALUE     service\\value=dword:1 or =text, into the registry (repeatable)\n"
        "  --processors N       virtual processors (default: as many as there are)\n"
        "  --no-events          no process and image events of the machine\n"
        "  --ready-fd N         write a line there when clients may connect\n"
        "  --help               this text\n"
        "\n"
        "Exit codes: 0 stopped, 2 wrong usage, 3 the kernel or a driver did not start,\n"
        "4 drivers left something behind, 5 a host runs there already.\n");
}

/* Grows a NULL-terminated list. */
static void
Append(const char ***List, size_t *Count, const char *Text)
{
    const char **list = realloc(*List, (*Count + 2) * sizeof(*list));

    if (list == NULL) {
        fprintf(stderr, "ntboxd: no memory\n");
        exit(1);
    }
    list[(*Count)++] = Text;
    list[*Count] = NULL;
    *List = list;
}

/* NAME=N of --limit. */
static int
ParseLimit(const char *Text)
{
    const char *value = strchr(Text, '=');
    size_t length = value == NULL ? 0 : (size_t)(value - Text);
    unsigned long long number;
    char *end;

    if (value == NULL) {
        return 0;
    }
    number = strtoull(value + 1, &end, 10);
    if (value[1] < '0' || value[1] > '9' || *end != '\0' || number == 0) {
        return 0;
    }
    if (length == 6 && strncmp(Text, "memory", length) == 0) {
        HostSettings.Start.ClientMemory = number;
        return 1;
    }
    if (number > INT32_MAX) {
        return 0;
    }
    if (length == 8 && strncmp(Text, "requests", length) == 0) {
        HostSettings.Start.ClientRequests = (uint32_t)number;
    } else if (length == 7 && strncmp(Text, "handles", length) == 0) {
        HostSettings.Start.ClientHandles = (uint32_t)number;
    } else if (length == 11 && strncmp(Text, "connections", length) == 0) {
        HostSettings.Connections = (uint32_t)number;
    } else {
        return 0;
    }
    return 1;
}

static int
ParseNumber(const char *Text, uint32_t *Number)
{
    char *end;
    unsigned long value = strtoul(Text, &end, 10);

    *Number = (uint32_t)value;
    return *Text != '\0' && *end == '\0' && value <= INT32_MAX;
}

static void
ParseOptions(int Count, char **Arguments)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"system", no_argument, NULL, 'y'},
        {"set", required_argument, NULL, 'v'},
        {"processors", required_argument, NULL, 'p'},
        {"no-events", no_argument, NULL, 'e'},
        {"ready-fd", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"limit", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    const char **settings = NULL;
    const char **drivers = NULL;
    size_t settingCount = 0;
    size_t driverCount = 0;
    uint32_t number;
    int option;

    while ((option = getopt_long(Count, Arguments, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            HostSettings.Socket = optarg;
            break;
        case 'y':
            HostSettings.IsSystem = 1;
            break;
        case 'v':
            Append(&settings, &settingCount, optarg);
            break;
        case 'p':
        case 'r':
            if (!ParseNumber(optarg, &number)) {
                fprintf(stderr, "ntboxd: \"%s\" is not a number\n", optarg);
                exit(EXIT_USAGE);
            }
            if (option == 'p') {
                HostSettings.Start.Processors = number;
            } else {
                HostSettings.ReadyDescriptor = (int)number;
            }
            break;
        case 'l':
            if (!ParseLimit(optarg)) {
                fprintf(stderr,
                        "ntboxd: --limit %s: memory=BYTES, requests=N, handles=N or "
                        "connections=N\n",
                        optarg);
                exit(EXIT_USAGE);
            }
            break;
        case 'e':
            HostSettings.Start.NoMachineEvents = 1;
            break;
        case 'h':
            PrintUsage(stdout);
            exit(0);
        default:
            fprintf(stderr, "ntboxd: see ntboxd --help\n");
            exit(EXIT_USAGE);
        }
    }
    while (optind < Count) {
        Append(&drivers, &driverCount, Arguments[optind++]);
    }
    if (HostSettings.Socket == NULL) {
        fprintf(stderr, "ntboxd: --socket is needed; `ntbox start` chooses one for you\n");
        exit(EXIT_USAGE);
    }
    HostSettings.Start.Settings = settings;
    HostSettings.Start.Drivers = drivers;
}

/* Each client takes four. */
static void
RaiseDescriptorLimit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Signals are the loop's; threads that the kernel makes inherit the mask. */
static void
BlockSignals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void
FailRunning(const char *Path)
{
    fprintf(stderr, "ntboxd: a host runs at %s already; `ntbox stop` ends it\n", Path);
    exit(EXIT_RUNNING);
}

/* Held to the end of the process, however it ends: two that start at once do not both go on. */
static void
LockPlace(const char *Path)
{
    char name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 8];
    int lock;

    snprintf(name, sizeof(name), "%s.lock", Path);
    lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) {
        fprintf(stderr, "ntboxd: cannot make %s: %s\n", name, strerror(errno));
        exit(1);
    }
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        FailRunning(Path);
    }
}

static int
IsAnswering(const struct sockaddr_un *Address)
{
    int end = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int answers = end >= 0 && connect(end, (const struct sockaddr *)Address, sizeof(*Address)) == 0;

    if (end >= 0) {
        close(end);
    }
    return answers;
}

/* A socket that nobody answers at is left from a host that was killed: it is replaced. */
static int
ListenAt(const char *Path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mask;
    int listener;

    if (strlen(Path) >= sizeof(address.sun_path)) {
        fprintf(stderr, "ntboxd: %s is too long for a socket's name; choose a shorter one\n", Path);
        exit(EXIT_USAGE);
    }
    strcpy(address.sun_path, Path);
    LockPlace(Path);
    if (IsAnswering(&address)) {
        FailRunning(Path);
    }
    unlink(Path);
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mask = umask(HostSettings.IsSystem ? 0 : 077);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 128) != 0) {
        fprintf(stderr, "ntboxd: cannot listen at %s: %s\n", Path, strerror(errno));
        exit(1);
    }
    umask(mask);
    return listener;
}

static void
StartKernel(void)
{
    const char *failed = NULL;
    int32_t status;

    HostKernel = NtboxHostEntry(NTBOX_HOST_VERSION);
    if (HostKernel == NULL) {
        fprintf(stderr, "ntboxd: libntoskrnl.so is of another version; install both from one "
                        "build\n");
        exit(EXIT_KERNEL);
    }
    status = HostKernel->Start(&HostSettings.Start, &failed);
    if (status < 0) {
        fprintf(stderr, "ntboxd: %s%s did not start: status 0x%08X; its own messages are above\n",
                failed == NULL ? "the kernel" : "driver ", failed == NULL ? "" : failed,
                (unsigned)status);
        unlink(HostSettings.Socket);
        exit(EXIT_KERNEL);
    }
}

static void
TellReady(void)
{
    if (HostSettings.ReadyDescriptor >= 0) {
        (void)!write(HostSettings.ReadyDescriptor, "ready\n", 6);
        close(HostSettings.ReadyDescriptor);
    }
}

int
main(int Count, char **Arguments)
{
    int listener;
    int code;

    clock_gettime(CLOCK_MONOTONIC, &HostSettings.Started);
    ParseOptions(Count, Arguments);
    RaiseDescriptorLimit();
    BlockSignals();
    listener = ListenAt(HostSettings.Socket);
    StartKernel();
    TellReady();
    code = HostServe(listener);
    HostTellStopped(code);
    fflush(NULL);
    _exit(code); /* the kernel is gone, or must not be taken apart */
}
