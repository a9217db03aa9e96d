package org.noisyquant.spark.stage;

import java.io.Serializable;
import org.noisyquant.stats.SiteStatistics.Part;

/** Which images a pass looks at, by what is known before they are decoded. */
@FunctionalInterface
public interface ImageFilter extends Serializable {
  /** All of them. */
  ImageFilter ALL = (part, digest) -> true;

  /** Those that choices are checked on. */
  ImageFilter HELD_OUT = (part, digest) -> part == Part.HELD_OUT;

  /** Whether an image of this part and content is among them. */
  boolean has(Part part, String digest);

  /** Those that are in both. */
  default ImageFilter and(ImageFilter other) {
    return (part, digest) -> has(part, digest) && other.has(part, digest);
  }
}
