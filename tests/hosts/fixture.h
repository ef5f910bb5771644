#ifndef NVB_TESTS_HOSTS_FIXTURE_H
#define NVB_TESTS_HOSTS_FIXTURE_H

/* For tests of the search for driver files: a tree of the test's own, and what was found in it.
 * These end the test when something fails. cmocka.h comes before this header. */

#include "host/driver_table.h"
#include "host/host.h"

#define V   "550.163.01"
#define LIB "/usr/lib/x86_64-linux-gnu"

#define CUDA                                                       \
    "library " LIB "/libcuda.so." V " libcuda.so.1 64\n"           \
    "link " LIB "/libcuda.so.1 libcuda.so." V "\n"                 \
    "library " LIB "/libnvidia-ml.so." V " libnvidia-ml.so.1 64\n" \
    "link " LIB "/libnvidia-ml.so.1 libnvidia-ml.so." V "\n"
#define CUDA_CACHE                                 \
    "cache libcuda.so.1 " LIB "/libcuda.so.1 64\n" \
    "cache libnvidia-ml.so.1 " LIB "/libnvidia-ml.so.1 64\n"

struct fixture {
    char *tree;
    struct nvb_driver driver;
    struct nvb_notes notes;
};

int nvb_fixture_set_up(void **state);
int nvb_fixture_tear_down(void **state);
#define ON_A_TREE(name) \
    cmocka_unit_test_setup_teardown(name, nvb_fixture_set_up, nvb_fixture_tear_down)

/* Lays LINES (lay.h) in the tree; the file that says that the module of driver V is loaded. */
void lay(const struct fixture *f, const char *lines);
void lay_module(const struct fixture *f);

/* Finds the driver, by default everything of it. FOLDER, if not NULL, is searched first. */
void find(struct fixture *f);
void find_in(struct fixture *f, unsigned capabilities, const char *folder);

/* The file found at PATH, or NULL. */
const struct nvb_driver_file *file_at(const struct fixture *f, const char *path);
void assert_library(const struct fixture *f, const char *path, const char *soname);

/* True where a note has both texts in it. */
bool has_note(const struct fixture *f, const char *one, const char *two);

#endif
