#include "host/elf_read.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define HEAD_SIZE      4096 /* header and, in every file a linker made, the program headers */
#define SEGMENTS_MAX   128
#define DYNAMIC_MAX    ((size_t)64 << 10)
#define SONAME_MAX     255 /* it is a file's name */
#define HEADER_64_SIZE sizeof(Elf64_Ehdr)

/* Both classes in the wider one's types. */
struct segment {
    uint32_t type;
    uint64_t offset, address, size;
};

struct reader {
    int fd;
    bool is_32bit;
    size_t segment_count;
    struct segment segments[SEGMENTS_MAX];
    const char *why; /* what is wrong with the file */
};

static int broken(struct reader *reader, const char *why)
{
    reader->why = why;
    return 1;
}

/* Reads SIZE bytes at OFFSET; fewer is a cut file. Returns 0, 1 or a negative errno. */
static int read_at(struct reader *reader, void *data, size_t size, uint64_t offset)
{
    if (offset > INT64_MAX - size)
        return broken(reader, "an offset in it is out of range");
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(reader->fd, (char *)data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ESPIPE || errno == EISDIR ? broken(reader, "it is no file") : -errno;
        if (n == 0)
            return broken(reader, "it is cut short");
        done += (size_t)n;
    }
    return 0;
}

static int check_header(struct reader *reader, const unsigned char *head, size_t len)
{
    if (len < SELFMAG || memcmp(head, ELFMAG, SELFMAG) != 0)
        return broken(reader, "it is no ELF file");
    if (len < HEADER_64_SIZE)
        return broken(reader, "it is cut short");
    if (head[EI_DATA] != ELFDATA2LSB)
        return broken(reader, "it is for another byte order");
    /* Type and machine stand at the same place in both classes. */
    Elf64_Ehdr header;
    memcpy(&header, head, sizeof(header));
    if (header.e_type != ET_DYN)
        return broken(reader, "it is no shared object");
    if (head[EI_CLASS] == ELFCLASS64 &&
        (header.e_machine == EM_X86_64 || header.e_machine == EM_AARCH64))
        reader->is_32bit = false;
    else if (head[EI_CLASS] == ELFCLASS32 &&
             (header.e_machine == EM_386 || header.e_machine == EM_ARM))
        reader->is_32bit = true;
    else
        return broken(reader, "it is for another kind of machine");
    return 0;
}

static struct segment segment_at(const struct reader *reader, const unsigned char *table, size_t i)
{
    if (reader->is_32bit) {
        Elf32_Phdr p;
        memcpy(&p, table + i * sizeof(p), sizeof(p));
        return (struct segment){p.p_type, p.p_offset, p.p_vaddr, p.p_filesz};
    }
    Elf64_Phdr p;
    memcpy(&p, table + i * sizeof(p), sizeof(p));
    return (struct segment){p.p_type, p.p_offset, p.p_vaddr, p.p_filesz};
}

static int read_segments(struct reader *reader, const unsigned char *head, size_t len)
{
    uint64_t offset;
    size_t size, count, want;
    if (reader->is_32bit) {
        Elf32_Ehdr h;
        memcpy(&h, head, sizeof(h));
        offset = h.e_phoff, size = h.e_phentsize, count = h.e_phnum, want = sizeof(Elf32_Phdr);
    } else {
        Elf64_Ehdr h;
        memcpy(&h, head, sizeof(h));
        offset = h.e_phoff, size = h.e_phentsize, count = h.e_phnum, want = sizeof(Elf64_Phdr);
    }
    if (count == 0 || count > SEGMENTS_MAX || size != want)
        return broken(reader, "its program headers make no sense");

    unsigned char table[SEGMENTS_MAX * sizeof(Elf64_Phdr)];
    if (offset <= len && count * size <= len - offset) {
        memcpy(table, head + offset, count * size);
    } else {
        int r = read_at(reader, table, count * size, offset);
        if (r != 0)
            return r;
    }
    for (size_t i = 0; i < count; i++)
        reader->segments[i] = segment_at(reader, table, i);
    reader->segment_count = count;
    return 0;
}

/* Where in the file the loaded ADDRESS lies. Returns 0 or 1. */
static int offset_of(struct reader *reader, uint64_t address, uint64_t *ret)
{
    for (size_t i = 0; i < reader->segment_count; i++) {
        const struct segment *s = &reader->segments[i];
        if (s->type != PT_LOAD || address < s->address || address - s->address >= s->size)
            continue;
        uint64_t into = address - s->address;
        if (s->offset > UINT64_MAX - into)
            break;
        *ret = s->offset + into;
        return 0;
    }
    return broken(reader, "its string table lies outside of it");
}

struct dynamic {
    bool has_soname, has_strings;
    uint64_t soname, strings, strings_size;
};

static void take_entry(struct dynamic *dynamic, uint64_t tag, uint64_t value)
{
    if (tag == DT_SONAME) {
        dynamic->soname = value;
        dynamic->has_soname = true;
    } else if (tag == DT_STRTAB) {
        dynamic->strings = value;
        dynamic->has_strings = true;
    } else if (tag == DT_STRSZ) {
        dynamic->strings_size = value;
    }
}

static int read_dynamic(struct reader *reader, struct dynamic *ret)
{
    const struct segment *segment = NULL;
    for (size_t i = 0; i < reader->segment_count && !segment; i++)
        if (reader->segments[i].type == PT_DYNAMIC)
            segment = &reader->segments[i];
    if (!segment || segment->size == 0 || segment->size > DYNAMIC_MAX)
        return broken(reader, "it has no sensible dynamic section");

    size_t size = (size_t)segment->size;
    _cleanup_free_ unsigned char *data = nvb_malloc(size);
    int r = read_at(reader, data, size, segment->offset);
    if (r != 0)
        return r;
    size_t step = reader->is_32bit ? sizeof(Elf32_Dyn) : sizeof(Elf64_Dyn);
    for (size_t at = 0; size - at >= step; at += step) {
        Elf64_Dyn entry;
        if (reader->is_32bit) {
            Elf32_Dyn narrow;
            memcpy(&narrow, data + at, sizeof(narrow));
            entry.d_tag = narrow.d_tag;
            entry.d_un.d_val = narrow.d_un.d_val;
        } else {
            memcpy(&entry, data + at, sizeof(entry));
        }
        if (entry.d_tag == DT_NULL)
            break;
        take_entry(ret, (uint64_t)entry.d_tag, entry.d_un.d_val);
    }
    return 0;
}

/* A name that a loader looks up, and that can stand in a list of files. */
static bool is_name(const char *text)
{
    if (text[0] == '\0' || text[0] == '.')
        return false;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '/')
            return false;
    return true;
}

static int read_soname(struct reader *reader, char **ret)
{
    struct dynamic dynamic = {0};
    int r = read_dynamic(reader, &dynamic);
    if (r != 0 || !dynamic.has_soname)
        return r;
    if (!dynamic.has_strings || dynamic.soname >= dynamic.strings_size)
        return broken(reader, "its SONAME lies outside of its string table");
    uint64_t offset;
    r = offset_of(reader, dynamic.strings, &offset);
    if (r != 0)
        return r;
    if (offset > UINT64_MAX - dynamic.soname)
        return broken(reader, "its SONAME lies outside of it");

    uint64_t left = dynamic.strings_size - dynamic.soname;
    size_t size = left > SONAME_MAX + 1 ? SONAME_MAX + 1 : (size_t)left;
    char text[SONAME_MAX + 1];
    r = read_at(reader, text, size, offset + dynamic.soname);
    if (r != 0)
        return r;
    if (!memchr(text, '\0', size) || !is_name(text))
        return broken(reader, "its SONAME is no name");
    *ret = nvb_strdup(text);
    return 0;
}

/* Fewer bytes than asked for are well here. Returns the count, or a negative number as read_at. */
static ssize_t read_head(struct reader *reader, unsigned char *head, size_t size)
{
    ssize_t n;
    do {
        n = pread(reader->fd, head, size, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == ESPIPE || errno == EISDIR)) {
        reader->why = "it is no file";
        return 0;
    }
    return n < 0 ? -errno : n;
}

int nvb_elf_read(int fd, bool want_soname, struct nvb_elf *ret, const char **ret_why)
{
    struct reader reader = {.fd = fd};
    _cleanup_free_ char *soname = NULL;
    unsigned char head[HEAD_SIZE];
    ssize_t len = read_head(&reader, head, want_soname ? sizeof(head) : HEADER_64_SIZE);
    if (len < 0)
        return (int)len;
    int r = reader.why ? 1 : check_header(&reader, head, (size_t)len);
    if (r == 0 && want_soname)
        r = read_segments(&reader, head, (size_t)len);
    if (r == 0 && want_soname)
        r = read_soname(&reader, &soname);
    if (r != 0) {
        *ret_why = reader.why;
        return r;
    }
    *ret = (struct nvb_elf){.is_32bit = reader.is_32bit, .soname = TAKE_PTR(soname)};
    return 0;
}
