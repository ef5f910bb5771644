#ifndef NVB_HOST_DRIVER_SEARCH_H
#define NVB_HOST_DRIVER_SEARCH_H

/* What the parts of nvb_host_find_driver() share. Strings and structs are borrowed but for those
 * that driver_search_done() in driver.c releases. */

#include "host/driver_table.h"
#include "host/folder.h"
#include "host/host.h"
#include "ldcache/ldcache.h"

/* An entry of the linker cache whose key is a library of the driver by name. */
struct nvb_cached_library {
    const struct nvb_driver_library *row; /* NULL: not in the table, but likely */
    const char *key;                      /* borrowed from the cache's bytes, as value */
    const char *value;
    size_t stem_len; /* of key, up to ".so" */
    bool is_32bit;
    bool is_soname; /* key has more behind ".so": it is no development name */
};

/* A library that has been taken, for "is there one already". */
struct nvb_taken_library {
    const char *name; /* borrowed from the file's path */
    size_t stem_len;
    bool is_32bit;
};

struct nvb_driver_search {
    const struct nvb_host *host;
    const struct nvb_driver_query *query;
    const char *version;
    char *suffix;            /* ".so.VERSION"; owned */
    struct nvb_notes *notes; /* or NULL */
    const char *firmware;    /* for "@firmware@" and "@release@" while they stand in a text */
    const char *release;

    struct nvb_folders folders;
    struct nvb_str cache_bytes; /* owned */
    struct NVB_VEC(struct nvb_cached_library) cached;
    struct nvb_driver_files files; /* owned until handed out */
    struct NVB_VEC(struct nvb_taken_library) taken;
};

/* Reads the driver root's linker cache into search->cached. None, or one that cannot be used, is
 * no failure; the latter leaves a note. */
void nvb_driver_search_read_cache(struct nvb_driver_search *search);

/*
 * The version in the name of the libcuda (else libnvidia-ml) that the loader would take. Owned by
 * the caller; NULL when there is none.
 */
char *nvb_driver_search_guess_version(struct nvb_driver_search *search);

/* Appends every library of the driver's version to search->files, whatever its capabilities. */
void nvb_driver_search_libraries(struct nvb_driver_search *search);

/* Appends programs, configuration, modules, sockets and firmware that the query wants. */
void nvb_driver_search_places(struct nvb_driver_search *search);

/* Leaves a note that PATH in the driver root is left out because of WHY. */
void nvb_driver_search_leave_out(struct nvb_driver_search *search, const char *path,
                                 const char *why);

/* The folder PATH (LEN bytes) of the driver root. One that is there and cannot be opened leaves a
 * note the first time. */
struct nvb_folder *nvb_driver_search_folder(struct nvb_driver_search *search, const char *path,
                                            size_t len);

/* True where the driver's root is not the host's. */
bool nvb_driver_search_is_apart(const struct nvb_driver_search *search);

/* TEXT with "@version@" and the like replaced, NULL for NULL. Owned by the caller. */
char *nvb_driver_search_expand(const struct nvb_driver_search *search, const char *text,
                               bool is_32bit);

#endif
