/* SPDX-License-Identifier: MIT
 *
 * cli/project/symbols.c - what a driver needs of the kernel, from its symbols
 */
#include "cli/project/maker.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
ReadTable(Elf *File, Elf_Scn *Section, const GElf_Shdr *Header, CLI_LIST *Defined,
          CLI_LIST *Undefined)
{
    Elf_Data *data = elf_getdata(Section, NULL);
    size_t count = Header->sh_entsize != 0 ? Header->sh_size / Header->sh_entsize : 0;

    for (size_t i = 1; data != NULL && i < count; i++) {
        GElf_Sym symbol;
        const char *name;

        if (gelf_getsym(data, (int)i, &symbol) == NULL ||
            GELF_ST_BIND(symbol.st_info) == STB_LOCAL) {
            continue;
        }
        name = elf_strptr(File, Header->sh_link, symbol.st_name);
        if (name == NULL || name[0] == '\0') {
            continue;
        }
        if (symbol.st_shndx != SHN_UNDEF) {
            CliAppend(Defined, CliFormat("%s", name));
        } else if (GELF_ST_BIND(symbol.st_info) != STB_WEAK) {
            CliAppend(Undefined, CliFormat("%s", name));
        }
    }
}

int
CliReadSymbols(const char *Path, CLI_LIST *Defined, CLI_LIST *Undefined)
{
    int file = open(Path, O_RDONLY | O_CLOEXEC);
    Elf_Scn *section = NULL;
    GElf_Ehdr header;
    Elf *elf;
    int good;

    if (file < 0 || elf_version(EV_CURRENT) == EV_NONE) {
        return 0;
    }
    elf = elf_begin(file, ELF_C_READ, NULL);
    good = elf != NULL && gelf_getehdr(elf, &header) != NULL;
    while (good && (section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr about;

        if (gelf_getshdr(section, &about) != NULL &&
            about.sh_type == (header.e_type == ET_REL ? SHT_SYMTAB : SHT_DYNSYM)) {
            ReadTable(elf, section, &about, Defined, Undefined);
        }
    }
    elf_end(elf);
    close(file);
    return good;
}

static int
CompareNames(const void *Left, const void *Right)
{
    return strcmp(*(char *const *)Left, *(char *const *)Right);
}

static void
Sort(CLI_LIST *List)
{
    if (List->Count > 1) {
        qsort(List->Items, List->Count, sizeof(char *), CompareNames);
    }
}

static int
SortedHas(const CLI_LIST *List, const char *Name)
{
    return List->Count != 0 &&
           bsearch(&Name, List->Items, List->Count, sizeof(char *), CompareNames) != NULL;
}

/* Names that the linker finds outside of the kernel: of the runtimes, of C++, of sanitizers. */
static int
IsOfTheRuntime(const char *Name, const CLI_LIST *Libraries)
{
    return Name[0] == '_' || SortedHas(Libraries, Name) || dlsym(RTLD_DEFAULT, Name) != NULL;
}

void
CliFindNeeds(const CLI_LIST *Files, int AreObjects, CLI_NEEDS *Needs)
{
    CLI_LIST defined = {0};
    CLI_LIST undefined = {0};
    CLI_LIST libraries = {0};
    CLI_LIST ignored = {0};
    char path[CLI_PATH_SIZE];

    for (size_t i = 0; i < Files->Count; i++) {
        (void)CliReadSymbols(Files->Items[i], &defined, &undefined);
    }
    if (CliLocate(CliKernel, path)) {
        (void)CliReadSymbols(path, &libraries, &ignored);
    }
    if (CliLocate(CliRuntime, path)) {
        (void)CliReadSymbols(path, &libraries, &ignored);
    }
    Sort(&defined);
    Sort(&undefined);
    Sort(&libraries);
    for (size_t i = 0; i < undefined.Count; i++) {
        const char *name = undefined.Items[i];
        const char *status = CliExportStatus(name);

        if ((i != 0 && strcmp(name, undefined.Items[i - 1]) == 0) || SortedHas(&defined, name)) {
            continue;
        }
        if (status != NULL && strcmp(status, "stub") == 0) {
            CliAppend(&Needs->Stubs, name);
        } else if (status != NULL && strcmp(status, "partial") == 0) {
            CliAppend(&Needs->Partial, name);
        } else if (status == NULL && AreObjects && !IsOfTheRuntime(name, &libraries)) {
            CliAppend(&Needs->Unknown, name);
        }
    }
}
