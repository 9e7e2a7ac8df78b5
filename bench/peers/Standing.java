package troth.peers;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * One agent's standing, as a peer keeps it: plain bytes that are changed in place, so that a store which keeps bytes
 * needs no serializer, and one that keeps objects has one array to keep.
 *
 * <pre>
 *   0 long since      the clock when it began: kept evidence of before does not count
 *   8 int  pane       the newest that the ring has been turned to
 *  12 int  listed     the round of publication for which it is listed
 *  16 int  published  score; -1: never
 *  20 int  partition  of telemetry, whose clock is the standing's
 *  24 int  counts     [slot of pane mod 12][term]{kept, broken}
 * </pre>
 */
final class Standing {
    static final int TERMS = 3;
    static final int PANES = 12;
    static final long PANE_US = 300_000_000L;
    static final int SIZE = 24 + PANES * TERMS * 8;

    private static final int SLOT = TERMS * 8;
    private static final int COUNTS = 24;
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final double[] FLOOR = {0.98, 0.95, 0.97};
    private static final double[] PRIOR = new double[TERMS];
    private static final double[] FRESH = new double[TERMS];
    private static final double[] WEIGHT = new double[PANES];

    static {
        for (int term = 0; term < TERMS; term++) {
            PRIOR[term] = Math.log(0.5) / Math.log(FLOOR[term]);
            double evidence = Math.max(10, Math.ceil(Math.log(0.1) / Math.log(FLOOR[term])));
            FRESH[term] = Math.max(5, Math.ceil(evidence / 10));
        }
        for (int age = 0; age < PANES; age++) {
            WEIGHT[age] = Math.pow(2, -age * PANE_US / 1_800_000_000.0); // a half life of 30 minutes
        }
    }

    private Standing() {
    }

    static byte[] begin(int partition, long clockUs) {
        byte[] state = new byte[SIZE];
        LONG.set(state, 0, clockUs);
        INT.set(state, 8, (int) (clockUs / PANE_US));
        INT.set(state, 16, -1);
        INT.set(state, 20, partition);
        return state;
    }

    /** Whether it is listed for a round of publication; it is from now on. */
    static boolean isListed(byte[] state, int round) {
        boolean listed = (int) INT.get(state, 12) == round;
        INT.set(state, 12, round);
        return listed;
    }

    static int partition(byte[] state) {
        return (int) INT.get(state, 20);
    }

    static int published(byte[] state) {
        return (int) INT.get(state, 16);
    }

    static void setPublished(byte[] state, int score) {
        INT.set(state, 16, score);
    }

    /** Takes evidence of time atUs, which is not after the clock. */
    static void add(byte[] state, int verdict, long atUs, long clockUs) {
        int now = (int) (clockUs / PANE_US);
        int pane = (int) (atUs / PANE_US);
        turn(state, now);
        boolean late = pane <= now - PANES;
        boolean keptCounts = !late && atUs >= (long) LONG.get(state, 0);
        int slot = COUNTS + (late ? now : pane) % PANES * SLOT;
        for (int term = 0; term < TERMS; term++, verdict >>= 2, slot += 8) {
            if ((verdict & 1) != 0 && keptCounts) {
                INT.set(state, slot, (int) INT.get(state, slot) + 1);
            } else if ((verdict & 2) != 0) {
                INT.set(state, slot + 4, (int) INT.get(state, slot + 4) + 1);
            }
        }
    }

    /** Empties the panes that have left the window. */
    private static void turn(byte[] state, int now) {
        int newest = (int) INT.get(state, 8);
        if (newest == now) {
            return;
        }
        for (int pane = Math.max(newest, now - PANES) + 1; pane <= now; pane++) {
            int slot = COUNTS + pane % PANES * SLOT;
            Arrays.fill(state, slot, slot + SLOT, (byte) 0);
        }
        INT.set(state, 8, now);
    }

    /** Works out confidences, each rounded to 1e-9 and times 1e9, and returns the score. */
    static int score(byte[] state, long clockUs, long[] confidence) {
        int now = (int) (clockUs / PANE_US);
        turn(state, now);
        double compliance = 1;
        double freshness = 1;
        int newest = COUNTS + now % PANES * SLOT;
        for (int term = 0; term < TERMS; term++) {
            double kept = 0;
            double broken = 0;
            int slot = newest + term * 8;
            for (int age = 0; age < PANES; age++) {
                kept += WEIGHT[age] * (int) INT.get(state, slot);
                broken += WEIGHT[age] * (int) INT.get(state, slot + 4);
                slot = slot >= COUNTS + SLOT ? slot - SLOT : slot + (PANES - 1) * SLOT;
            }
            double kappa = 1 - Beta.regularized(FLOOR[term], PRIOR[term] + kept, 1 + broken);
            confidence[term] = (long) Math.floor(kappa * 1e9 + 0.5);
            compliance = Math.min(compliance, confidence[term] / 1e9);
            freshness = Math.min(freshness, Math.floor(Math.min(1, (kept + broken) / FRESH[term]) * 1e9 + 0.5) / 1e9);
        }
        return (int) Math.floor(1000 * compliance * freshness + 0.5);
    }
}
