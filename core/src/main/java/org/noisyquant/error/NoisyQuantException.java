package org.noisyquant.error;

import java.util.Objects;

/**
 * The one exception of this project. Its message names the file, layer or key, the offending value,
 * and what to do about it.
 */
public final class NoisyQuantException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorCode code;

  /** An error that was found here. */
  public NoisyQuantException(ErrorCode code, String message) {
    super(message);
    this.code = Objects.requireNonNull(code);
    assert hasForm(code, message);
  }

  /**
   * An error that another exception led to. The cause must serialize where the exception can travel
   * from an executor to the driver.
   */
  public NoisyQuantException(ErrorCode code, String message, Throwable cause) {
    super(message, cause);
    this.code = Objects.requireNonNull(code);
    assert hasForm(code, message);
  }

  /**
   * Whether troubleshooting knows this form of message. An assertion, since a message of another
   * form is still better than none where a run fails: tests find it.
   */
  private static boolean hasForm(ErrorCode code, String message) {
    if (!code.pattern().matcher(message).matches()) {
      throw new AssertionError("no form of " + code + " has the message: " + message);
    }
    return true;
  }

  /** What went wrong, as a stable name. */
  public ErrorCode code() {
    return code;
  }

  /**
   * Class name, {@code [code]} and message: where only the text of an executor's failure reaches
   * the driver, the code still does.
   */
  @Override
  @SuppressWarnings(
      "OverrideThrowableToString") // getMessage() is what people read, without the code
  public String toString() {
    return getClass().getName() + ": [" + code + "] " + getMessage();
  }
}
