package org.noisyquant.spark.io;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/** Which build this is; Maven fills in {@code version.properties}. */
public final class BuildVersion {
  private static final Properties VERSIONS = read();

  private BuildVersion() {}

  /** Version of this project. */
  public static String noisyquant() {
    return VERSIONS.getProperty("noisyquant");
  }

  /** Version of Spark that this build was made for. */
  public static String spark() {
    return VERSIONS.getProperty("spark");
  }

  private static Properties read() {
    Properties versions = new Properties();
    try (InputStream in =
        BuildVersion.class.getResourceAsStream("/org/noisyquant/spark/version.properties")) {
      versions.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException("version.properties of this jar cannot be read", e);
    }
    return versions;
  }
}
