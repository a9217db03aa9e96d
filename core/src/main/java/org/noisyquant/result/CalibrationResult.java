package org.noisyquant.result;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.List;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * {@code calibration.json}: everything that was chosen and where it came from.
 *
 * @param formatVersion of this file
 * @param provenance inputs, versions and configuration
 * @param sites one entry per quantized site, in topological order
 * @param run host and time: the only part that differs between two equal calibrations
 */
@JsonPropertyOrder({"formatVersion", "provenance", "sites", "run"})
public record CalibrationResult(
    int formatVersion, Provenance provenance, List<SiteResult> sites, Run run) {
  /** The format this program writes. */
  public static final int FORMAT_VERSION = 1;

  /**
   * Where and when a calibration ran.
   *
   * @param host of the driver
   * @param startedAt ISO-8601 instant
   * @param seconds wall time of the calibration
   * @param sparkVersion version of Spark
   * @param master Spark master URL
   */
  public record Run(
      String host, String startedAt, double seconds, String sparkVersion, String master) {}

  /** Copies the list. */
  public CalibrationResult {
    sites = List.copyOf(sites);
  }

  /** The file's text, UTF-8 with a final newline; the same for equal values. */
  public String toJson() {
    return ResultJson.write(this);
  }

  /**
   * Reads what {@link #toJson} wrote.
   *
   * @param where how to call the text in error messages
   * @throws NoisyQuantException STATISTICS_INVALID if it is no calibration of this format
   */
  public static CalibrationResult fromJson(String json, String where) {
    try {
      CalibrationResult result = ResultJson.MAPPER.readValue(json, CalibrationResult.class);
      if (result.formatVersion() != FORMAT_VERSION) {
        throw invalid(where, "its format is " + result.formatVersion(), null);
      }
      return result;
    } catch (JsonProcessingException e) {
      throw invalid(where, e.getOriginalMessage(), e);
    }
  }

  private static NoisyQuantException invalid(String where, String what, Exception cause) {
    return new NoisyQuantException(
        ErrorCode.STATISTICS_INVALID,
        where + " is no calibration.json of format " + FORMAT_VERSION + ": " + what,
        cause);
  }
}
