package org.noisyquant.spark;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** Reads the files under {@code deploy/}, each in its own format. */
final class DeployFiles {
  static final Path ROOT = Path.of("..");
  static final Path DOCKERFILE = Path.of("deploy/docker/Dockerfile");
  static final Path IGNORED = Path.of("deploy/docker/Dockerfile.dockerignore");
  static final Path IMAGE_BUILD = Path.of("deploy/docker/build");
  static final Path APPLICATION = Path.of("deploy/kubernetes/spark-application.yaml");
  static final Path SCHEDULE = Path.of("deploy/kubernetes/scheduled-spark-application.yaml");
  static final Path CONFIG_MAP = Path.of("deploy/kubernetes/job-config.yaml");
  static final Path EMR = Path.of("deploy/emr/start-job-run.json");
  static final Path DATAPROC = Path.of("deploy/dataproc/batch.json");
  static final Path DAG = Path.of("deploy/airflow/noisyquant_dag.py");
  static final Path DAG_SUBMISSION = Path.of("deploy/airflow/noisyquant_dag.json");
  static final Path JOB_CONF = Path.of("deploy/job.conf");
  static final Path SPARK_DEFAULTS = Path.of("conf/spark-defaults.conf");

  private static final String SPARK_3_5 = "spark-3.5";
  private static final String DRIVER_OPTIONS = "spark.driver.extraJavaOptions";
  private static final String EXECUTOR_OPTIONS = "spark.executor.extraJavaOptions";

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();
  private static final YAMLMapper YAML =
      YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private DeployFiles() {}

  /** Every file that starts the program. */
  static List<Deployment> deployments() {
    return List.of(
        image(),
        operator(APPLICATION, yaml(APPLICATION).at("/spec")),
        operator(SCHEDULE, yaml(SCHEDULE).at("/spec/template")),
        emr(),
        dataproc(),
        airflow());
  }

  /** The step of the image's build that runs the program. */
  private static Deployment image() {
    List<String> words =
        dockerfile().stream()
            .filter(line -> line.startsWith("RUN "))
            .flatMap(line -> Arrays.stream(line.split("&&", -1)[0].strip().split("\\s+", -1)))
            .toList();
    int jar = words.indexOf("--class") + 2;
    return new Deployment(
        DOCKERFILE,
        "",
        "",
        words.get(jar),
        words.get(jar - 1),
        sparkDefaults(),
        words.subList(jar + 1, words.size()));
  }

  /** A SparkApplication of the Spark operator, which has its own names for Spark's settings. */
  private static Deployment operator(Path file, JsonNode spec) {
    Map<String, String> conf = new HashMap<>(texts(spec.at("/sparkConf")));
    conf.put(DRIVER_OPTIONS, spec.at("/driver/javaOptions").asText());
    conf.put(EXECUTOR_OPTIONS, spec.at("/executor/javaOptions").asText());
    for (String name : List.of("cores", "memory", "memoryOverhead")) {
      conf.put("spark.driver." + name, spec.at("/driver/" + name).asText());
      conf.put("spark.executor." + name, spec.at("/executor/" + name).asText());
    }
    return new Deployment(
        file,
        "",
        "s3a",
        spec.at("/mainApplicationFile").asText(),
        spec.at("/mainClass").asText(),
        conf,
        list(spec.at("/arguments")));
  }

  private static Deployment emr() {
    JsonNode request = json(EMR);
    JsonNode submit = request.at("/jobDriver/sparkSubmit");
    JsonNode defaults = request.at("/configurationOverrides/applicationConfiguration/0");
    List<String> parameters =
        Arrays.asList(submit.at("/sparkSubmitParameters").asText().split(" ", -1));
    return new Deployment(
        EMR,
        SPARK_3_5,
        "s3",
        submit.at("/entryPoint").asText(),
        parameters.get(parameters.indexOf("--class") + 1),
        texts(defaults.at("/properties")),
        list(submit.at("/entryPointArguments")));
  }

  private static Deployment dataproc() {
    JsonNode batch = json(DATAPROC);
    return new Deployment(
        DATAPROC,
        SPARK_3_5,
        "gs",
        batch.at("/sparkBatch/jarFileUris/0").asText(),
        batch.at("/sparkBatch/mainClass").asText(),
        texts(batch.at("/runtimeConfig/properties")),
        list(batch.at("/sparkBatch/args")));
  }

  /** What Airflow's SparkSubmitOperator is given. */
  private static Deployment airflow() {
    JsonNode submission = json(DAG_SUBMISSION);
    return new Deployment(
        DAG_SUBMISSION,
        "",
        "s3a",
        submission.at("/application").asText(),
        submission.at("/java_class").asText(),
        texts(submission.at("/conf")),
        list(submission.at("/application_args")));
  }

  /** The instructions of the Dockerfile, one a line, with its own ARG resolved. */
  static List<String> dockerfile() {
    List<String> instructions =
        text(DOCKERFILE)
            .replaceAll("(?m)^#.*\n", "")
            .replaceAll("\\\\\n\\s*", "")
            .lines()
            .filter(line -> !line.isBlank())
            .toList();
    List<String> resolved = new ArrayList<>();
    Map<String, String> arguments = new HashMap<>();
    for (String instruction : instructions) {
      String line = instruction;
      for (Map.Entry<String, String> argument : arguments.entrySet()) {
        line = line.replace("${" + argument.getKey() + "}", argument.getValue());
      }
      if (line.startsWith("ARG ")) {
        String[] nameAndValue = line.substring(4).split("=", 2);
        arguments.put(nameAndValue[0], nameAndValue[1]);
      }
      resolved.add(line);
    }
    return resolved;
  }

  /** What {@code conf/spark-defaults.conf} sets. */
  static Map<String, String> sparkDefaults() {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(ROOT.resolve(SPARK_DEFAULTS))) {
      properties.load(reader);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties.stringPropertyNames().stream()
        .collect(Collectors.toMap(name -> name, name -> properties.getProperty(name).strip()));
  }

  static JsonNode json(Path file) {
    return parse(JSON, file);
  }

  static JsonNode yaml(Path file) {
    return parse(YAML, file);
  }

  static String text(Path file) {
    try {
      return Files.readString(ROOT.resolve(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The texts of an array; fails on anything else in it. */
  static List<String> list(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).map(DeployFiles::text).toList();
  }

  private static Map<String, String> texts(JsonNode object) {
    return object.properties().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, entry -> text(entry.getValue())));
  }

  private static String text(JsonNode value) {
    return Objects.requireNonNull(value.textValue(), () -> value + " is no text");
  }

  private static JsonNode parse(ObjectMapper mapper, Path file) {
    try {
      return mapper.readTree(text(file));
    } catch (IOException e) {
      throw new UncheckedIOException(file.toString(), e);
    }
  }
}
