#include "hook/elf_note.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Libraries have a few dozen sections and a kilobyte of their names. */
#define MAX_SECTIONS 1024
#define MAX_NAMES    ((size_t)64 << 10)
#define MAX_NOTE     ((size_t)64 << 10)

/* Reads exactly SIZE bytes at OFFSET. */
static int read_at(int fd, uint64_t offset, void *buffer, size_t size)
{
    char *p = buffer;
    if (offset > (uint64_t)INT64_MAX - size)
        return -EINVAL;
    while (size > 0) {
        ssize_t n = pread(fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EINVAL;
        p += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static int read_part(int fd, uint64_t offset, uint64_t size, size_t max, struct nvb_str *ret)
{
    if (size == 0 || size > max)
        return -EINVAL;
    nvb_str_grow(ret, (size_t)size);
    int r = read_at(fd, offset, ret->data, (size_t)size);
    if (r < 0)
        return r;
    ret->len = (size_t)size;
    ret->data[ret->len] = '\0';
    return 0;
}

static int read_sections(int fd, struct nvb_str *ret, size_t *ret_names)
{
    Elf64_Ehdr header;
    int r = read_at(fd, 0, &header, sizeof(header));
    if (r < 0)
        return r;
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_shentsize != sizeof(Elf64_Shdr) ||
        header.e_shnum > MAX_SECTIONS || header.e_shstrndx >= header.e_shnum)
        return -EINVAL;
    r = read_part(fd, header.e_shoff, (uint64_t)header.e_shnum * sizeof(Elf64_Shdr),
                  MAX_SECTIONS * sizeof(Elf64_Shdr), ret);
    if (r == 0)
        *ret_names = header.e_shstrndx;
    return r;
}

static Elf64_Shdr section(const struct nvb_str *sections, size_t index)
{
    Elf64_Shdr s;
    memcpy(&s, sections->data + index * sizeof(s), sizeof(s));
    return s;
}

/* The first note of the section: sizes of name and description, a type, then both, each padded. */
static int read_note(int fd, const Elf64_Shdr *s, const char *owner, struct nvb_str *ret)
{
    _cleanup_str_ struct nvb_str note = NVB_STR_INIT;
    Elf64_Nhdr header;
    int r = read_part(fd, s->sh_offset, s->sh_size, MAX_NOTE, &note);
    if (r < 0)
        return r;
    if (note.len < sizeof(header))
        return -EINVAL;
    memcpy(&header, note.data, sizeof(header));
    size_t align = s->sh_addralign == 8 ? 8 : 4;
    size_t name = sizeof(header);
    size_t name_size = header.n_namesz;
    size_t text = (name + name_size + align - 1) & ~(align - 1);
    size_t text_size = header.n_descsz;
    if (text > note.len || text_size > note.len - text)
        return -EINVAL;
    if (name_size != strlen(owner) + 1 || memcmp(note.data + name, owner, name_size) != 0)
        return 1;
    nvb_str_addn(ret, note.data + text, text_size);
    return 0;
}

int hook_find_note(int fd, const char *name, const char *owner, struct nvb_str *ret)
{
    _cleanup_str_ struct nvb_str sections = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str names = NVB_STR_INIT;
    size_t names_index = 0;
    int r = read_sections(fd, &sections, &names_index);
    if (r < 0)
        return r;
    Elf64_Shdr s = section(&sections, names_index);
    r = read_part(fd, s.sh_offset, s.sh_size, MAX_NAMES, &names);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sections.len / sizeof(s); i++) {
        s = section(&sections, i);
        /* names ends with a zero byte of ours, whatever the file says. */
        if (s.sh_type == SHT_NOTE && s.sh_name < names.len &&
            strcmp(names.data + s.sh_name, name) == 0)
            return read_note(fd, &s, owner, ret);
    }
    return 1;
}
