#ifndef NVB_HOST_DRIVER_TABLE_H
#define NVB_HOST_DRIVER_TABLE_H

/*
 * What the files of an NVIDIA driver are called, where the distributions put them, and which
 * capability needs them. Data alone: the search is in driver_library.c and driver_place.c, and
 * "nvbind simulate" lays a driver out of the same rows.
 */

#include <stdbool.h>
#include <stddef.h>

#include "host/host.h"

/* Everything that may want a 64-bit file. COMPAT32 is asked for apart, by a file's ELF class. */
#define NVB_CAP_ANY (NVB_CAP_ALL & ~(unsigned)NVB_CAP_COMPAT32)

struct nvb_driver_library {
    const char *stem;            /* "libcuda": the file is STEM.so.VERSION */
    const char *soname;          /* what follows the stem: ".so.1"; NULL: ".so.VERSION" */
    unsigned capabilities;       /* wanted for any of these */
    const char *const *devnames; /* further names programs open; NULL-terminated, or NULL */
    bool own_version;            /* the file's name has a version of its own, or none: it is found
                                    by SONAME */
    bool is_checked;             /* nothing works without it, so it is opened even where the linker
                                    cache vouches for it */
    bool by_file_name;           /* other libraries open STEM.so.VERSION although that is not the
                                    SONAME */
    const char *subfolder;       /* where the .run installer puts it below the library folder, or
                                    NULL */
    bool optional;               /* not in every installation of branch 550: of older or newer
                                    branches, or a package of its own */
    const char *const *module_paths; /* also loaded by these paths, one for each family of images:
                                        "@multiarch@" stands for the Debian name of the
                                        architecture, "@libdir@" for lib64 or lib; or NULL */
};

extern const struct nvb_driver_library nvb_driver_libraries[];
extern const size_t nvb_driver_library_count;

/* The row of STEM (LEN bytes), or NULL. */
const struct nvb_driver_library *nvb_driver_library_find(const char *stem, size_t len);

/* True where an unknown STEM (LEN bytes) is a library of the driver by its name alone. */
bool nvb_driver_library_is_likely(const char *stem, size_t len);

/* A file that is not found as a library. "@version@" in a name stands for the driver's version. */
struct nvb_driver_place {
    enum nvb_file_kind kind;
    unsigned capabilities;
    const char *name;             /* below each of the folders; may have folders of its own */
    const char *const *folders;   /* searched in this order; the first that has it wins */
    const char *container_folder; /* the name goes below it; NULL: the folder where it was found */
    const char *container_name;   /* what it is called there; NULL: as here */
    const char *apart_folder;   /* searched last, in a driver root apart from the host's; or NULL */
    const char *version_suffix; /* a name that is a link counts only where it leads to NAME with
                                   this behind it; or NULL */
    const char *needs;          /* counts only where a file whose name begins so was found before:
                                   a file that tells the version for one that does not; or NULL */
    bool is_32bit;              /* speaks of 32-bit libraries alone */
};

extern const struct nvb_driver_place nvb_driver_places[];
extern const size_t nvb_driver_place_count;

/* A folder that may hold the driver's libraries. */
struct nvb_library_folder {
    const char *path;
    bool is_drivers_own; /* small, the driver's alone: listed whole. Else it is everybody's, and
                            listed only where a library of the driver is seen in it */
    bool is_32bit;
    bool is_apart; /* only in a driver root apart from the host's */
};

extern const struct nvb_library_folder nvb_library_folders[];
extern const size_t nvb_library_folder_count;

/* Where GSP firmware lies, "@version@" as above; the files are gsp*.bin. The others only where
 * those have none: "@release@" stands for the running kernel's, "@firmware@" for the folder that
 * its parameter firmware_class.path names (NixOS, immutable systems). */
extern const char *const nvb_firmware_folders[];
extern const char *const nvb_firmware_other_folders[];

/* Where snippets for the X server lie; the driver's are *nvidia*.conf. */
extern const char *const nvb_xorg_snippet_folders[];

/* The folder of the GSP firmware in a container. The kernel reads it there itself. */
#define NVB_FIRMWARE_CONTAINER_FOLDER "/lib/firmware/nvidia/@version@"

#endif
