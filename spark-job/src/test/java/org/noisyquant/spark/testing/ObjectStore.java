package org.noisyquant.spark.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.gaul.s3proxy.AuthenticationType;
import org.gaul.s3proxy.S3Proxy;
import org.jclouds.ContextBuilder;
import org.jclouds.blobstore.BlobStore;
import org.jclouds.blobstore.BlobStoreContext;
import org.jclouds.blobstore.domain.Blob;
import org.jclouds.blobstore.domain.BlobMetadata;
import org.jclouds.blobstore.domain.PageSet;
import org.jclouds.blobstore.domain.StorageMetadata;
import org.jclouds.blobstore.options.GetOptions;
import org.jclouds.blobstore.options.ListContainerOptions;
import org.jclouds.blobstore.options.PutOptions;
import org.jclouds.blobstore.util.ForwardingBlobStore;
import org.jclouds.http.HttpResponse;
import org.jclouds.http.HttpResponseException;

/** An S3 service of this process, its objects in memory, that counts what it is asked. */
public final class ObjectStore implements AutoCloseable {
  private static final String IDENTITY = "test-identity";
  private static final String CREDENTIAL = "test-credential";

  private final BlobStoreContext context;
  private final S3Proxy server;
  private final AtomicInteger listings = new AtomicInteger();
  private final AtomicInteger objects = new AtomicInteger();
  private final AtomicInteger requests = new AtomicInteger();
  private final AtomicInteger refuseEvery = new AtomicInteger();
  private final AtomicInteger refused = new AtomicInteger();

  private ObjectStore() {
    context =
        ContextBuilder.newBuilder("transient")
            .credentials(IDENTITY, CREDENTIAL)
            .overrides(new Properties())
            .build(BlobStoreContext.class);
    server =
        S3Proxy.builder()
            .blobStore(new Counting(context.getBlobStore()))
            .endpoint(URI.create("http://127.0.0.1:0"))
            .awsAuthentication(AuthenticationType.AWS_V2_OR_V4, IDENTITY, CREDENTIAL)
            .build();
  }

  /** Starts a service on a free port. */
  public static ObjectStore start() {
    ObjectStore store = new ObjectStore();
    try {
      store.server.start();
    } catch (Exception e) {
      throw new IllegalStateException("the S3 service does not start", e);
    }
    return store;
  }

  /** Makes a bucket, and s3a know where it is. */
  public void bucket(String name, Configuration hadoop) {
    context.getBlobStore().createContainerInLocation(null, name);
    reach(name, hadoop);
  }

  /** The same, with s3a as patient as it is by default, but in shorter intervals. */
  public void bucketOfPatience(String name, Configuration hadoop) {
    bucketOfPatience(name, server.getPort(), hadoop);
  }

  /** The same, reached by another port. */
  public void bucketOfPatience(String name, int port, Configuration hadoop) {
    context.getBlobStore().createContainerInLocation(null, name);
    reach(name, "http://127.0.0.1:" + port, IDENTITY, CREDENTIAL, hadoop);
    String prefix = "fs.s3a.bucket." + name + ".";
    for (String key : List.of("attempts.maximum", "retry.limit")) {
      hadoop.unset(prefix + key);
    }
    hadoop.set(prefix + "retry.interval", "20ms");
    hadoop.set(prefix + "retry.throttle.interval", "20ms");
  }

  /** Where it listens. */
  public int port() {
    return server.getPort();
  }

  /** Answers every n-th request with 503 Slow Down from now on; 0: none. */
  public void slowDown(int every) {
    refuseEvery.set(every);
  }

  /** Requests that were answered so. */
  public int refused() {
    return refused.get();
  }

  /** Makes s3a know where a bucket is that need not be there. */
  public void reach(String name, Configuration hadoop) {
    reach(name, "http://127.0.0.1:" + server.getPort(), IDENTITY, CREDENTIAL, hadoop);
  }

  /** The same with keys that the service does not know. */
  public void reachAsStranger(String name, Configuration hadoop) {
    reach(name, "http://127.0.0.1:" + server.getPort(), "stranger", "wrong", hadoop);
  }

  /** Settings of s3a for one bucket. */
  public static void reach(
      String bucket, String endpoint, String identity, String credential, Configuration hadoop) {
    String prefix = "fs.s3a.bucket." + bucket + ".";
    hadoop.set(prefix + "endpoint", endpoint);
    hadoop.set(prefix + "endpoint.region", "us-east-1");
    hadoop.set(prefix + "path.style.access", "true");
    hadoop.set(prefix + "connection.ssl.enabled", "false");
    hadoop.set(prefix + "access.key", identity);
    hadoop.set(prefix + "secret.key", credential);
    hadoop.set(prefix + "aws.credentials.provider", SIMPLE);
    // With the Jackson of Spark 3.5 the service answers 500 to a delete of several objects.
    boolean olderJackson = System.getProperty("noisyquant.scala", "").equals("2.12");
    hadoop.setBoolean(prefix + "multiobjectdelete.enable", !olderJackson);
    // Tests want an error before the minute that the defaults wait.
    hadoop.set(prefix + "attempts.maximum", "1");
    hadoop.set(prefix + "retry.limit", "1");
    hadoop.set(prefix + "connection.establish.timeout", "2s");
  }

  private static final String SIMPLE = "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider";

  /** Puts an object. */
  public void put(String bucket, String key, byte[] content) {
    BlobStore store = context.getBlobStore();
    store.putBlob(bucket, store.blobBuilder(key).payload(content).build());
  }

  /** The content of an object; null if there is none. */
  public byte[] get(String bucket, String key) {
    Blob blob = context.getBlobStore().getBlob(bucket, key);
    try {
      return blob == null ? null : blob.getPayload().openStream().readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Listings of up to 1000 objects that were asked for. */
  public int listings() {
    return listings.get();
  }

  /** Requests for one object, its content or its length. */
  public int objectRequests() {
    return objects.get();
  }

  @Override
  public void close() {
    try {
      server.stop();
    } catch (Exception e) {
      throw new IllegalStateException("the S3 service does not stop", e);
    }
    context.close();
  }

  private final class Counting extends ForwardingBlobStore {
    Counting(BlobStore store) {
      super(store);
    }

    @Override
    public PageSet<? extends StorageMetadata> list(String container, ListContainerOptions options) {
      listings.incrementAndGet();
      mayRefuse();
      return super.list(container, options);
    }

    @Override
    public Blob getBlob(String container, String name, GetOptions options) {
      objects.incrementAndGet();
      mayRefuse();
      return super.getBlob(container, name, options);
    }

    @Override
    public BlobMetadata blobMetadata(String container, String name) {
      objects.incrementAndGet();
      mayRefuse();
      return super.blobMetadata(container, name);
    }

    @Override
    public String putBlob(String container, Blob blob, PutOptions options) {
      mayRefuse();
      return super.putBlob(container, blob, options);
    }

    private void mayRefuse() {
      int every = refuseEvery.get();
      if (every > 0 && requests.incrementAndGet() % every == 0) {
        refused.incrementAndGet();
        throw new HttpResponseException(
            "slow down", null, HttpResponse.builder().statusCode(503).message("Slow Down").build());
      }
    }
  }
}
