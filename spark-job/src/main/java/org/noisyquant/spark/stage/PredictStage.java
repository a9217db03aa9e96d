package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.util.TaskCompletionListener;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.image.ImageDecoder;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.runtime.ModelRunner;

/**
 * Classifies images with several models: each row gets one more column per model, the class of the
 * largest logit as a double, or null where the image cannot be read.
 */
public final class PredictStage implements Serializable {
  private static final long serialVersionUID = 1L;

  private final ArrayList<ShippedModel> models;
  private final String output;
  private final Preprocessing preprocessing;
  private final int nameColumn;
  private final int contentColumn;

  private PredictStage(
      List<ShippedModel> models,
      String output,
      Preprocessing preprocessing,
      int nameColumn,
      int contentColumn) {
    this.models = new ArrayList<>(models);
    this.output = output;
    this.preprocessing = preprocessing;
    this.nameColumn = nameColumn;
    this.contentColumn = contentColumn;
  }

  /**
   * A stage for models of the same input and output.
   *
   * @param onnx the models
   * @param graph of them
   * @param nameColumn index of the column with the image's name
   * @param contentColumn index of the column with the image file
   */
  public static PredictStage of(
      JavaSparkContext spark,
      List<OnnxFile> onnx,
      ModelGraph graph,
      Preprocessing preprocessing,
      int nameColumn,
      int contentColumn) {
    List<ShippedModel> models = onnx.stream().map(m -> ShippedModel.ship(spark, m)).toList();
    return new PredictStage(models, graph.output(), preprocessing, nameColumn, contentColumn);
  }

  /** Classifies the images of one partition. */
  public Iterator<Row> predict(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return Collections.emptyIterator();
    }
    List<ModelRunner.Run> runs = new ArrayList<>();
    for (ShippedModel model : models) {
      runs.add(
          ExecutorCache.runner(model)
              .newRun(preprocessing.height(), preprocessing.width(), List.of(output)));
    }
    TaskContext.get()
        .addTaskCompletionListener(
            (TaskCompletionListener) context -> runs.forEach(ModelRunner.Run::close));
    Preprocessor preprocessor = new Preprocessor(preprocessing);
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return rows.hasNext();
      }

      @Override
      public Row next() {
        return withPredictions(rows.next(), preprocessor, runs);
      }
    };
  }

  private Row withPredictions(Row row, Preprocessor preprocessor, List<ModelRunner.Run> runs) {
    Object[] values = new Object[row.size() + runs.size()];
    for (int i = 0; i < row.size(); i++) {
      values[i] = row.get(i);
    }
    if (row.isNullAt(contentColumn)) {
      return RowFactory.create(values);
    }
    float[] pixels;
    try {
      pixels =
          preprocessor.apply(
              ImageDecoder.decode(row.getAs(contentColumn), row.getString(nameColumn)));
    } catch (NoisyQuantException e) {
      if (e.code() == ErrorCode.IMAGE_UNREADABLE) {
        return RowFactory.create(values);
      }
      throw e;
    }
    for (int m = 0; m < runs.size(); m++) {
      runs.get(m).run(pixels);
      values[row.size() + m] = (double) largest(runs.get(m).values(0));
    }
    return RowFactory.create(values);
  }

  private static int largest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }
}
