package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.noisyquant.error.ErrorCode;
import org.w3c.dom.Document;

/** What the files under deploy/ say is what this build is: names, flags, keys, versions. */
class DeployFilesTest {
  private static final Map<String, Set<JobKey>> REQUIRED =
      Map.of("calibrate", CalibrateCommand.REQUIRED, "demo", DemoCommand.REQUIRED);

  /** The date of a run, where Airflow puts it in. */
  private static final String DATE = "{{ ds }}";

  static List<Deployment> deployments() {
    return DeployFiles.deployments();
  }

  static Stream<Deployment> deploymentsToPlatforms() {
    return deployments().stream().filter(deployment -> !deployment.scheme().isEmpty());
  }

  @Test
  void everyFileIsChecked() throws IOException {
    Stream<Path> starting = deployments().stream().map(Deployment::file);
    Stream<Path> others =
        Stream.of(
            DeployFiles.IGNORED,
            DeployFiles.IMAGE_BUILD,
            DeployFiles.CONFIG_MAP,
            DeployFiles.DAG,
            DeployFiles.JOB_CONF);

    assertThat(files())
        .containsExactlyInAnyOrderElementsOf(Stream.concat(starting, others).toList());
  }

  @Test
  void everyFileIsDocumented() throws IOException {
    String page = DeployFiles.text(Path.of("docs/deploy.md"));

    assertThat(files()).allMatch(file -> page.contains("](../" + file + ")"));
  }

  @ParameterizedTest
  @MethodSource("deployments")
  void theProgramTakesTheArgumentsAndTheConfiguration(Deployment deployment) {
    assertThat(config(deployment).output().path()).isNotEmpty();
  }

  @ParameterizedTest
  @MethodSource("deploymentsToPlatforms")
  void everyPathIsOfTheFileSystemOfThePlatform(Deployment deployment) {
    JobConfig config = config(deployment);

    assertThat(
            List.of(
                config.model().path(),
                config.images().path(),
                config.evaluation().path().orElseThrow(),
                config.output().path()))
        .allMatch(path -> path.startsWith(deployment.scheme() + "://"));
  }

  @ParameterizedTest
  @MethodSource("deploymentsToPlatforms")
  void aQualityGateIsSet(Deployment deployment) {
    assertThat(config(deployment).gates().maxKl()).isPresent();
  }

  @ParameterizedTest
  @MethodSource("deployments")
  void theMainClassIsTheProgram(Deployment deployment) {
    assertThat(deployment.mainClass()).isEqualTo(NoisyQuantJob.class.getName());
  }

  @ParameterizedTest
  @MethodSource("deployments")
  void theJarIsTheOneThatMavenBuilds(Deployment deployment) {
    String name = deployment.jar().substring(deployment.jar().lastIndexOf('/') + 1);

    String suffix =
        deployment.profile().isEmpty()
            ? ""
            : pom(
                "pom.xml",
                "profiles/profile[id='%s']/properties/noisyquant.jar.suffix"
                    .formatted(deployment.profile()));

    assertThat(name)
        .isEqualTo(
            pom("spark-job/pom.xml", "build/finalName")
                    .replace("${project.artifactId}", pom("spark-job/pom.xml", "artifactId"))
                    .replace("${project.version}", pom("pom.xml", "version"))
                    .replace("${noisyquant.jar.suffix}", suffix)
                + ".jar");
  }

  @ParameterizedTest
  @MethodSource("deployments")
  void driverAndExecutorsOpenTheModulesOfSparkDefaults(Deployment deployment) {
    for (String key : List.of("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions")) {
      assertThat(Deployment.opened(deployment.conf().get(key)))
          .isNotEmpty()
          .containsExactlyElementsOf(Deployment.opened(DeployFiles.sparkDefaults().get(key)));
    }
  }

  @ParameterizedTest
  @MethodSource("deployments")
  void executorsHaveMemoryOutsideTheHeap(Deployment deployment) {
    assertThat(deployment.conf())
        .containsKeys("spark.executor.cores", "spark.executor.memory", "spark.task.cpus")
        .hasEntrySatisfying(
            "spark.executor.memoryOverhead", memory -> assertThat(memory).matches("[2-9]g"));
  }

  @ParameterizedTest
  @MethodSource("deployments")
  void anExecutorThatIsOutOfMemoryEndsAtOnce(Deployment deployment) {
    assertThat(deployment.conf().get("spark.executor.extraJavaOptions"))
        .contains("-XX:+ExitOnOutOfMemoryError");
  }

  @ParameterizedTest
  @MethodSource("deployments")
  void executorsGiveFreedWeightsBack(Deployment deployment) {
    String threshold = "spark.executorEnv.MALLOC_MMAP_THRESHOLD_";

    assertThat(deployment.conf())
        .containsEntry(threshold, DeployFiles.sparkDefaults().get(threshold));
  }

  @Test
  void theImageIsOfTheSparkThatTheJarIsBuiltWith() {
    String image =
        "apache/spark:"
            + pom("pom.xml", "properties/spark.version")
            + "-scala"
            + pom("pom.xml", "properties/scala.binary.version")
            + "-java"
            + pom("pom.xml", "properties/maven.compiler.release")
            + "-ubuntu";

    assertThat(DeployFiles.dockerfile()).contains("FROM " + image);
    assertThat(label("base.name")).isEqualTo("docker.io/" + image);
    assertThat(label("version")).isEqualTo(pom("pom.xml", "version"));
  }

  @Test
  void sparkInTheImageHasTheSettingsOfSparkDefaults() {
    assertThat(DeployFiles.dockerfile())
        .anyMatch(
            line ->
                line.startsWith("COPY " + DeployFiles.SPARK_DEFAULTS + " ")
                    && line.endsWith(" /opt/spark/conf/"));
  }

  @Test
  void theImageIsCheckedAndRunByAUserThatIsNotRoot() {
    List<String> steps =
        DeployFiles.dockerfile().stream()
            .filter(line -> line.startsWith("USER ") || line.startsWith("RUN "))
            .toList();

    assertThat(steps).hasSize(2);
    assertThat(steps.get(0)).isEqualTo("USER 185");
    assertThat(steps.get(1)).startsWith("RUN ");
  }

  @Test
  void whatTheImageCopiesIsThereOrBuiltAndNotIgnored() {
    List<String> sources =
        DeployFiles.dockerfile().stream()
            .filter(line -> line.startsWith("COPY "))
            .map(line -> line.substring(5, line.lastIndexOf(' ')))
            .flatMap(line -> Arrays.stream(line.split(" ", -1)))
            .map(source -> source.replaceAll("/$", ""))
            .toList();
    List<String> allowed = DeployFiles.text(DeployFiles.IGNORED).lines().toList();

    assertThat(allowed).startsWith("*").hasSize(sources.size() + 1);
    for (String source : sources) {
      assertThat(allowed.stream().skip(1).map(line -> line.substring(1)))
          .as(source)
          .anyMatch(pattern -> source.matches(pattern.replace(".", "\\.").replace("*", ".*")));
      // The jar's name has a test of its own.
      if (!source.startsWith("spark-job/target/")) {
        assertThat(DeployFiles.ROOT.resolve(source)).exists();
      } else if (!source.endsWith(".jar")) {
        assertThat(DeployFiles.text(DeployFiles.IMAGE_BUILD)).contains("=" + source + "\n");
      }
    }
  }

  @Test
  void theImageIsBuiltByItsScript() {
    assertThat(DeployFiles.text(DeployFiles.IMAGE_BUILD))
        .contains("--file " + DeployFiles.DOCKERFILE + " ", "tag=${1:-" + imageTag() + "}");
    assertThat(DeployFiles.ROOT.resolve(DeployFiles.IMAGE_BUILD)).isExecutable();
  }

  @Test
  void theOperatorRunsTheImageWithItsSpark() {
    JsonNode spec = DeployFiles.yaml(DeployFiles.APPLICATION).at("/spec");

    assertThat(spec.at("/image").asText()).isEqualTo(imageTag());
    assertThat(spec.at("/sparkVersion").textValue())
        .isEqualTo(pom("pom.xml", "properties/spark.version"));
    assertThat(DeployFiles.dockerfile())
        .anyMatch(
            line ->
                line.startsWith("COPY ")
                    && spec.at("/mainApplicationFile")
                        .asText()
                        .startsWith("local://" + line.substring(line.lastIndexOf(' ') + 1)));
  }

  @Test
  void theDriverSeesJobConfByTheConfigMap() {
    JsonNode map = DeployFiles.yaml(DeployFiles.CONFIG_MAP);
    JsonNode mount = DeployFiles.yaml(DeployFiles.APPLICATION).at("/spec/driver/configMaps/0");
    List<String> arguments =
        DeployFiles.list(DeployFiles.yaml(DeployFiles.APPLICATION).at("/spec/arguments"));

    assertThat(map.at("/data/job.conf").asText()).isEqualTo(DeployFiles.text(DeployFiles.JOB_CONF));
    assertThat(mount.at("/name")).isEqualTo(map.at("/metadata/name"));
    assertThat(arguments).containsSequence("--config", mount.at("/path").asText() + "/job.conf");
  }

  @Test
  void theScheduledRunIsTheSingleOneThatOverwrites() {
    JsonNode single = DeployFiles.yaml(DeployFiles.APPLICATION).at("/spec");
    ((ArrayNode) single.at("/arguments")).add("--overwrite");

    assertThat(DeployFiles.yaml(DeployFiles.SCHEDULE).at("/spec/template")).isEqualTo(single);
  }

  @Test
  void runsOfAScheduleNeitherOverlapNorAreRepeated() {
    JsonNode spec = DeployFiles.yaml(DeployFiles.SCHEDULE).at("/spec");

    assertThat(spec.at("/concurrencyPolicy").asText()).isEqualTo("Forbid");
    assertThat(spec.at("/template/restartPolicy/type").asText()).isEqualTo("Never");
  }

  @Test
  void emrDoesNotRepeatARun() {
    assertThat(DeployFiles.json(DeployFiles.EMR).at("/retryPolicy/maxAttempts").asInt()).isOne();
  }

  @Test
  void eachRunOfTheDagHasAnOutputFolderOfItsOwn() {
    List<String> arguments =
        DeployFiles.list(DeployFiles.json(DeployFiles.DAG_SUBMISSION).at("/application_args"));

    assertThat(arguments.get(arguments.indexOf("--output") + 1)).endsWith("/" + DATE);
    assertThat(arguments).doesNotContain("--overwrite");
  }

  @Test
  void theDagRetriesWhatAnotherRunCanMend() {
    Matcher codes =
        Pattern.compile("FINAL_EXIT_CODES = \\{(.*)}").matcher(DeployFiles.text(DeployFiles.DAG));

    assertThat(codes.find()).isTrue();
    assertThat(Arrays.stream(codes.group(1).split(", ", -1)).map(Integer::valueOf))
        .containsExactlyInAnyOrderElementsOf(
            Arrays.stream(ErrorCode.values())
                .map(ErrorCode::exitCode)
                .filter(code -> code != ErrorCode.INTERNAL.exitCode())
                .collect(Collectors.toSet()));
  }

  @Test
  void theDagSubmitsWhatIsBesideIt() {
    assertThat(DeployFiles.text(DeployFiles.DAG))
        .contains("Path(__file__).with_suffix(\".json\")", "**SUBMISSION");
    assertThat(DeployFiles.DAG.toString().replaceFirst("\\.py$", ".json"))
        .isEqualTo(DeployFiles.DAG_SUBMISSION.toString());
  }

  @Test
  void theDagTakesTheObjectStoreOfThisBuild() {
    String awssdk = pom("pom.xml", "properties/awssdk.version");

    assertThat(DeployFiles.json(DeployFiles.DAG_SUBMISSION).at("/packages").asText().split(",", -1))
        .containsExactly(
            "org.apache.hadoop:hadoop-aws:" + pom("pom.xml", "properties/hadoop.version"),
            "software.amazon.awssdk:s3:" + awssdk,
            "software.amazon.awssdk:s3-transfer-manager:" + awssdk);
  }

  /** As NoisyQuantJob parses and checks it, with the file of --config from this folder. */
  private static JobConfig config(Deployment deployment) {
    List<String> arguments =
        deployment.arguments().stream()
            .map(argument -> argument.replace(DATE, "2026-01-31"))
            .map(
                argument ->
                    argument.endsWith("/" + DeployFiles.JOB_CONF.getFileName())
                        ? DeployFiles.ROOT.resolve(DeployFiles.JOB_CONF).toString()
                        : argument)
            .toList();
    assertThat(arguments).noneMatch(argument -> argument.contains("{") || argument.contains("$"));
    PrintWriter nowhere = new PrintWriter(new StringWriter());
    NoisyQuantJob job = new NoisyQuantJob(NoisyQuantJob.commands(), nowhere, nowhere);
    return CommandArguments.of(
            CommandLineErrors.parse(job.commandLine(), arguments.toArray(new String[0]))
                .subcommand())
        .config(REQUIRED.get(arguments.get(0)));
  }

  private static String imageTag() {
    return "noisyquant:" + pom("pom.xml", "version");
  }

  private static String label(String name) {
    Matcher label =
        Pattern.compile("org\\.opencontainers\\.image\\." + name + "=\"([^\"]*)\"")
            .matcher(String.join("\n", DeployFiles.dockerfile()));
    assertThat(label.find()).isTrue();
    return label.group(1);
  }

  private static String pom(String file, String path) {
    try {
      Document pom =
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .parse(DeployFiles.ROOT.resolve(file).toFile());
      String value = XPathFactory.newInstance().newXPath().evaluate("/project/" + path, pom);
      assertThat(value).isNotEmpty();
      return value;
    } catch (Exception e) {
      throw new AssertionError(file + " has no " + path, e);
    }
  }

  /**
   * All of deploy/ but what runs on one machine, the launcher and the benchmarks, and what Python
   * leaves where a DAG was read.
   */
  private static List<Path> files() throws IOException {
    Set<String> local = Set.of("local", "bench");
    try (Stream<Path> files = Files.walk(DeployFiles.ROOT.resolve("deploy"))) {
      return files
          .filter(Files::isRegularFile)
          .map(DeployFiles.ROOT::relativize)
          .filter(file -> !local.contains(file.getName(1).toString()))
          .filter(file -> !file.getParent().endsWith("__pycache__"))
          .toList();
    }
  }
}
