/*
 * boot - which start of the kernel this is
 *
 * Files written without flushing (index, hints) survive the death of a
 * process, but not of the machine. They carry this name, and one that carries
 * another is thrown away (R2.5).
 */
#ifndef SPOOL_BOOT_H
#define SPOOL_BOOT_H

enum { BOOT_ID_LEN = 36 };

/* 36 characters; where the kernel does not tell, one that is never the same
 * again, so that nothing unflushed is believed. */
void boot_id(char out[BOOT_ID_LEN + 1]);

#endif
