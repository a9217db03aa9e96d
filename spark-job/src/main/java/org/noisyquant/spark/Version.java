package org.noisyquant.spark;

import org.noisyquant.spark.io.BuildVersion;
import picocli.CommandLine.IVersionProvider;

/** The text of --version. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {
      "noisyquant " + BuildVersion.noisyquant() + " (built for Spark " + BuildVersion.spark() + ")",
      "Java " + Runtime.version() + ", " + System.getProperty("os.arch")
    };
  }
}
