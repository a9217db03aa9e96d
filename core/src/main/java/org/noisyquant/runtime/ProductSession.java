package org.noisyquant.runtime;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** Opening, closing and failing of sessions that multiply matrices by a generated model. */
final class ProductSession {
  private ProductSession() {}

  /**
   * Opens a session.
   *
   * @param model ONNX bytes
   * @param threads threads of one product
   */
  static OrtSession open(byte[] model, int threads) {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      return OrtEnvironment.getEnvironment().createSession(model, options);
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  static void close(OrtSession session) {
    try {
      session.close();
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  static NoisyQuantException failed(OrtException e) {
    return new NoisyQuantException(
        ErrorCode.INTERNAL, "ONNX Runtime cannot multiply matrices: " + e.getMessage());
  }
}
