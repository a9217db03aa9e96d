package org.noisyquant.spark.ml;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWriter;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWriter;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.result.CalibrationResult;
import org.noisyquant.spark.io.HadoopFiles;
import org.noisyquant.spark.io.ModelFiles;
import scala.Option;

/**
 * The files of a saved {@link NoisyQuantModel}: MLlib's metadata, and a folder {@code data} with
 * the ONNX models, their preprocessing and the calibration. The only class that calls what MLlib
 * keeps in Scala companions.
 */
final class NoisyQuantModelFormat {
  private static final String DATA = "data";
  private static final String FP32 = "fp32.onnx";
  private static final String BASELINE = "baseline.onnx";
  private static final String QUANTIZED = "model.onnx";
  private static final String PREPROCESSING = "preprocessor_config.json";
  private static final String CALIBRATION = "calibration.json";

  private NoisyQuantModelFormat() {}

  static final class Writer extends MLWriter {
    private final NoisyQuantModel model;

    Writer(NoisyQuantModel model) {
      this.model = model;
    }

    @Override
    @SuppressWarnings("deprecation") // Spark 3.5 has no other
    public void saveImpl(String path) {
      SparkContext spark = sc();
      DefaultParamsWriter.saveMetadata(model, path, spark, Option.empty(), Option.empty());
      Path folder = new Path(path, DATA);
      NoisyQuantModel.Content content = model.content();
      try {
        FileSystem files = folder.getFileSystem(spark.hadoopConfiguration());
        write(files, new Path(folder, FP32), content.fp32());
        write(files, new Path(folder, BASELINE), content.baseline());
        write(files, new Path(folder, QUANTIZED), content.quantized());
        write(files, new Path(folder, PREPROCESSING), utf8(content.preprocessing().toJson()));
        write(files, new Path(folder, CALIBRATION), utf8(content.result().toJson()));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot save the model to " + path, e);
      }
    }

    private static void write(FileSystem files, Path path, OnnxFile model) throws IOException {
      Path data = path.suffix(OnnxFile.dataName(""));
      if (model.hasData()) {
        try (OutputStream out = files.create(data, true)) {
          model.writeData(out);
        }
      }
      write(files, path, model.graph(data.getName()));
    }

    private static void write(FileSystem files, Path path, byte[] content) throws IOException {
      try (OutputStream out = files.create(path, true)) {
        out.write(content);
      }
    }

    private static byte[] utf8(String text) {
      return text.getBytes(StandardCharsets.UTF_8);
    }
  }

  static final class Reader extends MLReader<NoisyQuantModel> {
    @Override
    @SuppressWarnings("deprecation") // Spark 3.5 has no other
    public NoisyQuantModel load(String path) {
      DefaultParamsReader.Metadata metadata =
          DefaultParamsReader.loadMetadata(path, sc(), NoisyQuantModel.class.getName());
      Configuration hadoop = sc().hadoopConfiguration();
      Path folder = new Path(path, DATA);
      try {
        OnnxFile fp32 = model(hadoop, folder, FP32);
        ModelGraph graph = OnnxModel.of(fp32, new Path(folder, FP32).toString()).graph();
        String preprocessing = text(hadoop, folder, PREPROCESSING);
        NoisyQuantModel model =
            new NoisyQuantModel(
                metadata.uid(),
                new NoisyQuantModel.Content(
                    fp32,
                    model(hadoop, folder, BASELINE),
                    model(hadoop, folder, QUANTIZED),
                    Preprocessing.fromJson(
                        preprocessing,
                        new Path(folder, PREPROCESSING).toString(),
                        graph.height(),
                        graph.width()),
                    CalibrationResult.fromJson(
                        text(hadoop, folder, CALIBRATION),
                        new Path(folder, CALIBRATION).toString())),
                null);
        metadata.getAndSetParams(model, Option.empty());
        return model;
      } catch (IOException e) {
        throw new UncheckedIOException("cannot load the model from " + path, e);
      }
    }

    private static OnnxFile model(Configuration hadoop, Path folder, String name) {
      return ModelFiles.file(hadoop, new Path(folder, name).toString(), "the saved model");
    }

    private static String text(Configuration hadoop, Path folder, String name) throws IOException {
      byte[] bytes = HadoopFiles.read(hadoop, new Path(folder, name).toString());
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }
}
