/*
 * Theory of operation. A library is laid out in the order of its three loaded segments:
 *
 *     read         ELF header, program headers, symbol hash, symbols, strings
 *     execute      the functions' machine code
 *     read, write  the dynamic section: glibc writes the load address into it
 *
 * Each segment follows the one before it in the file without padding to a page, and one page
 * further in memory: place and address are then equal modulo the page size, as mmap needs it, and
 * no two segments share a page in memory. Sizes are known before anything is written, so the
 * headers are right the first time.
 */

#include "host/elf_write.h"

#include <elf.h>

struct shape {
    uint8_t class;
    uint16_t machine;
    uint32_t page; /* the largest page size that the machine's kernels use */
    uint16_t header, program_header, symbol, dynamic;
};

static const struct shape shapes[] = {
    [NVB_ELF_X86_64] = {ELFCLASS64, EM_X86_64, 0x1000, sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr),
                        sizeof(Elf64_Sym), sizeof(Elf64_Dyn)},
    [NVB_ELF_AARCH64] = {ELFCLASS64, EM_AARCH64, 0x10000, sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr),
                         sizeof(Elf64_Sym), sizeof(Elf64_Dyn)},
    [NVB_ELF_I386] = {ELFCLASS32, EM_386, 0x1000, sizeof(Elf32_Ehdr), sizeof(Elf32_Phdr),
                      sizeof(Elf32_Sym), sizeof(Elf32_Dyn)},
};

enum nvb_elf_machine nvb_elf_write_native(void)
{
#if defined(__aarch64__)
    return NVB_ELF_AARCH64;
#else
    return NVB_ELF_X86_64;
#endif
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* All three machines are little-endian. */
static void put(struct nvb_str *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        nvb_str_addc(out, (char)(unsigned char)(value >> (8 * i)));
}

static void put16(struct nvb_str *out, uint16_t value)
{
    put(out, value, 2);
}

static void put32(struct nvb_str *out, uint32_t value)
{
    put(out, value, 4);
}

/* An address, an offset or a size: as wide as the class. */
static void put_word(struct nvb_str *out, const struct shape *shape, uint64_t value)
{
    put(out, value, shape->class == ELFCLASS64 ? 8 : 4);
}

static uint64_t align(uint64_t value)
{
    return (value + 15) & ~UINT64_C(15);
}

static void pad(struct nvb_str *out, uint64_t to)
{
    while (out->len < to)
        nvb_str_addc(out, 0);
}

/* ---- headers -------------------------------------------------------------------------------- */

static void put_header(struct nvb_str *out, const struct shape *shape, uint16_t type,
                       uint64_t entry, uint16_t segments)
{
    nvb_str_addn(out, ELFMAG, SELFMAG);
    put(out, shape->class, 1);
    put(out, ELFDATA2LSB, 1);
    put(out, EV_CURRENT, 1);
    pad(out, EI_NIDENT);
    put16(out, type);
    put16(out, shape->machine);
    put32(out, EV_CURRENT);
    put_word(out, shape, entry);
    put_word(out, shape, shape->header); /* program headers stand right behind */
    put_word(out, shape, 0);             /* no section headers: loaders do not read them */
    put32(out, 0);
    put16(out, shape->header);
    put16(out, shape->program_header);
    put16(out, segments);
    put16(out, 0);
    put16(out, 0);
    put16(out, 0);
}

struct segment {
    uint32_t type, flags;
    uint64_t offset, address, size, align;
};

static void put_segment(struct nvb_str *out, const struct shape *shape, const struct segment *s)
{
    put32(out, s->type);
    if (shape->class == ELFCLASS64)
        put32(out, s->flags);
    put_word(out, shape, s->offset);
    put_word(out, shape, s->address);
    put_word(out, shape, s->address);
    put_word(out, shape, s->size);
    put_word(out, shape, s->size);
    if (shape->class == ELFCLASS32)
        put32(out, s->flags);
    put_word(out, shape, s->align);
}

/* ---- machine code --------------------------------------------------------------------------- */

static uint32_t arm_movz(unsigned reg, uint32_t value, bool wide)
{
    return (wide ? 0xd2800000 : 0x52800000) | (value & 0xffff) << 5 | reg;
}

static void arm_load(struct nvb_str *out, unsigned reg, uint32_t value)
{
    put32(out, arm_movz(reg, value, false));
    put32(out, 0x72a00000 | (value >> 16) << 5 | reg); /* movk reg, #high, lsl #16 */
}

static void put_function(struct nvb_str *out, enum nvb_elf_machine machine,
                         const struct nvb_elf_function *function)
{
    uint32_t result = (uint32_t)function->result, stored = (uint32_t)function->stored;

    if (machine == NVB_ELF_AARCH64) {
        if (function->stores) {
            arm_load(out, 1, stored);
            put32(out, 0xb9000001); /* str w1, [x0] */
        }
        arm_load(out, 0, result);
        put32(out, 0xd65f03c0); /* ret */
        return;
    }
    if (function->stores) {
        if (machine == NVB_ELF_I386)
            nvb_str_addn(out, "\x8b\x44\x24\x04\xc7\x00", 6); /* mov 4(%esp),%eax; movl …,(%eax) */
        else
            nvb_str_addn(out, "\xc7\x07", 2); /* movl …,(%rdi) */
        put32(out, stored);
    }
    nvb_str_addn(out, "\xb8", 1); /* mov …,%eax */
    put32(out, result);
    nvb_str_addn(out, "\xc3", 1); /* ret */
}

/* ---- libraries ------------------------------------------------------------------------------ */

/* The parts of a library, made apart so that their sizes are known before the headers are. */
struct parts {
    struct nvb_str strings;
    struct nvb_str code;
    uint64_t *places; /* of each function in the code */
    uint32_t *names;  /* of each function in the strings */
    uint32_t soname;
};

static void parts_done(struct parts *parts)
{
    nvb_str_done(&parts->strings);
    nvb_str_done(&parts->code);
    free(parts->places);
    free(parts->names);
}

static void build_parts(const struct nvb_elf_library *library, struct parts *parts)
{
    size_t count = library->function_count;

    nvb_str_init(&parts->strings);
    nvb_str_init(&parts->code);
    parts->places = nvb_calloc(count + 1, sizeof(*parts->places));
    parts->names = nvb_calloc(count + 1, sizeof(*parts->names));
    nvb_str_addc(&parts->strings, 0);
    parts->soname = (uint32_t)parts->strings.len;
    if (library->soname)
        nvb_str_addn(&parts->strings, library->soname, strlen(library->soname) + 1);
    /* A segment may not be empty: one function that nobody calls is always there. */
    put_function(&parts->code, library->machine, &(struct nvb_elf_function){0});
    for (size_t i = 0; i < count; i++) {
        const struct nvb_elf_function *function = &library->functions[i];

        pad(&parts->code, align(parts->code.len));
        parts->places[i] = parts->code.len;
        parts->names[i] = (uint32_t)parts->strings.len;
        nvb_str_addn(&parts->strings, function->name, strlen(function->name) + 1);
        put_function(&parts->code, library->machine, function);
    }
}

static void put_symbol(struct nvb_str *out, const struct shape *shape, uint32_t name,
                       uint64_t address)
{
    bool first = name == 0;
    uint8_t info = first ? 0 : ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    /* Any section but "undefined": without section headers its number means nothing. */
    uint16_t section = first ? SHN_UNDEF : 1;

    put32(out, name);
    if (shape->class == ELFCLASS32) {
        put32(out, (uint32_t)address);
        put32(out, 0);
    }
    put(out, info, 1);
    put(out, STV_DEFAULT, 1);
    put16(out, section);
    if (shape->class == ELFCLASS64) {
        put(out, address, 8);
        put(out, 0, 8);
    }
}

/* One bucket, in which every symbol is chained to the next: there are only a few. */
static void put_hash(struct nvb_str *out, uint32_t symbols)
{
    put32(out, 1);
    put32(out, symbols);
    put32(out, symbols > 1 ? 1 : 0);
    for (uint32_t i = 0; i < symbols; i++)
        put32(out, i > 0 && i + 1 < symbols ? i + 1 : 0);
}

static void put_dynamic(struct nvb_str *out, const struct shape *shape, uint64_t tag,
                        uint64_t value)
{
    put_word(out, shape, tag);
    put_word(out, shape, value);
}

void nvb_elf_write_library(const struct nvb_elf_library *library, struct nvb_str *ret)
{
    enum { SEGMENTS = 5 };
    _cleanup_(parts_done) struct parts parts = {0};
    const struct shape *shape = &shapes[library->machine];
    uint32_t symbols = (uint32_t)library->function_count + 1;

    build_parts(library, &parts);

    uint64_t hash = align(shape->header + SEGMENTS * (uint64_t)shape->program_header);
    uint64_t symbol = align(hash + 4 * (3 + (uint64_t)symbols));
    uint64_t string = symbol + symbols * (uint64_t)shape->symbol;
    uint64_t read_end = string + parts.strings.len;
    uint64_t code = align(read_end), code_end = code + parts.code.len;
    uint64_t dynamic = align(code_end);
    uint64_t dynamic_size = (library->soname ? 7u : 6u) * (uint64_t)shape->dynamic;
    uint64_t code_address = code + shape->page, dynamic_address = dynamic + 2 * shape->page;
    const struct segment segments[SEGMENTS] = {
        {PT_LOAD, PF_R, 0, 0, read_end, shape->page},
        {PT_LOAD, PF_R | PF_X, code, code_address, parts.code.len, shape->page},
        {PT_LOAD, PF_R | PF_W, dynamic, dynamic_address, dynamic_size, shape->page},
        {PT_DYNAMIC, PF_R | PF_W, dynamic, dynamic_address, dynamic_size, 8},
        /* Without this a loader wants an executable stack for the whole process. */
        {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 16},
    };

    put_header(ret, shape, ET_DYN, 0, SEGMENTS);
    for (size_t i = 0; i < SEGMENTS; i++)
        put_segment(ret, shape, &segments[i]);
    pad(ret, hash);
    put_hash(ret, symbols);
    pad(ret, symbol);
    put_symbol(ret, shape, 0, 0);
    for (size_t i = 0; i < library->function_count; i++)
        put_symbol(ret, shape, parts.names[i], code_address + parts.places[i]);
    nvb_str_addn(ret, parts.strings.data, parts.strings.len);
    pad(ret, code);
    nvb_str_addn(ret, parts.code.data, parts.code.len);
    pad(ret, dynamic);
    if (library->soname)
        put_dynamic(ret, shape, DT_SONAME, parts.soname);
    put_dynamic(ret, shape, DT_HASH, hash);
    put_dynamic(ret, shape, DT_STRTAB, string);
    put_dynamic(ret, shape, DT_SYMTAB, symbol);
    put_dynamic(ret, shape, DT_STRSZ, parts.strings.len);
    put_dynamic(ret, shape, DT_SYMENT, shape->symbol);
    put_dynamic(ret, shape, DT_NULL, 0);
}

/* ---- programs ------------------------------------------------------------------------------- */

/* The code of a program; DISTANCE is from its first byte to its text. */
static void put_program(struct nvb_str *out, enum nvb_elf_machine machine, uint32_t distance,
                        uint32_t len, uint8_t status)
{
    if (machine == NVB_ELF_AARCH64) {
        uint32_t from_here = distance - 4;

        put32(out, arm_movz(0, 1, true));
        put32(out, 0x10000001 | (from_here & 3) << 29 | (from_here >> 2) << 5); /* adr x1, text */
        put32(out, arm_movz(2, len, true));
        put32(out, arm_movz(8, 64, true)); /* write */
        put32(out, 0xd4000001);            /* svc #0 */
        put32(out, arm_movz(0, status, true));
        put32(out, arm_movz(8, 94, true)); /* exit_group */
        put32(out, 0xd4000001);
        return;
    }
    nvb_str_addn(out, "\xb8\x01\0\0\0\xbf\x01\0\0\0", 10); /* mov $1,%eax (write); mov $1,%edi */
    nvb_str_addn(out, "\x48\x8d\x35", 3);                  /* lea text(%rip),%rsi */
    put32(out, distance - 17);
    nvb_str_addn(out, "\xba", 1); /* mov $len,%edx */
    put32(out, len);
    nvb_str_addn(out, "\x0f\x05", 2);           /* syscall */
    nvb_str_addn(out, "\xb8\xe7\0\0\0\xbf", 6); /* mov $231,%eax (exit_group); mov $…,%edi */
    put32(out, status);
    nvb_str_addn(out, "\x0f\x05", 2);
}

void nvb_elf_write_program(enum nvb_elf_machine machine, const char *text, uint8_t status,
                           struct nvb_str *ret)
{
    enum { SEGMENTS = 2, DISTANCE = 48 };
    const uint64_t base = 0x400000;
    const struct shape *shape = &shapes[machine];
    size_t length = strlen(text);
    uint32_t len = length > 0xffff ? 0xffff : (uint32_t)length;
    uint64_t code = align(shape->header + SEGMENTS * (uint64_t)shape->program_header);
    const struct segment segments[SEGMENTS] = {
        {PT_LOAD, PF_R | PF_X, 0, base, code + DISTANCE + len, shape->page},
        {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 16},
    };

    put_header(ret, shape, ET_EXEC, base + code, SEGMENTS);
    for (size_t i = 0; i < SEGMENTS; i++)
        put_segment(ret, shape, &segments[i]);
    pad(ret, code);
    put_program(ret, machine, DISTANCE, len, status);
    pad(ret, code + DISTANCE);
    nvb_str_addn(ret, text, len);
}
