/**
 * Reads ONNX models into {@link org.noisyquant.graph} and taps their activations. With {@code
 * org.noisyquant.export} the only package that sees the ONNX protobuf classes.
 */
package org.noisyquant.onnx;
