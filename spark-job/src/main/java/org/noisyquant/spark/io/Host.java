package org.noisyquant.spark.io;

import java.io.IOException;
import java.net.InetAddress;

/** The machine that this runs on. */
public final class Host {
  private Host() {}

  /** Its name, or {@code unknown}. */
  public static String name() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (IOException e) {
      return "unknown";
    }
  }
}
