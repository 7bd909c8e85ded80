/* SPDX-License-Identifier: MIT
 *
 * image_test.c - loading images: bound, refused, and with the missing symbols by name
 */
#include "setup.h"

#include <stdio.h>

#define IMAGE(name) TEST_IMAGE_FOLDER "/" name

int
HalTestProvided(int Value)
{
    return Value * 2;
}

static char MissingNames[256];

static void
NoteMissing(void *Context, const char *Name)
{
    NT_EXPECT_STR(Context, "context");
    strcat(MissingNames, Name);
    strcat(MissingNames, ";");
}

static HALP_STATUS
Load(const char *Path, HALP_IMAGE **Image)
{
    MissingNames[0] = '\0';
    return HalpLoadImage(Path, NoteMissing, "context", Image);
}

NT_TEST(HalpImage, IsBoundAgainstTheKernel)
{
    HALP_IMAGE *image = NULL;
    int (*entry)(int);
    int (*hasOptional)(void);
    int *constructorRan;

    NT_EXPECT_EQ(Load(IMAGE("hal_image.so"), &image), HALP_OK);
    NT_EXPECT_STR(MissingNames, "");
    entry = (int (*)(int))(uintptr_t)HalpFindSymbol(image, "HalTestEntry");
    hasOptional = (int (*)(void))(uintptr_t)HalpFindSymbol(image, "HalTestHasOptional");
    constructorRan = HalpFindSymbol(image, "HalTestConstructorRan");
    NT_EXPECT_NE(entry, NULL);
    NT_EXPECT_EQ(entry(20), 41);
    NT_EXPECT_EQ(hasOptional(), 0);
    NT_EXPECT_EQ(*constructorRan, 1);
    HalpUnloadImage(image);
}

NT_TEST(HalpImage, RangeHoldsItsSymbolsAndNotOurs)
{
    HALP_IMAGE *image = NULL;
    uintptr_t base;
    uintptr_t entry;
    size_t size;

    NT_EXPECT_EQ(Load(IMAGE("hal_image.so"), &image), HALP_OK);
    HalpImageRange(image, &base, &size);
    entry = (uintptr_t)HalpFindSymbol(image, "HalTestEntry");
    NT_EXPECT_TRUE(size >= HALP_PAGE_SIZE && size < (16u << 20));
    NT_EXPECT_TRUE(entry - base < size);
    NT_EXPECT_TRUE((uintptr_t)HalpFindSymbol(image, "HalTestConstructorRan") - base < size);
    NT_EXPECT_FALSE((uintptr_t)HalTestProvided - base < size);
    HalpUnloadImage(image);
}

NT_TEST(HalpImage, FindsOnlyItsOwnSymbols)
{
    HALP_IMAGE *image = NULL;

    NT_EXPECT_EQ(Load(IMAGE("hal_image.so"), &image), HALP_OK);
    NT_EXPECT_EQ(HalpFindSymbol(image, "NoSuchName"), NULL);
    NT_EXPECT_EQ(HalpFindSymbol(image, "strlen"), NULL);
    NT_EXPECT_EQ(HalpFindSymbol(NULL, "HalTestProvided"), HalTestProvided);
    NT_EXPECT_EQ(HalpFindSymbol(NULL, "HalTestEntry"), NULL);
    HalpUnloadImage(image);
}

NT_TEST(HalpImage, EveryMissingSymbolIsNamed)
{
    HALP_IMAGE *image = NULL;

    NT_EXPECT_EQ(Load(IMAGE("hal_image_undefined.so"), &image), HALP_NOT_FOUND);
    NT_EXPECT_EQ(image, NULL);
    NT_EXPECT_CONTAINS(MissingNames, "HalTestFirstMissing;");
    NT_EXPECT_CONTAINS(MissingNames, "HalTestSecondMissing;");
    NT_EXPECT_EQ(strlen(MissingNames), strlen("HalTestFirstMissing;HalTestSecondMissing;"));
    NT_EXPECT_CONTAINS(HalpLastErrorText(), "2 undefined symbols");
    NT_EXPECT_EQ(HalpLoadImage(IMAGE("hal_image_undefined.so"), NULL, NULL, &image),
                 HALP_NOT_FOUND);
}

NT_TEST(HalpImage, WhatIsNoImageIsRefused)
{
    char text[64];
    HALP_IMAGE *image = NULL;

    snprintf(text, sizeof(text), "/tmp/hal_image_test.%u.so", HalpCurrentThreadId());
    NT_EXPECT_EQ(Load("/nonexistent/driver.so", &image), HALP_NOT_FOUND);
    NT_EXPECT_EQ(Load("/tmp", &image), HALP_BAD_IMAGE);
    NT_EXPECT_EQ(HalpWriteFile(text, "just text\n", 10), HALP_OK);
    NT_EXPECT_EQ(Load(text, &image), HALP_BAD_IMAGE);
    NT_EXPECT_EQ(HalpWriteFile(text, "\177ELF\2\1\1", 7), HALP_OK); /* cut short */
    NT_EXPECT_EQ(Load(text, &image), HALP_BAD_IMAGE);
    NT_EXPECT_EQ(HalpWriteFile(text, "", 0), HALP_OK);
    NT_EXPECT_EQ(Load(text, &image), HALP_BAD_IMAGE);
    remove(text);
    NT_EXPECT_EQ(Load("/proc/self/exe", &image), HALP_BAD_IMAGE);
    NT_EXPECT_STR(MissingNames, "");
    NT_EXPECT_EQ(image, NULL);
}

NT_TEST(HalpImage, TwiceIsRefusedAndAgainAfterUnloadIsFine)
{
    HALP_IMAGE *image = NULL;
    HALP_IMAGE *second = NULL;

    for (int i = 0; i < 3; ++i) {
        NT_EXPECT_EQ(Load(IMAGE("hal_image.so"), &image), HALP_OK);
        NT_EXPECT_EQ(Load(IMAGE("../hal/hal_image.so"), &second), HALP_EXISTS);
        NT_EXPECT_EQ(second, NULL);
        HalpUnloadImage(image);
    }
}
