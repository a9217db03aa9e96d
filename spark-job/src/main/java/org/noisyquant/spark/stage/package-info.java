/** The passes over the images, each a function from rows to rows. */
package org.noisyquant.spark.stage;
