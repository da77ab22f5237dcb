// SPDX-License-Identifier: Apache-2.0
/* The helpers of runtime/base: growing arrays, percentiles, events, hexadecimal. */
#include <criterion/criterion.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/event.h"
#include "base/text.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(base, .timeout = 60);

Test(base, an_array_keeps_what_it_has_while_it_grows)
{
	uint32_t *v = NULL;

	for (size_t n = 0; n < 1000; n++) {
		cr_assert_eq(mea_grow(&v, n, 1, sizeof(*v)), 0);
		v[n] = (uint32_t)n * 2654435761u;
	}
	/* It shrinks, and grows by many at once. */
	cr_assert_eq(mea_grow(&v, 100, 5000, sizeof(*v)), 0);
	memset(v + 100, 0xff, 5000 * sizeof(*v));
	for (size_t n = 0; n < 100; n++)
		cr_assert_eq(v[n], (uint32_t)n * 2654435761u);
	free(v);
}

Test(base, sizes_that_do_not_exist_are_refused)
{
	uint64_t one = 1, *v = &one;

	cr_expect_eq(mea_grow(&v, 1, SIZE_MAX, sizeof(*v)), MEA_ENOMEM);
	cr_expect_eq(mea_grow(&v, SIZE_MAX / 2 + 2, 1, 1), MEA_ENOMEM);
	cr_expect_eq(mea_grow(&v, 1, SIZE_MAX / 8, sizeof(*v)), MEA_ENOMEM);
	cr_expect_eq(v, &one, "the array stays");
}

Test(base, percentiles_are_values_that_occurred)
{
	double v[] = {5, 1, 4, 2, 3};

	cr_expect_eq(mea_percentile(v, 5, 0), 1);
	cr_expect_eq(mea_percentile(v, 5, 0.2), 1);
	cr_expect_eq(mea_percentile(v, 5, 0.5), 3);
	cr_expect_eq(mea_percentile(v, 5, 0.99), 5);
	cr_expect_eq(mea_percentile(v, 5, 1), 5);
	cr_expect(isnan(mea_percentile(v, 0, 0.5)));
}

static void *set_later(void *event)
{
	usleep(20000);
	mea_event_set(*(int *)event);
	return NULL;
}

Test(base, an_event_wakes_once_however_often_it_was_set)
{
	int event = mea_event_new();
	pthread_t thread;
	double start = mea_now_ms();

	cr_assert_geq(event, 0);
	cr_assert_eq(pthread_create(&thread, NULL, set_later, &event), 0);
	cr_expect(!mea_event_wait(event, -1, INFINITY), "there is no other descriptor");
	cr_expect_geq(mea_now_ms() - start, 19);
	pthread_join(thread, NULL);
	mea_event_set(event);
	mea_event_set(event);
	mea_event_wait(event, -1, INFINITY);
	start = mea_now_ms();
	mea_event_wait(event, -1, 30);
	cr_expect_geq(mea_now_ms() - start, 29, "it was cleared");
	mea_event_wait(event, -1, -5);
	mea_event_set(-1);
	close(event);
}

Test(base, an_event_beside_another_descriptor)
{
	int event = mea_event_new(), other = mea_event_new();

	mea_event_set(other);
	cr_expect(mea_event_wait(event, other, INFINITY));
	cr_expect(mea_event_wait(event, other, 0), "only the event is cleared");
	mea_event_clear(other);
	mea_event_set(event);
	cr_expect(!mea_event_wait(event, other, INFINITY));
	close(event);
	close(other);
}

Test(base, hexadecimal)
{
	char text[7];

	mea_text_hex(text, "\x00\x9f\xff", 3);
	cr_expect_str_eq(text, "009fff");
}
