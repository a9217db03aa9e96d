package org.noisyquant.spark.stage;

import org.noisyquant.onnx.OnnxModel;

/**
 * A parsed model that the tasks of an executor share.
 *
 * @param model read once per executor
 */
record ExecutorModel(OnnxModel model) implements AutoCloseable {
  /** The model of a file, for the running task. */
  static OnnxModel of(ShippedModel shipped) {
    return ExecutorCache.get(
            "model " + shipped.file(),
            ExecutorModel.class,
            () -> new ExecutorModel(OnnxModel.read(shipped.path())))
        .model();
  }

  @Override
  public void close() {
    // Nothing but memory.
  }
}
