package org.noisyquant.search;

/** What a candidate's error is measured on. */
public enum Objective {
  /** The layers' outputs: mean over tokens and outputs of ((q(x+N) − N − x)·Wq)². */
  OUTPUT,
  /** The layers' input (the paper's text): mean over tokens and channels of (q(x+N) − N − x)². */
  INPUT
}
