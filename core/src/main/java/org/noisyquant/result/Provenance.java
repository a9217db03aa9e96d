package org.noisyquant.result;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.SortedMap;
import org.noisyquant.image.Preprocessing;

/**
 * Where a calibration came from. Equal inputs, versions and instruction set give equal provenance;
 * host and time are not in it.
 *
 * @param noisyquantVersion version of this program
 * @param onnxRuntimeVersion version of ONNX Runtime that ran the model
 * @param architecture operating system's name of the instruction set, such as amd64
 * @param threads threads of one ONNX Runtime run ({@code spark.task.cpus})
 * @param modelSha256 of the FP32 ONNX file
 * @param preprocessing the preprocessing in Hugging Face form
 * @param calibrationImages images that choices were made on
 * @param heldOutImages images that choices were checked on
 * @param earlierImages how many of both were known by earlier statistics alone, so that candidates
 *     were not scored on them
 * @param quarantinedImages images that could not be read
 * @param imagesSha256 SHA-256 over the sorted content digests of all images that were read
 * @param configuration every key that results depend on
 */
@JsonPropertyOrder(alphabetic = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Provenance(
    String noisyquantVersion,
    String onnxRuntimeVersion,
    String architecture,
    int threads,
    String modelSha256,
    Object preprocessing,
    long calibrationImages,
    long heldOutImages,
    long earlierImages,
    long quarantinedImages,
    String imagesSha256,
    SortedMap<String, Object> configuration) {
  /** The form in which a preprocessing is kept here. */
  public static Object preprocessing(Preprocessing preprocessing) {
    return ResultJson.embedded(preprocessing.toJson());
  }
}
