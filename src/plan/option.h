#ifndef NVB_PLAN_OPTION_H
#define NVB_PLAN_OPTION_H

/*
 * The engines' options, as data: every long option of "podman run", "podman create", "docker run"
 * and "docker create", and both engines' global ones, hidden and deprecated options included.
 * Podman 4.3 to 6.1, Docker 20.10 to 29. Parsing, translation, writers and completion read this
 * table; nothing else in the project knows an engine's option by name.
 *
 * How the engines read a command line (spf13/pflag, tried on both):
 *   --name VALUE, --name=VALUE   a VALUE option takes the next word, whatever that is ("--", "-x"
 *                                and an empty word too); "--name=" is the empty value
 *   --name, --name=false         a BOOL takes a value by "=" only, never the next word: 1 t T true
 *                                True TRUE 0 f F false False FALSE, anything else is an error
 *   -nVALUE, -n=VALUE, -n VALUE  one "=" behind the letter is not part of VALUE, except that a bare
 *                                "-n=" is the value "="
 *   -itv VALUE, -ite=A=B         letters stand together until the first one that takes a value;
 *                                "-it=false" gives its value to the last BOOL, "-t=" is an error
 *   --                           ends the options; "-" alone is an argument
 *   ---x, --=x, -=               are errors
 *
 * The first argument is IMAGE and everything behind it belongs to the container. No abbreviations.
 *
 * Two rows may bear the same name where the engines, or two ages of one engine, differ. All rows of
 * one name have one arity, and a letter means one option after the command word, so that a command
 * line can be taken apart before it is known which engine will run it.
 *
 * Every pointer in here is borrowed from the table and lives as long as the program.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nvb_option_arity {
    NVB_OPTION_BOOL,     /* bare means true; a value only by "=" */
    NVB_OPTION_VALUE,    /* needs a value: by "=" or the next word */
    NVB_OPTION_OPTVALUE, /* bare means a default of its own; a value only by "=". No row today */
};

/* What a second use of the option does. */
enum nvb_option_repeat {
    NVB_OPTION_LAST, /* the last one wins */
    NVB_OPTION_LIST, /* each adds one item */
    NVB_OPTION_CSV,  /* each adds one or more: Podman reads the value as a line of CSV ("a,b" with
                        quotes is one item). Docker never does */
    NVB_OPTION_CSV4, /* as CSV in Podman 4, as LIST from Podman 5.0 */
};

/* Engines, a set. */
enum {
    NVB_OPTION_PODMAN = 1 << 0,
    NVB_OPTION_DOCKER = 1 << 1,
    NVB_OPTION_ANY = NVB_OPTION_PODMAN | NVB_OPTION_DOCKER,
};

/* Where an option stands, a set. */
enum {
    NVB_OPTION_RUN = 1 << 0,    /* after "run" */
    NVB_OPTION_CREATE = 1 << 1, /* after "create" */
    NVB_OPTION_EXEC = 1 << 3,   /* after "exec", with the same meaning as after "run" */
    NVB_OPTION_GLOBAL = 1 << 2, /* before the command word; after it too, up to IMAGE, unless
                                   NVB_OPTION_EARLY */
};

/* What else is to be known, a set. */
enum {
    NVB_OPTION_EARLY = 1 << 0,      /* a global that the engine takes before the command word only:
                                       "podman run --remote" is an unknown flag */
    NVB_OPTION_HIDDEN = 1 << 1,     /* at least one version leaves it out of its help */
    NVB_OPTION_DEPRECATED = 1 << 2, /* the newest versions warn and hide it */
    NVB_OPTION_NOOP = 1 << 3,       /* this engine takes it and does nothing */
    NVB_OPTION_REMOTE = 1 << 4,     /* chooses the service, perhaps on another machine */
    NVB_OPTION_WINDOWS = 1 << 5,    /* for Windows containers; in the help on Windows only */
    NVB_OPTION_DIALECT = 1 << 6,    /* both engines have it, not every value means the same to both:
                                       who translates looks at the value first */
    NVB_OPTION_APART = 1 << 7,      /* the other engine's option of this name is something else (or
                                       does nothing there): refused, never carried over */
};

/* Versions that have an option, as major * 100 + minor. 0 as since: the oldest that is supported
 * has it; 0 as until: the newest has it. until is the last version with it. */
struct nvb_option_versions {
    uint16_t since;
    uint16_t until;
};

struct nvb_option {
    const char *name; /* without the dashes */
    char letter;      /* the short form, 0 if none */
    uint8_t arity;    /* enum nvb_option_arity */
    uint8_t repeat;   /* enum nvb_option_repeat */
    uint8_t engines;
    uint8_t scope;
    uint16_t flags;
    struct nvb_option_versions podman;
    struct nvb_option_versions docker;
    const char *alias_of; /* another name of this option; NULL: the row is the option itself */
    const char *other; /* an option of one engine: how the other spells it, value unchanged; NULL:
                          it cannot, and the option is refused by name */
};

/* The rows by name (byte order); of one name, the newest first. */
extern const struct nvb_option nvb_options[];
extern const size_t nvb_options_len;

/* No name in the table is longer. */
#define NVB_OPTION_NAME_MAX 32

/*
 * The first row of that name (len bytes, no dashes, no "=VALUE") that one of the engines has; NULL
 * if there is none. The scope is not looked at: a row with NVB_OPTION_EARLY has to go before the
 * command word. An alias is returned as it is, see nvb_option_canonical().
 */
const struct nvb_option *nvb_option_find(const char *name, size_t len, unsigned engines);

/* The row of a letter as it reads after the command word ("-v" is a volume there); NULL if none. */
const struct nvb_option *nvb_option_find_short(char letter, unsigned engines);

/*
 * The row of a word after "exec": those that run has too, the global ones, and --latest (-l) and
 * --no-session, which exec alone has. NAME has LEN bytes, or is a letter where IS_SHORT is set.
 */
const struct nvb_option *nvb_option_find_exec(const char *name, size_t len, bool is_short);

/* The row that an alias stands for, of the alias's own engine; any other row is returned itself. */
const struct nvb_option *nvb_option_canonical(const struct nvb_option *option);

/* Whether that engine (one bit) has the option in that version (major * 100 + minor). */
bool nvb_option_is_in(const struct nvb_option *option, unsigned engine, unsigned version);

/*
 * Whether any row of that engine with the option's name is in that version. Where none is,
 * *RET_SINCE is the version that brought it, or 0 where a later one dropped it.
 */
bool nvb_option_is_available(const struct nvb_option *option, unsigned engine, unsigned version,
                             unsigned *ret_since);

/*
 * How another engine (one bit) spells a canonical or alias row: a canonical row of that engine
 * whose value is the same, or NULL: refuse the option by name. An option of both engines is its own
 * translation. With NVB_OPTION_DIALECT in the result's flags the value still has to be looked at.
 */
const struct nvb_option *nvb_option_translate(const struct nvb_option *option, unsigned engine);

/*
 * The name nearest to a misspelt one, for "did you mean"; NULL when nothing is near. Counts
 * insertions, deletions, replacements and swapped neighbours; at most a third of the name may be
 * wrong. Hidden and deprecated options and aliases are not proposed, nor such as can only stand
 * before the command word.
 */
const char *nvb_option_nearest(const char *name, unsigned engines);

#endif
