package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.io.OutputFolder;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.spark.testing.ObjectStore;
import org.noisyquant.spark.testing.ResettingRelay;
import org.noisyquant.testing.TestData;

/** Everything on s3a://, against an S3 service in this process. */
class ObjectStoreIT {
  private static final int IMAGES = 8;
  private static final String BUCKET = "noisyquant-data";

  @TempDir static Path folder;

  private static ObjectStore store;
  private static Configuration hadoop;
  private static TestJob job;
  private static Path local;

  @BeforeAll
  static void fillBucket() throws IOException {
    store = ObjectStore.start();
    hadoop = LocalSpark.session().sparkContext().hadoopConfiguration();
    store.bucket(BUCKET, hadoop);
    job = new TestJob(folder);
    local = job.images("images", IMAGES);
    StringBuilder labels = new StringBuilder("file,label\n");
    for (String name : ImageSource.list(LocalSpark.session(), local.toString()).names()) {
      labels.append(name).append(",1\n");
      store.put(BUCKET, "images/" + name, Files.readAllBytes(local.resolve(name)));
    }
    TestJob.write(local.resolve("labels.csv"), labels.toString());
    store.put(BUCKET, "images/labels.csv", utf8(labels.toString()));
    store.put(BUCKET, "model/vit.onnx", TestData.fashionBytes("fashion_vit.onnx"));
    store.put(
        BUCKET,
        "model/preprocessor_config.json",
        TestData.fashionBytes("preprocessor_config_vit.json"));
    store.put(BUCKET, "coarse.conf", utf8(TestJob.COARSE));
  }

  @AfterAll
  static void close() {
    store.close();
  }

  @Test
  void aCalibrationFromBucketToBucketGivesTheBytesOfALocalOne() {
    Ended here = job.calibrate("here", "fashion_vit.onnx", local);
    assertThat(here.err()).isEmpty();

    Ended there = calibrate("there");

    assertThat(there.err()).isEmpty();
    assertThat(there.exitCode()).isZero();
    assertThat(there.out()).contains("results in s3a://" + BUCKET + "/there");
    for (String file : List.of("model.onnx", "baseline.onnx")) {
      assertThat(store.get(BUCKET, "there/" + file)).as(file).isEqualTo(here.bytes(file));
    }
    for (String file :
        List.of("_SUCCESS", "metrics.json", "calibration.json", "statistics/manifest.json")) {
      assertThat(store.get(BUCKET, "there/" + file)).as(file).isNotNull();
    }
    assertThat(new String(store.get(BUCKET, "there/metrics.json"), StandardCharsets.UTF_8))
        .contains("\"fp32.top1\"");
  }

  @Tag("full")
  @Test
  void aModelWithItsWeightsInADataFileGivesTheBytesOfTheSameModelInOneFile() {
    OnnxFile large = OnnxModel.read(TestData.fashion("fashion_vit.onnx"), 100_000).file();
    try (OutputFolder output = OutputFolder.open(hadoop, "s3a://" + BUCKET + "/large", false)) {
      output.write("vit.onnx", large);
      output.commit();
    }
    assertThat(store.get(BUCKET, "large/vit.onnx.data")).hasSizeGreaterThan(1_000_000);
    Ended here = job.calibrate("in-one-file", "fashion_vit.onnx", local);

    Ended there =
        run(
            Map.of(
                "--model", "s3a://" + BUCKET + "/large/vit.onnx",
                "--output", "s3a://" + BUCKET + "/of-large"));

    assertThat(there.exitCode()).as(there.err()).isZero();
    assertThat(store.get(BUCKET, "of-large/model.onnx")).isEqualTo(here.bytes("model.onnx"));
  }

  @Tag("full")
  @Test
  void aServiceThatRefusesAFifthOfAllRequestsChangesNothing() throws IOException {
    String busy = "busy-bucket";
    store.bucketOfPatience(busy, hadoop);
    putImages(busy);
    Ended here = job.calibrate("calm", "fashion_vit.onnx", local);
    store.slowDown(5);
    Ended there;
    try {
      there =
          run(
              Map.of(
                  "--images", "s3a://" + busy + "/images", "--output", "s3a://" + busy + "/out"));
    } finally {
      store.slowDown(0);
    }

    System.out.println(store.refused() + " requests were answered with 503");
    assertThat(there.exitCode()).as(there.err()).isZero();
    assertThat(store.refused()).isGreaterThan(20);
    assertThat(store.get(busy, "out/model.onnx")).isEqualTo(here.bytes("model.onnx"));
  }

  @Tag("full")
  @Test
  void connectionsThatAreResetInMidAnswerChangeNothing() throws IOException {
    String shaky = "shaky-bucket";
    Ended here = job.calibrate("steady", "fashion_vit.onnx", local);
    try (ResettingRelay relay = ResettingRelay.start(store.port(), 20_000, 3)) {
      store.bucketOfPatience(shaky, relay.port(), hadoop);
      putImages(shaky);
      store.put(shaky, "model.onnx", Files.readAllBytes(TestData.fashion("fashion_vit.onnx")));

      Ended there =
          run(
              Map.of(
                  "--model", "s3a://" + shaky + "/model.onnx",
                  "--images", "s3a://" + shaky + "/images",
                  "--output", "s3a://" + shaky + "/out"));

      System.out.println(relay.resets() + " connections were reset");
      assertThat(there.exitCode()).as(there.err()).isZero();
      assertThat(relay.resets()).isGreaterThan(20);
    }
    assertThat(store.get(shaky, "out/model.onnx")).isEqualTo(here.bytes("model.onnx"));
  }

  private static void putImages(String bucket) throws IOException {
    for (String name : ImageSource.list(LocalSpark.session(), local.toString()).names()) {
      store.put(bucket, "images/" + name, Files.readAllBytes(local.resolve(name)));
    }
  }

  @Test
  @Tag("full")
  void finishedResultsAreKeptWithoutOverwriteAndReplacedWithIt() {
    assertThat(calibrate("twice").exitCode()).isZero();
    byte[] model = store.get(BUCKET, "twice/model.onnx");

    Ended refused = calibrate("twice");
    assertThat(refused.exitCode()).isEqualTo(2);
    assertThat(refused.err()).contains("OUTPUT_EXISTS", "--overwrite");
    assertThat(store.get(BUCKET, "twice.failed-metrics.json")).isNotNull();

    Ended replaced = calibrate("twice", "--overwrite", "--seed", "7");
    assertThat(replaced.exitCode()).isZero();
    assertThat(store.get(BUCKET, "twice/model.onnx")).isNotEqualTo(model);
    assertThat(store.get(BUCKET, "twice.failed-metrics.json")).isNull();
  }

  @Test
  void tenThousandObjectsAreListedWithoutARequestForEach() throws IOException {
    byte[] image = Files.readAllBytes(TestJob.fashionImages().get(0));
    for (int i = 0; i < 10_000; i++) {
      store.put(BUCKET, String.format("many/%02d/%04d.png", i % 20, i), image);
    }
    int listings = store.listings();
    int objects = store.objectRequests();

    SparkSession spark = LocalSpark.session();
    ImageSource all = ImageSource.list(spark, "s3a://" + BUCKET + "/many");

    assertThat(all.names()).hasSize(10_000);
    System.out.printf(
        "10000 objects: %d listings, %d requests for objects%n",
        store.listings() - listings, store.objectRequests() - objects);
    assertThat(store.listings() - listings).isLessThan(60);
    assertThat(store.objectRequests() - objects).isLessThan(20);
    assertThat(all.sample(5, 1).read(2).count()).isEqualTo(5);
  }

  @Test
  void aBucketThatIsNotThereIsAnInputError() {
    store.reach("no-such-bucket", hadoop);

    assertInputError(
        Map.of("--model", "s3a://no-such-bucket/vit.onnx"), "no-such-bucket", "--model");
    assertInputError(
        Map.of("--images", "s3a://no-such-bucket/images"), "no-such-bucket", "--images");
  }

  @Test
  void aBucketThatMayNotBeReadIsAnInputError() {
    store.bucket("denied-bucket", hadoop);
    store.put("denied-bucket", "vit.onnx", new byte[1]);
    store.reachAsStranger("denied-bucket", hadoop);

    assertInputError(
        Map.of("--model", "s3a://denied-bucket/vit.onnx"), "denied-bucket", "Forbidden");
    assertInputError(
        Map.of("--images", "s3a://denied-bucket/images"), "denied-bucket", "Forbidden");
  }

  @Test
  void aServiceThatDoesNotAnswerIsAnInputError() throws IOException {
    int free;
    try (ServerSocket socket = new ServerSocket(0)) {
      free = socket.getLocalPort();
    }
    ObjectStore.reach("silent-bucket", "http://127.0.0.1:" + free, "a", "b", hadoop);

    assertInputError(Map.of("--images", "s3a://silent-bucket/images"), "silent-bucket");
    assertInputError(Map.of("--model", "s3a://silent-bucket/vit.onnx"), "silent-bucket");
  }

  @Test
  void anOutputThatMayNotBeWrittenIsSaidBeforeAnythingIsComputed() {
    store.bucket("read-only-bucket", hadoop);
    store.reachAsStranger("read-only-bucket", hadoop);

    Ended ended = run(Map.of("--output", "s3a://read-only-bucket/out"));

    assertThat(ended.exitCode()).isEqualTo(2);
    assertThat(ended.err()).contains("OUTPUT_NOT_WRITABLE", "s3a://read-only-bucket/out");
  }

  private static void assertInputError(Map<String, String> flags, String... words) {
    Ended ended = run(flags);

    assertThat(ended.exitCode()).as(ended.err()).isEqualTo(3);
    assertThat(ended.err().lines().findFirst().orElse("")).contains(words);
  }

  private static Ended run(Map<String, String> flags) {
    String output = "s3a://" + BUCKET + "/failed";
    List<String> line =
        new ArrayList<>(
            List.of(
                "calibrate", "--config", "s3a://" + BUCKET + "/coarse.conf", "--preprocessing"));
    line.add("s3a://" + BUCKET + "/model/preprocessor_config.json");
    Map<String, String> given =
        Map.of(
            "--model", "s3a://" + BUCKET + "/model/vit.onnx",
            "--images", "s3a://" + BUCKET + "/images",
            "--output", output);
    given.forEach((flag, value) -> line.addAll(List.of(flag, flags.getOrDefault(flag, value))));
    return job.run("unused", line);
  }

  private static Ended calibrate(String output, String... flags) {
    List<String> line =
        new ArrayList<>(
            List.of(
                "calibrate",
                "--config",
                "s3a://" + BUCKET + "/coarse.conf",
                "--model",
                "s3a://" + BUCKET + "/model/vit.onnx",
                "--images",
                "s3a://" + BUCKET + "/images",
                "--output",
                "s3a://" + BUCKET + "/" + output));
    line.addAll(List.of(flags));
    return job.run("unused", line);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
