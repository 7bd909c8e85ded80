/* SPDX-License-Identifier: MIT
 *
 * hal/posix/symbols.c - what lies at an address: module, function, file and line
 *
 * libdw is asked about this very process. The answer to "which objects are loaded" is kept until
 * an image comes or goes; libdw itself keeps what it has read of their debug information.
 *
 * Lock  SymbolLock guards SymbolCache and everything in libdw that belongs to it.
 */
#include "hal/posix/posix.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t SymbolLock = PTHREAD_MUTEX_INITIALIZER;
static Dwfl *SymbolCache;

static char *DebugInformationPath; /* NULL: libdw's standard search */

static const Dwfl_Callbacks SymbolCallbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .debuginfo_path = &DebugInformationPath,
};

static void
CloseCacheLocked(void)
{
    if (SymbolCache != NULL) {
        dwfl_end(SymbolCache);
        SymbolCache = NULL;
    }
}

static Dwfl *
OpenCacheLocked(void)
{
    if (SymbolCache == NULL) {
        SymbolCache = dwfl_begin(&SymbolCallbacks);
        if (SymbolCache != NULL && (dwfl_linux_proc_report(SymbolCache, getpid()) != 0 ||
                                    dwfl_report_end(SymbolCache, NULL, NULL) != 0)) {
            CloseCacheLocked();
        }
    }
    return SymbolCache;
}

/* Appends Path to Target without "." and "name/.." parts: compilers write "../src/ke/timer.c". */
static void
AppendPath(char *Target, size_t Size, const char *Path)
{
    size_t length = strlen(Target);

    while (*Path != '\0' && length + 1 < Size) {
        size_t part = strcspn(Path, "/");

        if (part == 1 && Path[0] == '.') {
            Path += Path[part] == '/' ? 2 : 1;
            continue;
        }
        if (part == 2 && Path[0] == '.' && Path[1] == '.' && length > 1 &&
            memcmp(Target + length - 2, "./", 2) != 0) {
            do {
                --length;
            } while (length > 0 && Target[length - 1] != '/');
            Path += Path[part] == '/' ? 3 : 2;
            continue;
        }
        part += Path[part] == '/';
        part = part > Size - 1 - length ? Size - 1 - length : part;
        memcpy(Target + length, Path, part);
        length += part;
        Path += part;
    }
    Target[length] = '\0';
}

static void
SetFile(HALP_SYMBOL *Symbol, const char *Folder, const char *File, int Line)
{
    if (File[0] != '/' && Folder != NULL) {
        AppendPath(Symbol->File, sizeof(Symbol->File) - 1, Folder);
        strcat(Symbol->File, "/");
    }
    AppendPath(Symbol->File, sizeof(Symbol->File), File);
    Symbol->Line = (uint32_t)Line;
}

/* Clang writes no table from addresses to compilation units: looks at every unit. */
static void
DescribeLineByUnits(Dwfl_Module *Module, uintptr_t Address, HALP_SYMBOL *Symbol)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = NULL;

    while ((unit = dwfl_module_nextcu(Module, unit, &bias)) != NULL) {
        Dwarf_Line *line = NULL;
        Dwarf_Attribute folder;
        const char *file;
        int number;

        if (dwarf_haspc(unit, Address - bias) == 1) {
            line = dwarf_getsrc_die(unit, Address - bias);
        }
        if (line != NULL && (file = dwarf_linesrc(line, NULL, NULL)) != NULL &&
            dwarf_lineno(line, &number) == 0) {
            SetFile(Symbol, dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &folder)), file,
                    number);
            return;
        }
    }
}

static void
DescribeLine(Dwfl_Module *Module, uintptr_t Address, HALP_SYMBOL *Symbol)
{
    Dwfl_Line *line = dwfl_module_getsrc(Module, Address);
    const char *file = NULL;
    int number = 0;

    if (line == NULL) {
        DescribeLineByUnits(Module, Address, Symbol);
        return;
    }
    file = dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL);
    if (file != NULL) {
        SetFile(Symbol, dwfl_line_comp_dir(line), file, number);
    }
}

static int
DescribeLocked(uintptr_t Address, HALP_SYMBOL *Symbol)
{
    Dwfl *cache = OpenCacheLocked();
    Dwfl_Module *module = cache == NULL ? NULL : dwfl_addrmodule(cache, Address);
    Dwarf_Addr start = 0;
    Dwarf_Addr end = 0;
    GElf_Off offset = 0;
    GElf_Sym symbol;
    const char *name;
    const char *slash;

    if (module == NULL) {
        return 0;
    }
    name = dwfl_module_info(module, NULL, &start, &end, NULL, NULL, NULL, NULL);
    if (Address < start || Address >= end) {
        return 0; /* the nearest module, but not in it */
    }
    if (name != NULL) {
        slash = strrchr(name, '/');
        PosixCopyText(Symbol->Module, sizeof(Symbol->Module), slash == NULL ? name : slash + 1);
    }
    Symbol->Offset = Address - start;
    name = dwfl_module_addrinfo(module, Address, &offset, &symbol, NULL, NULL, NULL);
    if (name != NULL) {
        PosixCopyText(Symbol->Function, sizeof(Symbol->Function), name);
        Symbol->Offset = offset;
    }
    DescribeLine(module, Address, Symbol);
    return 1;
}

int
HalpDescribeAddress(uintptr_t Address, HALP_SYMBOL *Symbol)
{
    int known;

    memset(Symbol, 0, sizeof(*Symbol));
    Symbol->Offset = Address;
    pthread_mutex_lock(&SymbolLock);
    known = DescribeLocked(Address, Symbol);
    if (!known) {
        /* Loaded by somebody else since: the second look is at the process as it is now. */
        CloseCacheLocked();
        known = DescribeLocked(Address, Symbol);
    }
    pthread_mutex_unlock(&SymbolLock);
    return known;
}

void
PosixForgetSymbols(void)
{
    pthread_mutex_lock(&SymbolLock);
    CloseCacheLocked();
    pthread_mutex_unlock(&SymbolLock);
}

/* ---- unwinding one frame ---- */

static int
FindReturnSlotLocked(uintptr_t Instruction, ptrdiff_t *Slot)
{
    Dwfl *cache = OpenCacheLocked();
    Dwfl_Module *module = cache == NULL ? NULL : dwfl_addrmodule(cache, Instruction);
    Dwarf_Addr bias = 0;
    Dwarf_CFI *table = module == NULL ? NULL : dwfl_module_eh_cfi(module, &bias);
    Dwarf_Frame *frame = NULL;
    Dwarf_Op *operations = NULL;
    size_t count = 0;
    int found = 0;

    if (table == NULL || dwarf_cfi_addrframe(table, Instruction - bias, &frame) != 0) {
        return 0;
    }
    if (dwarf_frame_cfa(frame, &operations, &count) == 0 && count == 1 &&
        (operations[0].atom == DW_OP_breg7 ||
         (operations[0].atom == DW_OP_bregx && operations[0].number == 7))) {
        *Slot = (ptrdiff_t)(operations[0].atom == DW_OP_bregx ? operations[0].number2
                                                              : operations[0].number) -
                (ptrdiff_t)sizeof(uintptr_t);
        found = 1;
    }
    free(frame);
    return found;
}

int
PosixFindReturnSlot(uintptr_t Instruction, ptrdiff_t *Slot)
{
    int found;

    pthread_mutex_lock(&SymbolLock);
    found = FindReturnSlotLocked(Instruction, Slot);
    pthread_mutex_unlock(&SymbolLock);
    return found;
}
