/*
 * main - one program, many verbs (engine/cli.h)
 */
#include <signal.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
    /* A peer or a pipe that goes away is an error of write(), never a death. */
    signal(SIGPIPE, SIG_IGN);
    return cli_main(argc, argv);
}
