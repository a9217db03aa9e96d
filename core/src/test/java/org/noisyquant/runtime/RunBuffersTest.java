package org.noisyquant.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.testing.TestData;

class RunBuffersTest {
  private static final int RUNS = 50;

  private final Path file = TestData.fashion("fashion_vit.onnx");
  private final ModelGraph graph = OnnxModel.read(file).graph();

  @Test
  void runsOneAfterTheOtherShareTheirBuffers() {
    try (ModelRunner runner = ModelRunner.open(file, 1)) {
      logits(runner, 0f);
      long before = direct().getCount();

      for (int i = 0; i < RUNS; i++) {
        logits(runner, 0f);
      }

      assertThat(direct().getCount() - before).isLessThan(RUNS);
    }
  }

  @Test
  void usedBuffersChangeNothing() {
    try (ModelRunner runner = ModelRunner.open(file, 1)) {
      float[] fresh = logits(runner, 0.5f);
      logits(runner, -1f);

      assertThat(logits(runner, 0.5f)).containsExactly(fresh);
    }
  }

  @Test
  void runsAtTheSameTimeHaveTheirOwnBuffers() {
    try (ModelRunner runner = ModelRunner.open(file, 1);
        ModelRunner.Run one = newRun(runner);
        ModelRunner.Run other = newRun(runner)) {
      one.run(pixels(0.5f));
      float[] before = one.values(0);
      other.run(pixels(-1f));

      assertThat(one.values(0)).containsExactly(before);
    }
  }

  private float[] logits(ModelRunner runner, float pixel) {
    try (ModelRunner.Run run = newRun(runner)) {
      run.run(pixels(pixel));
      return run.values(0);
    }
  }

  private ModelRunner.Run newRun(ModelRunner runner) {
    return runner.newRun(graph.height(), graph.width(), List.of(graph.output()));
  }

  private float[] pixels(float value) {
    float[] pixels = new float[3 * graph.height() * graph.width()];
    Arrays.fill(pixels, value);
    return pixels;
  }

  private static BufferPoolMXBean direct() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .findFirst()
        .orElseThrow();
  }
}
