#ifndef NVB_TESTS_HOSTS_SCRATCH_H
#define NVB_TESTS_HOSTS_SCRATCH_H

/* A folder of a test's own, for trees. The caller owns the path; nvb_scratch_remove() frees it. */
char *nvb_scratch_make(void);

/* Removes PATH with all that is in it, however deep and whatever its modes. */
void nvb_scratch_remove(char *path);

#endif
