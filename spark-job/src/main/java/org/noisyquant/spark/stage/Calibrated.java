package org.noisyquant.spark.stage;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.result.SiteResult;
import org.noisyquant.result.StatisticsManifest;

/**
 * What a calibration gives.
 *
 * @param sites what was chosen, in topological order
 * @param scores every candidate that was scored, with its losses
 * @param model the quantized ONNX model with noisy biases
 * @param baseline the quantized ONNX model without: same weights, each site's best clip
 * @param prefixWeight what a class, distillation or register token counted against a patch token
 * @param manifest what the statistics were taken of
 * @param images which images it was made on
 * @param earlierImages how many of them were known by their statistics alone: candidates were not
 *     scored on these
 * @param drift how far ranges are from those of the reference
 * @param statistics (site, statistics): the merged statistics of each site, on the executors' disks
 *     until {@link #release}
 * @param imageRows (name, digest, part, reason): one row per image, likewise
 * @param secondsStatistics wall time of the statistics pass
 * @param secondsSearch wall time of the search
 * @param secondsWeights wall time of quantizing the weights
 * @param explicitAdds how many sites need an Add for their noise
 * @param release frees the executors' disks
 */
public record Calibrated(
    List<SiteResult> sites,
    List<CandidateScore> scores,
    OnnxFile model,
    OnnxFile baseline,
    double prefixWeight,
    StatisticsManifest manifest,
    CalibrationImages images,
    int earlierImages,
    Optional<RangeDrift> drift,
    Dataset<Row> statistics,
    Dataset<Row> imageRows,
    double secondsStatistics,
    double secondsSearch,
    double secondsWeights,
    int explicitAdds,
    Runnable release) {}
