/** Writes quantized ONNX models. With {@code org.noisyquant.onnx} the only user of protobuf. */
package org.noisyquant.export;
