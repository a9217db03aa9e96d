package org.noisyquant.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.SiteSelection;
import org.noisyquant.image.ImageDecoder;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.testing.TestImages;

/**
 * The statistics pass as one loop over the classes of core, without Spark: read, decode,
 * preprocess, run, count. Prints its time from the first image on, what of it is the forward, and
 * what a partition's statistics cost afterwards: their bytes, and the time to merge them into
 * others. One thread, nothing warm but the session, as in a job.
 *
 * <p>Arguments: {@code MODEL.onnx PREPROCESSING.json IMAGES COUNT [N]}; every N-th image is held
 * out, none without it.
 */
public final class StatisticsBenchmark {
  private StatisticsBenchmark() {}

  /** Prints {@code name value} lines. */
  public static void main(String[] args) throws IOException {
    OnnxModel model = OnnxModel.read(Path.of(args[0]));
    Preprocessor preprocessor = TestImages.preprocessor(Path.of(args[1]), model.graph());
    List<Path> files = files(Path.of(args[2]), Integer.parseInt(args[3]));
    List<ActivationSite> sites =
        model.graph().sites().stream()
            .filter(site -> new SiteSelection(List.of(), List.of(), false).selects(site))
            .toList();
    List<String> tensors = sites.stream().map(ActivationSite::tensor).toList();
    List<SiteStatistics> statistics = new ArrayList<>();
    for (ActivationSite site : sites) {
      statistics.add(SiteStatistics.empty(site.index(), site.channels(), site.prefixTokens()));
    }
    Path tapped = Files.createTempFile("tapped", ".onnx");
    ActivationTaps.addTo(model, tensors).write(tapped);
    double forward = 0;
    long start;
    try (ModelRunner runner = ModelRunner.open(tapped, 1);
        ModelRunner.Run run =
            runner.newRun(model.graph().height(), model.graph().width(), tensors)) {
      float[] pixels = new float[preprocessor.size()];
      float[] x = new float[0];
      start = System.nanoTime();
      int heldOut = args.length > 4 ? Integer.parseInt(args[4]) : Integer.MAX_VALUE;
      int seen = 0;
      for (Path file : files) {
        SiteStatistics.Part part =
            ++seen % heldOut == 0 ? SiteStatistics.Part.HELD_OUT : SiteStatistics.Part.CALIBRATION;
        preprocessor.apply(
            ImageDecoder.decode(Files.readAllBytes(file), file.toString()), pixels, 0);
        long before = System.nanoTime();
        run.run(pixels);
        forward += seconds(before);
        for (int i = 0; i < sites.size(); i++) {
          if (run.size(i) > x.length) {
            x = new float[run.size(i)];
          }
          run.copyTo(i, x);
          statistics.get(i).update(part, x, run.size(i) / sites.get(i).channels());
        }
      }
    } finally {
      Files.delete(tapped);
    }
    print("loop.seconds", seconds(start));
    print("forward.seconds", forward);
    start = System.nanoTime();
    List<byte[]> bytes = statistics.stream().map(SiteStatistics::toBytes).toList();
    print("toBytes.seconds", seconds(start));
    print("sites", sites.size());
    print("bytes", bytes.stream().mapToDouble(b -> b.length).sum());
    start = System.nanoTime();
    for (int i = 0; i < bytes.size(); i++) {
      statistics.get(i).merge(SiteStatistics.fromBytes(bytes.get(i)));
    }
    print("merge.seconds", seconds(start));
  }

  private static List<Path> files(Path folder, int count) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(f -> f.toString().matches(".*\\.(png|jpe?g|JPEG)"))
          .sorted()
          .limit(count)
          .toList();
    }
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  private static void print(String name, double value) {
    System.out.printf(Locale.ROOT, "%s %.3f%n", name, value);
  }
}
