package org.noisyquant.spark.io;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import software.amazon.awssdk.core.exception.RetryableException;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.interceptor.SdkExecutionAttribute;

/**
 * Reads an answer of S3 to its end before the AWS SDK parses it. A connection that is lost in
 * mid-answer is an IOException of its parser else, which the SDK wraps in something that neither it
 * nor S3A tries again: one reset in a listing or a copy would end the run. Thrown from here it is
 * retried as {@code fs.s3a.attempts.maximum} and {@code fs.s3a.retry.limit} say. Contents of
 * objects pass unread: S3A reopens those by itself.
 *
 * <p>The SDK finds this class by {@code software/amazon/awssdk/services/s3/execution.interceptors},
 * if the class loader that it was loaded by sees our jar.
 */
public final class CompleteAnswers implements ExecutionInterceptor {
  private static final String CONTENT_OF_OBJECT = "GetObject";

  @Override
  public Optional<InputStream> modifyHttpResponseContent(
      Context.ModifyHttpResponse context, ExecutionAttributes attributes) {
    Optional<InputStream> body = context.responseBody();
    String operation = attributes.getAttribute(SdkExecutionAttribute.OPERATION_NAME);
    if (body.isEmpty() || CONTENT_OF_OBJECT.equals(operation)) {
      return body;
    }
    try (InputStream in = body.get()) {
      return Optional.of(new ByteArrayInputStream(in.readAllBytes()));
    } catch (IOException e) {
      throw RetryableException.create("the answer to " + operation + " was cut off", e);
    }
  }
}
