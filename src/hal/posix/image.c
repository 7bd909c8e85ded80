/* SPDX-License-Identifier: MIT
 *
 * hal/posix/image.c - loading ELF drivers, with every missing symbol named beforehand
 *
 * dlopen stops at the first undefined symbol and says no more; a driver's author wants the list.
 * So the dynamic symbol table is read first, and each undefined symbol looked up where dlopen
 * will: in the process, then in the libraries that the image asks for.
 *
 * Invariant  I1  ImageList holds the images between HalpLoadImage and HalpUnloadImage.
 * Lock       ImageLock guards ImageList. Nothing is called under it.
 */
#include "hal/posix/posix.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define THIS_MACHINE EM_X86_64
#else
#error "no other machine yet"
#endif

#define MAX_LIBRARIES 32

struct HALP_IMAGE {
    struct HALP_IMAGE *Next;
    void *Handle;
    uintptr_t Base;
    size_t Size;
};

/* An ELF file while its symbols are checked. */
typedef struct IMAGE_CHECK {
    const char *Path;
    Elf *File;
    HALP_MISSING_SYMBOL *Missing;
    void *Context;
    void *Kernel;                   /* the object that this code is part of */
    void *Libraries[MAX_LIBRARIES]; /* the image's own, while it is checked */
    size_t LibraryCount;
    size_t MissingCount;
    Elf_Scn *Dynamic;
    Elf_Scn *Symbols;
    Elf_Scn *Versions;
    Elf_Scn *Needed;
} IMAGE_CHECK;

static HALP_IMAGE *ImageList;
static pthread_mutex_t ImageLock = PTHREAD_MUTEX_INITIALIZER;

/*
 * A handle of the object that contains the kernel: a library, or the program. It holds no
 * reference: the object is loaded for as long as this code runs.
 */
static void *
KernelHandle(void)
{
    struct link_map *map = NULL;
    void *handle;
    Dl_info info;

    if (dladdr1((void *)KernelHandle, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL ||
        map->l_name[0] == '\0') {
        handle = dlopen(NULL, RTLD_LAZY);
    } else {
        handle = dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
    }
    if (handle != NULL) {
        dlclose(handle);
    }
    return handle;
}

/* ---- the check ---- */

static HALP_STATUS
CheckHeader(IMAGE_CHECK *Check)
{
    GElf_Ehdr header;

    if (elf_kind(Check->File) != ELF_K_ELF || gelf_getehdr(Check->File, &header) == NULL) {
        return PosixFailText(HALP_BAD_IMAGE, "%s: not an ELF file", Check->Path);
    }
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != THIS_MACHINE) {
        return PosixFailText(HALP_BAD_IMAGE, "%s: built for another machine (e_machine %u)",
                             Check->Path, header.e_machine);
    }
    if (header.e_type != ET_DYN) {
        return PosixFailText(HALP_BAD_IMAGE, "%s: not a shared object (e_type %u)", Check->Path,
                             header.e_type);
    }
    return HALP_OK;
}

static void
FindSections(IMAGE_CHECK *Check)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;

    while ((section = elf_nextscn(Check->File, section)) != NULL) {
        if (gelf_getshdr(section, &header) == NULL) {
            continue;
        }
        switch (header.sh_type) {
        case SHT_DYNAMIC:
            Check->Dynamic = section;
            break;
        case SHT_DYNSYM:
            Check->Symbols = section;
            break;
        case SHT_GNU_versym:
            Check->Versions = section;
            break;
        case SHT_GNU_verneed:
            Check->Needed = section;
            break;
        default:
            break;
        }
    }
}

/* The version that symbol number Index asks for, or NULL. */
static const char *
RequiredVersion(IMAGE_CHECK *Check, size_t Index)
{
    GElf_Versym wanted;
    GElf_Shdr header;
    GElf_Verneed need;
    Elf_Data *data;
    int offset = 0;

    if (Check->Versions == NULL || Check->Needed == NULL ||
        gelf_getversym(elf_getdata(Check->Versions, NULL), (int)Index, &wanted) == NULL ||
        (wanted & 0x7FFF) <= VER_NDX_GLOBAL || gelf_getshdr(Check->Needed, &header) == NULL) {
        return NULL;
    }
    data = elf_getdata(Check->Needed, NULL);
    while (gelf_getverneed(data, offset, &need) != NULL) {
        int entryOffset = offset + (int)need.vn_aux;

        for (unsigned i = 0; i < need.vn_cnt; ++i) {
            GElf_Vernaux entry;

            if (gelf_getvernaux(data, entryOffset, &entry) == NULL) {
                break;
            }
            if ((entry.vna_other & 0x7FFF) == (wanted & 0x7FFF)) {
                return elf_strptr(Check->File, header.sh_link, entry.vna_name);
            }
            entryOffset += (int)entry.vna_next;
        }
        if (need.vn_next == 0) {
            break;
        }
        offset += (int)need.vn_next;
    }
    return NULL;
}

static int
IsInObject(void *Handle, const char *Name, const char *Version)
{
    dlerror(); /* a symbol may have the value 0 */
    if (Version != NULL) {
        return dlvsym(Handle, Name, Version) != NULL || dlerror() == NULL;
    }
    return dlsym(Handle, Name) != NULL || dlerror() == NULL;
}

static int
IsProvided(IMAGE_CHECK *Check, const char *Name, const char *Version)
{
    if (IsInObject(Check->Kernel, Name, Version) || IsInObject(RTLD_DEFAULT, Name, Version)) {
        return 1;
    }
    for (size_t i = 0; i < Check->LibraryCount; ++i) {
        if (IsInObject(Check->Libraries[i], Name, Version)) {
            return 1;
        }
    }
    return 0;
}

/* Opens what the image names as needed, so that its symbols can be looked up there. */
static void
OpenLibraries(IMAGE_CHECK *Check)
{
    Elf_Data *data = Check->Dynamic == NULL ? NULL : elf_getdata(Check->Dynamic, NULL);
    GElf_Shdr header;
    GElf_Dyn entry;

    if (data == NULL || gelf_getshdr(Check->Dynamic, &header) == NULL) {
        return;
    }
    for (int i = 0; gelf_getdyn(data, i, &entry) != NULL && entry.d_tag != DT_NULL; ++i) {
        const char *name = elf_strptr(Check->File, header.sh_link, entry.d_un.d_val);

        if (entry.d_tag == DT_NEEDED && name != NULL && Check->LibraryCount < MAX_LIBRARIES) {
            void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);

            if (library != NULL) {
                Check->Libraries[Check->LibraryCount++] = library;
            }
        }
    }
}

static void
CheckSymbols(IMAGE_CHECK *Check)
{
    Elf_Data *data = Check->Symbols == NULL ? NULL : elf_getdata(Check->Symbols, NULL);
    GElf_Shdr header;
    GElf_Sym symbol;

    if (data == NULL || gelf_getshdr(Check->Symbols, &header) == NULL) {
        return;
    }
    for (size_t i = 1; gelf_getsym(data, (int)i, &symbol) != NULL; ++i) {
        const char *name = elf_strptr(Check->File, header.sh_link, symbol.st_name);

        if (symbol.st_shndx != SHN_UNDEF || name == NULL || name[0] == '\0' ||
            GELF_ST_BIND(symbol.st_info) == STB_WEAK) {
            continue;
        }
        if (!IsProvided(Check, name, RequiredVersion(Check, i))) {
            ++Check->MissingCount;
            if (Check->Missing != NULL) {
                Check->Missing(Check->Context, name);
            }
        }
    }
}

static HALP_STATUS
CheckImage(IMAGE_CHECK *Check)
{
    HALP_STATUS status = CheckHeader(Check);

    if (status != HALP_OK) {
        return status;
    }
    Check->Kernel = KernelHandle();
    if (Check->Kernel == NULL) {
        return PosixFailText(HALP_IO, "the kernel's own object: %s", dlerror());
    }
    FindSections(Check);
    OpenLibraries(Check);
    CheckSymbols(Check);
    while (Check->LibraryCount != 0) {
        dlclose(Check->Libraries[--Check->LibraryCount]);
    }
    if (Check->MissingCount != 0) {
        return PosixFailText(HALP_NOT_FOUND, "%s: %zu undefined symbols", Check->Path,
                             Check->MissingCount);
    }
    return HALP_OK;
}

static HALP_STATUS
CheckFile(const char *Path, HALP_MISSING_SYMBOL *Missing, void *Context)
{
    IMAGE_CHECK check = {.Path = Path, .Missing = Missing, .Context = Context};
    int file = open(Path, O_RDONLY | O_CLOEXEC);
    HALP_STATUS status;

    if (file < 0) {
        return PosixFail(Path);
    }
    (void)elf_version(EV_CURRENT);
    check.File = elf_begin(file, ELF_C_READ, NULL);
    if (check.File == NULL) {
        status = PosixFailText(HALP_BAD_IMAGE, "%s: %s", Path, elf_errmsg(-1));
    } else {
        status = CheckImage(&check);
        elf_end(check.File);
    }
    close(file);
    return status;
}

/* ---- loading ---- */

static int
FindRange(struct dl_phdr_info *Info, size_t Size, void *Context)
{
    HALP_IMAGE *image = Context;
    uintptr_t end = 0;

    (void)Size;
    if (Info->dlpi_addr != image->Base) {
        return 0;
    }
    for (size_t i = 0; i < Info->dlpi_phnum; ++i) {
        if (Info->dlpi_phdr[i].p_type == PT_LOAD) {
            uintptr_t last = Info->dlpi_phdr[i].p_vaddr + Info->dlpi_phdr[i].p_memsz;

            end = last > end ? last : end;
        }
    }
    image->Size = (end + HALP_PAGE_SIZE - 1) & ~(size_t)(HALP_PAGE_SIZE - 1);
    return 1;
}

/* Puts the image on the list; 0 if it is there already. */
static int
InsertImage(HALP_IMAGE *Image)
{
    const HALP_IMAGE *other;

    pthread_mutex_lock(&ImageLock);
    for (other = ImageList; other != NULL && other->Handle != Image->Handle; other = other->Next) {
    }
    if (other == NULL) {
        Image->Next = ImageList;
        ImageList = Image;
    }
    pthread_mutex_unlock(&ImageLock);
    return other == NULL;
}

static HALP_STATUS
OpenImage(const char *Path, HALP_IMAGE *Image)
{
    /* dlopen searches for a name without a slash; Path is a path. */
    char *real = realpath(Path, NULL);
    struct link_map *map = NULL;

    if (real == NULL) {
        return PosixFail(Path);
    }
    Image->Handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
    free(real);
    if (Image->Handle == NULL) {
        return PosixFailText(HALP_BAD_IMAGE, "%s", dlerror());
    }
    if (dlinfo(Image->Handle, RTLD_DI_LINKMAP, &map) == 0) {
        Image->Base = map->l_addr;
        (void)dl_iterate_phdr(FindRange, Image);
    }
    return HALP_OK;
}

HALP_STATUS
HalpLoadImage(const char *Path, HALP_MISSING_SYMBOL *Missing, void *Context, HALP_IMAGE **Image)
{
    HALP_STATUS status = CheckFile(Path, Missing, Context);
    HALP_IMAGE *image;

    if (status != HALP_OK) {
        return status;
    }
    image = calloc(1, sizeof(*image));
    if (image == NULL) {
        return PosixFail("calloc");
    }
    status = OpenImage(Path, image);
    if (status != HALP_OK) {
        goto FreeImage;
    }
    if (!InsertImage(image)) {
        status = PosixFailText(HALP_EXISTS, "%s: loaded already", Path);
        goto CloseHandle;
    }
    PosixForgetSymbols();
    *Image = image;
    return HALP_OK;

CloseHandle:
    dlclose(image->Handle);
FreeImage:
    free(image);
    return status;
}

void
HalpUnloadImage(HALP_IMAGE *Image)
{
    HALP_IMAGE **link = &ImageList;

    pthread_mutex_lock(&ImageLock);
    while (*link != Image) {
        link = &(*link)->Next;
    }
    *link = Image->Next;
    pthread_mutex_unlock(&ImageLock);
    PosixForgetSymbols();
    dlclose(Image->Handle);
    free(Image);
}

void *
HalpFindSymbol(HALP_IMAGE *Image, const char *Name)
{
    void *handle = Image != NULL ? Image->Handle : KernelHandle();
    void *address = handle == NULL ? NULL : dlsym(handle, Name);
    struct link_map *map = NULL;
    Dl_info info;

    /* dlsym also looks into what the image needs; a name is the image's own only. */
    if (Image != NULL && address != NULL &&
        (dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL ||
         map->l_addr != Image->Base)) {
        return NULL;
    }
    return address;
}

void
HalpImageRange(HALP_IMAGE *Image, uintptr_t *Base, size_t *Size)
{
    *Base = Image->Base;
    *Size = Image->Size;
}
