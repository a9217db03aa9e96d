/**
 * From the bytes of an image file to the input of the model: decode, resize, crop, normalise.
 * Pixels are those that Pillow and NumPy give, so that a model sees here what it saw in training.
 */
package org.noisyquant.image;
