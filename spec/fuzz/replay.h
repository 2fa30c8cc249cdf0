/*
 * replay - a fuzz target as a plain program: gcc -DFUZZ_REPLAY, then name the inputs
 */
#ifndef SPEC_REPLAY_H
#define SPEC_REPLAY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#ifdef FUZZ_REPLAY
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        uint8_t *data = malloc(1 << 20);
        size_t n;

        if (!f || !data)
            return 1;
        n = fread(data, 1, 1 << 20, f);
        fclose(f);
        data = realloc(data, n ? n : 1);        /* so that a read beyond the end is seen */
        LLVMFuzzerTestOneInput(data, n);
        free(data);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
#endif

#endif
