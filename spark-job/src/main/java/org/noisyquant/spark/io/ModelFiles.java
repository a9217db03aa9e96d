package org.noisyquant.spark.io;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;

/** Models and what comes beside them, at any Hadoop FileSystem URI. */
public final class ModelFiles {
  private static final String KEY = "model.path (--model)";

  private ModelFiles() {}

  /**
   * Reads an FP32 model.
   *
   * @throws NoisyQuantException MODEL_NOT_FOUND, MODEL_UNREADABLE or MODEL_UNSUPPORTED
   */
  public static OnnxModel model(Configuration hadoop, String uri) {
    try {
      Path path = new Path(uri);
      FileSystem files = path.getFileSystem(hadoop);
      if (files instanceof LocalFileSystem local) {
        // Tensors in files beside it need not be copied.
        return OnnxModel.read(local.pathToFile(path).toPath());
      }
    } catch (IOException | IllegalArgumentException e) {
      throw notFound(uri, KEY, e);
    }
    return parsed(hadoop, uri, KEY, OnnxModel::parse);
  }

  /**
   * Reads any model, with its data files.
   *
   * @param key what gave the path, for messages
   * @throws NoisyQuantException MODEL_NOT_FOUND or MODEL_UNREADABLE
   */
  public static OnnxFile file(Configuration hadoop, String uri, String key) {
    return parsed(hadoop, uri, key, OnnxFile::of);
  }

  /** Makes something of a file with a graph, its URI and the local folder of its data files. */
  private interface Parser<T> {
    T parse(byte[] file, String uri, java.nio.file.Path folder);
  }

  private static <T> T parsed(Configuration hadoop, String uri, String key, Parser<T> parser) {
    byte[] bytes = bytes(hadoop, uri, key);
    try (DataFiles data = DataFiles.of(hadoop, uri, OnnxFile.dataFiles(bytes, uri))) {
      return parser.parse(bytes, uri, data.folder());
    } catch (IOException e) {
      throw unreadable(uri, key, e);
    }
  }

  private static byte[] bytes(Configuration hadoop, String uri, String key) {
    try {
      return HadoopFiles.read(hadoop, uri);
    } catch (FileNotFoundException | IllegalArgumentException e) {
      throw notFound(uri, key, e);
    } catch (IOException e) {
      throw unreadable(uri, key, e);
    }
  }

  private static NoisyQuantException unreadable(String uri, String key, IOException cause) {
    return new NoisyQuantException(
        ErrorCode.MODEL_UNREADABLE,
        "model "
            + uri
            + " cannot be read ("
            + cause.getMessage()
            + "); check "
            + key
            + " and the access to it",
        cause);
  }

  /**
   * Reads how images become a model's input.
   *
   * @param modelUri the model
   * @param graph of the model
   * @param given the file; empty: the one beside the model
   * @throws NoisyQuantException PREPROCESSING_INVALID if there is none, or it does not fit
   */
  public static Preprocessing preprocessing(
      Configuration hadoop, String modelUri, ModelGraph graph, String given) {
    if (!given.isEmpty()) {
      return read(hadoop, given, graph);
    }
    Path folder = new Path(modelUri).getParent();
    for (String name : Preprocessing.FILE_NAMES) {
      Path beside = folder == null ? new Path(name) : new Path(folder, name);
      try {
        if (beside.getFileSystem(hadoop).exists(beside)) {
          return read(hadoop, beside.toString(), graph);
        }
      } catch (IOException e) {
        throw unreadable(beside.toString(), e);
      }
    }
    throw new NoisyQuantException(
        ErrorCode.PREPROCESSING_INVALID,
        "nothing says how images are preprocessed for "
            + modelUri
            + ": there is no "
            + String.join(" or ", Preprocessing.FILE_NAMES)
            + " beside it; put it there or give model.preprocessing (--preprocessing)");
  }

  private static Preprocessing read(Configuration hadoop, String uri, ModelGraph graph) {
    try {
      String json = new String(HadoopFiles.read(hadoop, uri), StandardCharsets.UTF_8);
      return Preprocessing.fromJson(json, uri, graph.height(), graph.width());
    } catch (IOException | IllegalArgumentException e) {
      throw unreadable(uri, e);
    }
  }

  private static NoisyQuantException unreadable(String uri, Exception cause) {
    return new NoisyQuantException(
        ErrorCode.PREPROCESSING_INVALID,
        uri
            + " cannot be read: "
            + cause.getMessage()
            + "; check model.preprocessing (--preprocessing)",
        cause);
  }

  private static NoisyQuantException notFound(String uri, String key, Exception cause) {
    return new NoisyQuantException(
        ErrorCode.MODEL_NOT_FOUND,
        "there is no model at " + uri + " (" + cause.getMessage() + "); check " + key,
        cause);
  }
}
