package org.noisyquant;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Who may know whom, in both modules. A rule that finds no class to judge fails. */
class ArchitectureTest {
  private static JavaClasses classes;

  @BeforeAll
  static void readTheClassesOfBothModules() {
    classes =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(new WithoutTestJars())
            .importPackages("org.noisyquant");
  }

  @Test
  void coreKnowsNeitherSparkNorTheCommandLine() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.noisyquant.spark..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "org.noisyquant.spark..",
            "org.apache..",
            "scala..",
            "picocli..",
            "com.typesafe..",
            "org.slf4j..")
        .check(classes);
  }

  @Test
  void onlyOnnxAndExportSeeProtobuf() {
    noClasses()
        .that()
        .resideOutsideOfPackages("org.noisyquant.onnx..", "org.noisyquant.export..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("com.google.protobuf..", "ai.onnx.proto..", "org.tribuo..")
        .check(classes);
  }

  @Test
  void onlyRuntimeSeesOnnxRuntime() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.noisyquant.runtime..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("ai.onnxruntime..")
        .check(classes);
  }

  @Test
  void onlyImageSeesTheWebpReader() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.noisyquant.image..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("com.twelvemonkeys..", "javax.imageio..")
        .check(classes);
  }

  @Test
  void onlyTheShellParsesCommandLinesAndConfigurationFiles() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.noisyquant.spark")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("picocli..", "com.typesafe.config..")
        .check(classes);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("org.noisyquant.(**)").should().beFreeOfCycles().check(classes);
  }

  /** Core's tests are a jar where Maven has packaged them. */
  private static final class WithoutTestJars implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("-tests.jar");
    }
  }
}
