// How a program that is measured with ends when it cannot go on: with a line on standard error.
#ifndef COMPARE_FAIL_H
#define COMPARE_FAIL_H

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
