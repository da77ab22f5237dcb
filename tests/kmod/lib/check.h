/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests that print TAP, each in a process of its own with a time limit. Criterion would do, but
 * it places its memory at addresses that a User-Mode Linux 6.12 process does not have.
 *
 *   static void name(void); in TEST(name) { ... }     runs between check_start and check_stop
 *   program [NAME ...]                                runs these only
 */
#ifndef MEA_KMOD_CHECK_H
#define MEA_KMOD_CHECK_H

#include <stdbool.h>

struct check_test {
	const char *name;
	void (*run)(void);
	struct check_test *next;
};

void check_add(struct check_test *test);

#define TEST(test)                                                                                 \
	static void test(void);                                                                    \
	__attribute__((constructor)) static void test##_add(void)                                  \
	{                                                                                          \
		static struct check_test t = {#test, test, (void *)0};                             \
		check_add(&t);                                                                     \
	}                                                                                          \
	static void test(void)

/* Hooks that a program may define: before and after each test, in its process; and after
 * each test, however it ended, in the parent. */
extern void check_start(void) __attribute__((weak));
extern void check_stop(void) __attribute__((weak));
extern void check_clean(void) __attribute__((weak));

/* What a test says of itself with its result. */
void check_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the test, which counts as skipped. */
_Noreturn void check_skip(const char *why);

bool check_that(bool good, const char *file, int line, const char *text, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
bool check_equal(long long got, long long want, const char *file, int line, const char *text,
		 const char *format, ...) __attribute__((format(printf, 6, 7)));
_Noreturn void check_fail(void);

/* expect goes on after a failure, require ends the test. A format may follow; the space in
 * front of it is there because an empty one is an error. */
#define expect(c, ...)	      check_that(c, __FILE__, __LINE__, #c, " " __VA_ARGS__)
#define expect_eq(a, b, ...)  check_equal(a, b, __FILE__, __LINE__, #a, " " __VA_ARGS__)
#define require(c, ...)	      (expect(c, __VA_ARGS__) ? (void)0 : check_fail())
#define require_eq(a, b, ...) (expect_eq(a, b, __VA_ARGS__) ? (void)0 : check_fail())

#endif
