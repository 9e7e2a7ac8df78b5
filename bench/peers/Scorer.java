package troth.peers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * What a peer does with the records of one partition, whatever framework brings them: it counts evidence in panes, and
 * publishes scores that have moved past the dead band, each 50 ms. While it is behind it does so each five seconds:
 * trothd coalesces then, too, for as long as Redis takes, and a peer need not write many more rows than it.
 *
 * <p>K is how the framework's store names an agent. Used by one thread.
 */
final class Scorer<K> {
    /** Where the framework keeps standings. */
    interface States<K> {
        /** Returns the standing's bytes, which may be changed if they are put after it; null: there is none. */
        byte[] get(K agent);

        /** In isNew: it has not been there. */
        void put(K agent, byte[] state, boolean isNew);

        byte[] name(K agent);

        void each(BiConsumer<K, byte[]> take);
    }

    private static final int DEAD_BAND = 5;
    private static final long PUBLISH_MS = 50;
    private static final long PUBLISH_BEHIND_MS = Tuning.get("publish.behind.ms", 5000);
    private static final long BEHIND_MS = 2000;

    private final Run run;
    private final int partition;
    private final States<K> states;
    private final RedisPipe pipe; // null: nothing is published
    private final Evidence evidence = new Evidence();
    private final long[] confidence = new long[Standing.TERMS];
    private final List<K> listed = new ArrayList<>();
    private int round = (int) (System.currentTimeMillis() / PUBLISH_MS);
    private long nextPublishMs;
    private long clockUs;
    private long taken;
    private boolean finished;

    Scorer(Run run, int partition, States<K> states, RedisPipe pipe) {
        this.run = run;
        this.partition = partition;
        this.states = states;
        this.pipe = pipe;
        if (run.counts[partition] == 0) {
            run.caughtUp.countDown();
        }
    }

    /** Takes one record; name is the agent's, null for the engine's own ticks and pointers, which move the clock. */
    void take(K agent, byte[] name, byte[] event, long timestampUs) throws IOException {
        int verdict = Evidence.isApplicant(name) ? evidence.read(event) : Evidence.NOT_OURS;
        take(agent, verdict, evidence.atUs, timestampUs);
    }

    /** Takes one record of which Evidence gave the verdict. */
    void take(K agent, int verdict, long atUs, long timestampUs) throws IOException {
        if (taken == run.counts[partition]) {
            return;
        }
        taken++;
        long before = clockUs;
        clockUs = Math.max(clockUs, timestampUs);
        if (before != 0 && clockUs / Standing.PANE_US != before / Standing.PANE_US) {
            states.each((other, state) -> list(other, state)); // all have aged, with or without evidence
        }
        if (verdict != Evidence.NOT_OURS) {
            count(agent, verdict, Math.min(atUs, timestampUs));
        }
        if (taken == run.counts[partition]) {
            publish();
            run.caughtUp.countDown();
        }
    }

    private void count(K agent, int verdict, long atUs) {
        byte[] state = states.get(agent);
        boolean isNew = state == null;
        if (isNew) {
            state = Standing.begin(partition, clockUs);
            run.standings.incrementAndGet();
        }
        Standing.add(state, verdict, atUs, clockUs);
        list(agent, state);
        states.put(agent, state, isNew);
    }

    private void list(K agent, byte[] state) {
        if (pipe != null && Standing.partition(state) == partition && !Standing.isListed(state, round)) {
            listed.add(agent);
        }
    }

    /** Is to be called each PUBLISH_MS. */
    void tick() throws IOException {
        long nowMs = System.currentTimeMillis();
        if (run.finishing) {
            finish();
        } else if (nowMs >= nextPublishMs) {
            nextPublishMs = nowMs + (clockUs / 1000 < nowMs - BEHIND_MS ? PUBLISH_BEHIND_MS : PUBLISH_MS);
            publish();
        }
    }

    private void publish() throws IOException {
        if (pipe == null) {
            return;
        }
        round++;
        for (K agent : listed) {
            byte[] state = states.get(agent);
            int score = Standing.score(state, clockUs, confidence);
            int known = Standing.published(state);
            if (known < 0 || Math.abs(score - known) >= DEAD_BAND) {
                pipe.put(states.name(agent), score, confidence, clockUs);
                run.rows.incrementAndGet();
                Standing.setPublished(state, score);
                states.put(agent, state, false);
            }
        }
        listed.clear();
        pipe.send();
        if (taken == run.counts[partition]) {
            pipe.await();
        }
    }

    private void finish() throws IOException {
        if (finished) {
            return;
        }
        finished = true;
        if (pipe != null) {
            states.each((agent, state) -> {
                if (Standing.partition(state) == partition) {
                    int score = Standing.score(state, clockUs, confidence);
                    try {
                        pipe.put(states.name(agent), score, confidence, clockUs);
                    } catch (IOException failure) {
                        Run.fail(failure);
                    }
                }
            });
            pipe.send();
            pipe.await();
        }
        run.published.countDown();
    }

    static int tickMs() {
        return (int) PUBLISH_MS;
    }
}
