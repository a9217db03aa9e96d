package org.noisyquant.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** Which build this is; Maven fills in {@code version.properties}. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {
      "noisyquant " + noisyquant() + " (built for Spark " + read().getProperty("spark") + ")",
      "Java " + Runtime.version() + ", " + System.getProperty("os.arch")
    };
  }

  /** Version of this project. */
  static String noisyquant() {
    return read().getProperty("noisyquant");
  }

  private static Properties read() {
    Properties versions = new Properties();
    try (InputStream in = Version.class.getResourceAsStream("version.properties")) {
      versions.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException("version.properties of this jar cannot be read", e);
    }
    return versions;
  }
}
