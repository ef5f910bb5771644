/*
 * mkelf: makes an ELF shared object for a test's host tree.
 *
 *     mkelf [--soname NAME] [--class 32|64] [--machine x86_64|aarch64|i386] [--function NAME=VALUE]
 *           [--program TEXT --status N] --out FILE
 */

#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>

#include "base/file.h"
#include "host/elf_write.h"

struct words {
    const char *soname, *class, *machine, *function, *program, *status, *out;
};

static int fail(const char *what, const char *word)
{
    fprintf(stderr, "mkelf: error: %s '%s'\n", what, word);
    return 2;
}

static int read_words(int argc, char **argv, struct words *words)
{
    static const struct option options[] = {
        {"soname", required_argument, NULL, 's'},   {"class", required_argument, NULL, 'c'},
        {"machine", required_argument, NULL, 'm'},  {"out", required_argument, NULL, 'o'},
        {"function", required_argument, NULL, 'f'}, {"program", required_argument, NULL, 'p'},
        {"status", required_argument, NULL, 'e'},   {0},
    };
    const char **const places[] = {
        ['s'] = &words->soname, ['c'] = &words->class,    ['m'] = &words->machine,
        ['o'] = &words->out,    ['f'] = &words->function, ['p'] = &words->program,
        ['e'] = &words->status,
    };

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?')
            return 2;
        *places[c] = optarg;
    }
    if (optind < argc)
        return fail("unknown word", argv[optind]);
    return words->out ? 0 : fail("missing option", "--out");
}

static int choose_machine(const struct words *words, enum nvb_elf_machine *ret)
{
    static const char *const names[] = {"x86_64", "aarch64", "i386"};

    *ret = words->class && strcmp(words->class, "32") == 0 ? NVB_ELF_I386 : nvb_elf_write_native();
    if (words->class && strcmp(words->class, "32") != 0 && strcmp(words->class, "64") != 0)
        return fail("--class is 32 or 64, not", words->class);
    if (!words->machine)
        return 0;
    for (unsigned i = 0; i < NVB_COUNT(names); i++) {
        if (strcmp(words->machine, names[i]) == 0) {
            *ret = (enum nvb_elf_machine)i;
            return 0;
        }
    }
    return fail("unknown machine", words->machine);
}

static int build(const struct words *words, enum nvb_elf_machine machine, struct nvb_str *elf)
{
    struct nvb_elf_library library = {.machine = machine, .soname = words->soname};
    _cleanup_free_ char *name = NULL;
    struct nvb_elf_function function = {0};
    uint64_t number = 0;

    if (words->status && nvb_parse_u64(words->status, strlen(words->status), 10, &number))
        return fail("--status is a number, not", words->status);
    if (words->program) {
        if (machine == NVB_ELF_I386)
            return fail("no programs for", "i386");
        nvb_elf_write_program(machine, words->program, (uint8_t)number, elf);
        return 0;
    }
    if (words->function) {
        const char *value = strchr(words->function, '=');

        if (!value || nvb_parse_u64(value + 1, strlen(value + 1), 10, &number))
            return fail("--function is NAME=NUMBER, not", words->function);
        name = nvb_strndup(words->function, (size_t)(value - words->function));
        function = (struct nvb_elf_function){.name = name, .result = (int32_t)number};
        library.functions = &function;
        library.function_count = 1;
    }
    nvb_elf_write_library(&library, elf);
    return 0;
}

int main(int argc, char **argv)
{
    struct words words = {0};
    enum nvb_elf_machine machine = NVB_ELF_X86_64;
    _cleanup_str_ struct nvb_str elf = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *error = NULL;
    int rc = read_words(argc, argv, &words);

    if (rc == 0)
        rc = choose_machine(&words, &machine);
    if (rc == 0)
        rc = build(&words, machine, &elf);
    if (rc != 0)
        return rc;
    if (nvb_file_write(words.out, elf.data, elf.len, words.program ? 0755 : 0644, &error)) {
        fprintf(stderr, "mkelf: error: %s\n", error->message);
        return 1;
    }
    return 0;
}
