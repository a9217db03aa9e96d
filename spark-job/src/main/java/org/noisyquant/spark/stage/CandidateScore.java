package org.noisyquant.spark.stage;

import org.noisyquant.search.Candidate;
import org.noisyquant.search.CandidateLoss;

/**
 * A candidate that was scored on the images.
 *
 * @param site topological index
 * @param search the pass of the paper's search, or the kind of noise of the guided one
 * @param index of the candidate in that list
 * @param candidate clip and, for uniform noise, shift and range
 * @param predicted loss; NaN where nothing was predicted
 * @param loss mean squared errors
 */
public record CandidateScore(
    int site,
    String search,
    int index,
    Candidate candidate,
    double predicted,
    CandidateLoss loss) {}
