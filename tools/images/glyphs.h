/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glyphs: a procedural data set of digits and letters, drawn from stroke
 * outlines in integer arithmetic only, so that one seed gives the same bytes
 * on every machine.
 */
#ifndef MEA_GLYPHS_H
#define MEA_GLYPHS_H

#include <stddef.h>
#include <stdint.h>

#define MEA_GLYPHS_CLASSES 36
#define MEA_GLYPHS_SIZE	   32
#define MEA_GLYPHS_BYTES   (MEA_GLYPHS_SIZE * MEA_GLYPHS_SIZE * 3)
#define MEA_GLYPHS_SEED	   1

enum mea_glyphs_split { MEA_GLYPHS_TRAIN, MEA_GLYPHS_TEST };

/*
 * A line from (x0, y0) to (x1, y1), or, with sweep != 0, an elliptic arc with
 * centre (x0, y0) and radii (x1, y1). Angles are in 1/64 turns, 0 to the right
 * and, as y points down, growing clockwise. The letter box is x -32..32,
 * y -48..48. A piece with a variant is drawn in half of the images: 'a' in the
 * one half, 'b' in the other.
 */
struct mea_glyph_piece {
	int8_t x0, y0, x1, y1;
	int8_t from, sweep;
	char variant;
};

/* The pieces of class label (0..35 for 0-9, A-Z); *n tells how many. */
const struct mea_glyph_piece *mea_glyph_outline(int label, int *n);

/* Class name: "0".."9", "A".."Z". */
const char *mea_glyph_name(int label);

/*
 * Draws image number index of a split: 32x32 RGB as HWC bytes in rgb, its class
 * as the return value. Each image depends on (seed, split, index) alone, and
 * every 36 images from a multiple of 36 on hold each class once.
 */
int mea_glyph_draw(uint64_t seed, enum mea_glyphs_split split, uint32_t index,
		   uint8_t rgb[MEA_GLYPHS_BYTES]);

/*
 * Writes train.bin, test.bin (CIFAR-100 samples; coarse 0 digit, 1 letter),
 * fine_label_names.txt and coarse_label_names.txt into folder dir, which is
 * made if missing. progress, if any, is told (done, total) images.
 * Returns 0 or a negative error that names the file.
 */
int mea_glyphs_write(const char *dir, uint32_t n_train, uint32_t n_test, uint64_t seed,
		     void (*progress)(size_t done, size_t total, void *ctx), void *ctx);

#endif
