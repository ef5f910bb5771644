/* The option table's own rules, and the look-ups over it. tests/engine/10-options.bats holds the
 * table against the engines themselves. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/option.h"

static const struct nvb_option *find(const char *name, unsigned engines)
{
    return nvb_option_find(name, strlen(name), engines);
}

static unsigned bits(unsigned set)
{
    unsigned count = 0;

    for (; set != 0; set &= set - 1)
        count++;
    return count;
}

static void test_rows_are_whole(void **state)
{
    (void)state;
    assert_true(nvb_options_len > 200);
    for (size_t i = 0; i < nvb_options_len; i++) {
        const struct nvb_option *option = &nvb_options[i];

        assert_non_null(option->name);
        assert_in_range(strlen(option->name), 2, NVB_OPTION_NAME_MAX);
        assert_int_equal(strspn(option->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
                         strlen(option->name));
        assert_int_not_equal(option->name[0], '-');
        assert_in_range(option->arity, NVB_OPTION_BOOL, NVB_OPTION_OPTVALUE);
        assert_in_range(option->repeat, NVB_OPTION_LAST, NVB_OPTION_CSV4);
        assert_in_range(option->engines, 1, NVB_OPTION_ANY);
        assert_int_not_equal(option->scope, 0);
        if (option->arity == NVB_OPTION_BOOL)
            assert_int_equal(option->repeat, NVB_OPTION_LAST);
        if (option->flags & NVB_OPTION_EARLY)
            assert_int_equal(option->scope, NVB_OPTION_GLOBAL);
        if (option->repeat == NVB_OPTION_CSV || option->repeat == NVB_OPTION_CSV4)
            assert_true(option->engines & NVB_OPTION_PODMAN);
        /* A window for an engine that the row is not about would never be looked at. */
        if (!(option->engines & NVB_OPTION_PODMAN))
            assert_int_equal(option->podman.since + option->podman.until, 0);
        if (!(option->engines & NVB_OPTION_DOCKER))
            assert_int_equal(option->docker.since + option->docker.until, 0);
    }
}

static void test_rows_are_sorted(void **state)
{
    (void)state;
    for (size_t i = 1; i < nvb_options_len; i++)
        assert_true(strcmp(nvb_options[i - 1].name, nvb_options[i].name) <= 0);
}

/* What option.h promises to a parser that does not know the engine yet. */
static void test_namesakes_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < nvb_options_len; i++) {
        for (size_t j = i + 1; j < nvb_options_len; j++) {
            const struct nvb_option *a = &nvb_options[i];
            const struct nvb_option *b = &nvb_options[j];

            if (strcmp(a->name, b->name) == 0) {
                assert_int_equal(a->arity, b->arity);
                /* Two rows of one engine must differ in age or in place. */
                if ((a->engines & b->engines) && (a->scope & b->scope))
                    assert_true(b->podman.until != 0 && b->podman.until < a->podman.since);
            } else if (a->letter != '\0' && a->letter == b->letter) {
                assert_true((a->flags | b->flags) & NVB_OPTION_EARLY);
            }
        }
    }
}

static void test_aliases_and_others_lead_somewhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < nvb_options_len; i++) {
        const struct nvb_option *option = &nvb_options[i];
        const struct nvb_option *own = nvb_option_canonical(option);

        assert_non_null(own);
        assert_null(own->alias_of);
        if (option->alias_of == NULL) {
            assert_ptr_equal(own, option);
        } else {
            assert_string_equal(own->name, option->alias_of);
            assert_int_equal(own->arity, option->arity);
            assert_int_equal(own->engines & option->engines, option->engines);
            assert_true(option->flags & NVB_OPTION_HIDDEN);
            assert_null(option->other);
        }
        if (option->other != NULL) {
            unsigned there = NVB_OPTION_ANY & ~(unsigned)option->engines;
            const struct nvb_option *other = find(option->other, there);

            assert_int_equal(bits(option->engines), 1);
            assert_non_null(other);
            assert_int_equal(other->arity, option->arity);
            assert_string_equal(other->other, option->name);
        }
    }
}

static void test_find(void **state)
{
    const struct nvb_option *option;

    (void)state;
    /* Every row is found, first and last too, by its own name and engines. */
    for (size_t i = 0; i < nvb_options_len; i++) {
        option = find(nvb_options[i].name, nvb_options[i].engines);
        assert_non_null(option);
        assert_string_equal(option->name, nvb_options[i].name);
    }

    /* The length decides, not a zero byte: as in "--name=web". */
    option = nvb_option_find("name=web", 4, NVB_OPTION_ANY);
    assert_non_null(option);
    assert_string_equal(option->name, "name");

    assert_null(find("", NVB_OPTION_ANY));
    assert_null(find("nam", NVB_OPTION_ANY)); /* no abbreviations */
    assert_null(find("named", NVB_OPTION_ANY));
    assert_null(find("Name", NVB_OPTION_ANY));
    assert_null(find("-name", NVB_OPTION_ANY));
    assert_null(find("a", NVB_OPTION_ANY));
    assert_null(find("zzz", NVB_OPTION_ANY));
    assert_null(nvb_option_find("rm\0x", 4, NVB_OPTION_ANY));
    assert_null(nvb_option_find("rm\0", 3, NVB_OPTION_ANY));
    assert_null(find("gpu", NVB_OPTION_ANY)); /* our own, not an engine's */
    assert_null(find("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", NVB_OPTION_ANY));

    /* The engines are told apart. */
    assert_null(find("pod", NVB_OPTION_DOCKER));
    assert_non_null(find("pod", NVB_OPTION_PODMAN));
    assert_null(find("link", NVB_OPTION_PODMAN));
    assert_int_equal(find("runtime", NVB_OPTION_PODMAN)->scope, NVB_OPTION_GLOBAL);
    assert_int_equal(find("runtime", NVB_OPTION_DOCKER)->scope, NVB_OPTION_RUN | NVB_OPTION_CREATE);
    assert_null(find("rm", 0));
}

static void test_find_short(void **state)
{
    static const struct {
        char letter;
        const char *name;
    } letters[] = {{'a', "attach"},   {'c', "cpu-shares"},  {'d', "detach"}, {'e', "env"},
                   {'h', "hostname"}, {'i', "interactive"}, {'l', "label"},  {'m', "memory"},
                   {'p', "publish"},  {'P', "publish-all"}, {'q', "quiet"},  {'t', "tty"},
                   {'u', "user"},     {'v', "volume"},      {'w', "workdir"}};
    size_t known = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        for (unsigned engine = NVB_OPTION_PODMAN; engine <= NVB_OPTION_ANY; engine++) {
            const struct nvb_option *option = nvb_option_find_short(letters[i].letter, engine);

            assert_non_null(option);
            assert_string_equal(option->name, letters[i].name);
        }
    }
    for (int c = 0; c < 256; c++)
        known += nvb_option_find_short((char)c, NVB_OPTION_ANY) != NULL;
    assert_int_equal(known, sizeof(letters) / sizeof(letters[0]));

    /* -H, -D and -r are the engines' own before the command word only. */
    assert_null(nvb_option_find_short('H', NVB_OPTION_ANY));
    assert_null(nvb_option_find_short('D', NVB_OPTION_ANY));
    assert_null(nvb_option_find_short('r', NVB_OPTION_ANY));
    assert_null(nvb_option_find_short('e', 0));
}

static void test_canonical(void **state)
{
    (void)state;
    assert_string_equal(nvb_option_canonical(find("net", NVB_OPTION_ANY))->name, "network");
    assert_string_equal(nvb_option_canonical(find("dns-opt", NVB_OPTION_ANY))->name, "dns-option");
    assert_string_equal(nvb_option_canonical(find("net-alias", NVB_OPTION_DOCKER))->name,
                        "network-alias");
    assert_string_equal(nvb_option_canonical(find("purge", NVB_OPTION_PODMAN))->name, "rm");
    assert_string_equal(nvb_option_canonical(find("healthcheck-command", NVB_OPTION_ANY))->name,
                        "health-cmd");
    /* A name of both engines that is an alias in one of them only. */
    assert_string_equal(nvb_option_canonical(find("host", NVB_OPTION_PODMAN))->name, "url");
    assert_string_equal(nvb_option_canonical(find("host", NVB_OPTION_DOCKER))->name, "host");
}

static void test_versions(void **state)
{
    const struct nvb_option *option;

    (void)state;
    option = find("cdi-spec-dir", NVB_OPTION_PODMAN);
    assert_false(nvb_option_is_in(option, NVB_OPTION_PODMAN, 403));
    assert_false(nvb_option_is_in(option, NVB_OPTION_PODMAN, 504));
    assert_true(nvb_option_is_in(option, NVB_OPTION_PODMAN, 505));
    assert_true(nvb_option_is_in(option, NVB_OPTION_PODMAN, 601));
    assert_false(nvb_option_is_in(option, NVB_OPTION_DOCKER, 2900));

    option = find("network-cmd-path", NVB_OPTION_PODMAN);
    assert_true(nvb_option_is_in(option, NVB_OPTION_PODMAN, 508));
    assert_false(nvb_option_is_in(option, NVB_OPTION_PODMAN, 600));

    /* The window of one engine does not bound the other. */
    option = find("quiet", NVB_OPTION_ANY);
    assert_true(nvb_option_is_in(option, NVB_OPTION_PODMAN, 403));
    assert_false(nvb_option_is_in(option, NVB_OPTION_DOCKER, 2010));
    assert_true(nvb_option_is_in(option, NVB_OPTION_DOCKER, 2300));

    /* Podman's --gpus did nothing before 5.0: two rows, the newer one first. */
    option = find("gpus", NVB_OPTION_PODMAN);
    assert_int_equal(option->podman.since, 500);
    assert_false(option->flags & NVB_OPTION_NOOP);
    assert_string_equal(option[1].name, "gpus");
    assert_true(option[1].flags & NVB_OPTION_NOOP);
    assert_true(nvb_option_is_in(&option[1], NVB_OPTION_PODMAN, 403));
}

static void check_translation(const char *name, unsigned from, const char *expected)
{
    const struct nvb_option *option = find(name, from);
    const struct nvb_option *there;

    assert_non_null(option);
    there = nvb_option_translate(option, NVB_OPTION_ANY & ~from);
    if (expected == NULL) {
        assert_null(there);
        return;
    }
    assert_non_null(there);
    assert_string_equal(there->name, expected);
    assert_null(there->alias_of);
    assert_int_not_equal(there->engines & ~from & NVB_OPTION_ANY, 0);
    assert_int_equal(there->arity, option->arity);
}

static void test_translate(void **state)
{
    (void)state;
    check_translation("env", NVB_OPTION_DOCKER, "env");
    check_translation("net", NVB_OPTION_DOCKER, "network");
    check_translation("net-alias", NVB_OPTION_DOCKER, "network-alias");
    check_translation("host", NVB_OPTION_DOCKER, "url");
    check_translation("host", NVB_OPTION_PODMAN, "host");
    check_translation("url", NVB_OPTION_PODMAN, "host");
    check_translation("tlscacert", NVB_OPTION_DOCKER, "tls-ca");
    check_translation("tls-key", NVB_OPTION_PODMAN, "tlskey");
    check_translation("runtime", NVB_OPTION_DOCKER, "runtime");
    check_translation("runtime", NVB_OPTION_PODMAN, "runtime");
    check_translation("debug", NVB_OPTION_DOCKER, "debug");
    check_translation("purge", NVB_OPTION_PODMAN, "rm");
    check_translation("healthcheck-timeout", NVB_OPTION_PODMAN, "health-timeout");

    /* Refused: absent there, or another thing by the same name. */
    check_translation("pod", NVB_OPTION_PODMAN, NULL);
    check_translation("userns", NVB_OPTION_PODMAN, "userns");
    check_translation("uidmap", NVB_OPTION_PODMAN, NULL);
    check_translation("override-arch", NVB_OPTION_PODMAN, NULL);
    check_translation("link", NVB_OPTION_DOCKER, NULL);
    check_translation("storage-opt", NVB_OPTION_DOCKER, NULL);
    check_translation("storage-opt", NVB_OPTION_PODMAN, NULL);
    check_translation("kernel-memory", NVB_OPTION_DOCKER, NULL);
    check_translation("context", NVB_OPTION_DOCKER, NULL);
    check_translation("context", NVB_OPTION_PODMAN, NULL);
}

static void check_nearest(const char *name, unsigned engines, const char *expected)
{
    const char *nearest = nvb_option_nearest(name, engines);

    if (expected == NULL) {
        assert_null(nearest);
    } else {
        assert_non_null(nearest);
        assert_string_equal(nearest, expected);
    }
}

static void test_nearest(void **state)
{
    char long_name[300];

    (void)state;
    check_nearest("volme", NVB_OPTION_ANY, "volume");
    check_nearest("vloume", NVB_OPTION_ANY, "volume"); /* swapped neighbours are one mistake */
    check_nearest("evn", NVB_OPTION_ANY, "env");
    check_nearest("privilegd", NVB_OPTION_ANY, "privileged");
    check_nearest("detatch", NVB_OPTION_ANY, "detach");
    check_nearest("securty-opt", NVB_OPTION_ANY, "security-opt");
    check_nearest("security_opt", NVB_OPTION_ANY, "security-opt");
    check_nearest("shmsize", NVB_OPTION_ANY, "shm-size");
    check_nearest("publsh", NVB_OPTION_DOCKER, "publish");
    check_nearest("name", NVB_OPTION_ANY, "name");

    /* Only what the engine has, and nothing that its help does not show. */
    check_nearest("uidmapp", NVB_OPTION_PODMAN, "uidmap");
    check_nearest("uidmapp", NVB_OPTION_DOCKER, NULL);
    check_nearest("kernel-memor", NVB_OPTION_ANY, NULL);
    check_nearest("healthcheck-comman", NVB_OPTION_ANY, NULL);
    check_nearest("conection", NVB_OPTION_ANY, NULL);

    check_nearest("", NVB_OPTION_ANY, NULL);
    check_nearest("x", NVB_OPTION_ANY, NULL);
    check_nearest("qqqqqq", NVB_OPTION_ANY, NULL);
    check_nearest("r", NVB_OPTION_ANY, NULL);
    memset(long_name, 'e', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    check_nearest(long_name, NVB_OPTION_ANY, NULL);
}

/* Whatever single letter of a shown option is lost, that option is one edit away: so the answer is
 * the option, or the word itself where it is an option, or an equally near one earlier by name. */
static void test_nearest_mends_one_lost_letter(void **state)
{
    (void)state;
    for (size_t i = 0; i < nvb_options_len; i++) {
        const struct nvb_option *option = &nvb_options[i];
        size_t len = strlen(option->name);

        if (len < 6 || option->alias_of != NULL ||
            (option->flags & (NVB_OPTION_HIDDEN | NVB_OPTION_DEPRECATED | NVB_OPTION_EARLY)))
            continue;
        for (size_t lost = 0; lost < len; lost++) {
            char word[NVB_OPTION_NAME_MAX + 1];
            const char *nearest;

            memcpy(word, option->name, lost);
            memcpy(word + lost, option->name + lost + 1, len - lost);
            nearest = nvb_option_nearest(word, option->engines);
            assert_non_null(nearest);
            if (strcmp(nearest, word) != 0)
                assert_true(strcmp(nearest, option->name) <= 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_rows_are_sorted),
        cmocka_unit_test(test_namesakes_agree),
        cmocka_unit_test(test_aliases_and_others_lead_somewhere),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_short),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_translate),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_nearest_mends_one_lost_letter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
