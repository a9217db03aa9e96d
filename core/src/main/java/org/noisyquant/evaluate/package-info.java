/**
 * Compares quantized models with their FP32 model on images, where they run, and estimates the
 * differences with paired bootstrap intervals: {@code ImageScore} per image, {@code EvaluationSums}
 * per partition, {@code EvaluationResult} on the driver.
 */
package org.noisyquant.evaluate;
