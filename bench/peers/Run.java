package troth.peers;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One reading of the telemetry, from its first record to where the bench says that it ends: what the thread that talks
 * to the bench and those of the framework tell each other.
 */
final class Run {
    final String topic;
    final String name;
    final String redis; // HOST:PORT, or "none": nothing is published
    final String prefix;
    final long[] counts; // records that are read, by partition: later ones are passed over
    final CountDownLatch caughtUp;
    final CountDownLatch published;
    final AtomicLong standings = new AtomicLong();
    final AtomicLong rows = new AtomicLong();

    /** Everything is to be published, within the dead band or not: how the bench sees each result. */
    volatile boolean finishing;

    Run(String topic, String name, String redis, String prefix, long[] counts) {
        this.topic = topic;
        this.name = name;
        this.redis = redis;
        this.prefix = prefix;
        this.counts = counts;
        caughtUp = new CountDownLatch(counts.length);
        published = new CountDownLatch(counts.length);
    }

    /** Ends the process: a peer that lost its way must not give a time. */
    static void fail(Throwable why) {
        why.printStackTrace();
        Runtime.getRuntime().halt(1);
    }
}
