package org.noisyquant.graph;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.noisyquant.graph.ActivationSite.Role;

class SiteSelectionTest {
  private static final ActivationSite QKV = site(0, "blocks.0.attn.qkv", Role.BLOCK);
  private static final ActivationSite FC1 = site(1, "blocks.0.mlp.fc1", Role.BLOCK);
  private static final ActivationSite HEAD = site(2, "head", Role.HEAD);

  @Test
  void withoutPatternsAllButTheHeadIsSelected() {
    SiteSelection all = new SiteSelection(List.of(), List.of(), false);
    assertThat(all.selects(QKV)).isTrue();
    assertThat(all.selects(FC1)).isTrue();
    assertThat(all.selects(HEAD)).isFalse();
    assertThat(all.reasonAgainst(HEAD)).contains("quantization.head");
  }

  @Test
  void excludeWinsOverInclude() {
    SiteSelection mixed = new SiteSelection(List.of("blocks.*"), List.of("*.qkv"), false);
    assertThat(mixed.reasonAgainst(QKV)).contains("quantization.exclude");
    assertThat(mixed.selects(FC1)).isTrue();
  }

  @Test
  void aDotInAPatternIsADot() {
    SiteSelection dots = new SiteSelection(List.of("blocks.0.mlp.fc1"), List.of(), false);
    assertThat(dots.selects(FC1)).isTrue();
    assertThat(dots.selects(site(3, "blocksX0.mlp.fc1", Role.BLOCK))).isFalse();
  }

  @Test
  void aPatternThatMatchesNoSiteIsFound() {
    List<String> globs = List.of("blocks.0.*", "block.0.*", "head", "fc1");
    assertThat(SiteSelection.unmatched(globs, List.of(QKV, FC1, HEAD)))
        .containsExactly("block.0.*", "fc1");
  }

  private static ActivationSite site(int index, String name, Role role) {
    LinearLayer layer = new LinearLayer(name, index, 4, 4, true);
    return new ActivationSite(index, name, "tensor" + index, 4, List.of(layer), role, 0);
  }
}
