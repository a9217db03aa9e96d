package org.noisyquant.spark.testing;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.Property;

/** The warnings and errors that this project's classes log while this is open. */
public final class CapturedLog implements AutoCloseable {
  private static final String LOGGER = "org.noisyquant";

  private final List<String> lines = new CopyOnWriteArrayList<>();
  private final Logger logger;
  private final Level before;
  private final AbstractAppender appender;

  private CapturedLog() {
    before = LogManager.getLogger(LOGGER).getLevel();
    // First: it gives the logger a configuration of its own, which then holds the appender.
    Configurator.setLevel(LOGGER, Level.WARN);
    logger = (Logger) LogManager.getLogger(LOGGER);
    appender =
        new AbstractAppender("captured", null, null, false, Property.EMPTY_ARRAY) {
          @Override
          public void append(LogEvent event) {
            lines.add(event.getLevel() + " " + event.getMessage().getFormattedMessage());
          }
        };
    appender.start();
    logger.addAppender(appender);
  }

  /** Starts to listen. */
  public static CapturedLog open() {
    return new CapturedLog();
  }

  /** What was logged so far, each line with its level in front. */
  public List<String> lines() {
    return List.copyOf(lines);
  }

  @Override
  public void close() {
    logger.removeAppender(appender);
    Configurator.setLevel(LOGGER, before);
  }
}
