package troth.peers;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * What an AgentEvent (schemas/agent_event.avsc, bare Avro) is evidence of under the contract of bench/harness.py, read
 * from the bytes as far as the contract asks and without an object: the fastest decoder that the peers could have.
 */
final class Evidence {
    /** Bits of a verdict: of term t, 1 << 2t that it was kept, 2 << 2t that it was broken. */
    static final int NONE = 0;

    /** Instead of a verdict: the event is not the contract's. */
    static final int NOT_OURS = -1;

    private static final int RESOLVES = 0;
    private static final int PROMPT = 2;
    private static final int UNAIDED = 4;
    private static final int KEPT = 1;
    private static final int BROKEN = 2;

    private static final byte[] CONTRACT = "refunds".getBytes(StandardCharsets.UTF_8);
    private static final byte[] APPLIES_TO = "refund-".getBytes(StandardCharsets.UTF_8);
    private static final int ID_LENGTH = 16;
    private static final int SELF = 0;
    private static final int TASK = 0;
    private static final int RESCUE = 3;
    private static final int OK = 1;
    private static final int TIMEOUT = 4; // failed, refused and timeout are 2 to 4, throttled and cancelled 5 and 6
    private static final long PROMPT_US = 2_000_000;

    private byte[] bytes;
    private int at;

    /** When it happened, by the emitter's clock: valid after read(). */
    long atUs;

    static boolean isApplicant(byte[] agent) {
        return agent != null && agent.length >= APPLIES_TO.length
                && Arrays.equals(agent, 0, APPLIES_TO.length, APPLIES_TO, 0, APPLIES_TO.length);
    }

    /** Returns the verdict's bits, or NOT_OURS. */
    int read(byte[] event) {
        bytes = event;
        at = ID_LENGTH;
        skipBytes(); // the agent, which is the record's key too
        atUs = readLong();
        int kind = (int) readLong();
        int outcome = (int) readLong();
        int source = (int) readLong();
        skipOptionalBytes(); // issuer
        if (!readsContract(source)) {
            return NOT_OURS;
        }
        skipOptionalBytes(); // session
        skipOptionalLong(); // seq
        skipOptionalBytes(); // agent_version
        skipOptionalBytes(); // task
        skipOptionalBytes(); // tool
        boolean timed = readLong() != 0;
        long latencyUs = timed ? readLong() : 0;
        skipOptionalLong(); // cost_micros
        skipOptionalLong(); // input_tokens
        skipOptionalLong(); // output_tokens
        boolean rescued = readLong() != 0;
        if (kind == RESCUE) {
            return BROKEN << UNAIDED;
        }
        return kind == TASK ? judge(outcome, timed, latencyUs, rescued) : NONE;
    }

    private static int judge(int outcome, boolean timed, long latencyUs, boolean rescued) {
        int verdict = (rescued ? BROKEN : KEPT) << UNAIDED;
        if (outcome == OK) {
            verdict |= KEPT << RESOLVES;
        } else if (outcome <= TIMEOUT) { // none is an outcome too, and not ok
            verdict |= BROKEN << RESOLVES;
        }
        if (timed) {
            verdict |= (latencyUs <= PROMPT_US ? KEPT : BROKEN) << PROMPT;
        } else if (outcome > OK && outcome <= TIMEOUT) {
            verdict |= BROKEN << PROMPT; // an absent field of a failure is no excuse
        }
        return verdict;
    }

    private boolean readsContract(int source) {
        if (readLong() == 0) {
            return true;
        }
        int length = (int) readLong();
        boolean ours = Arrays.equals(bytes, at, at + length, CONTRACT, 0, CONTRACT.length);
        at += length;
        return ours || source == SELF;
    }

    private void skipOptionalBytes() {
        if (readLong() != 0) {
            skipBytes();
        }
    }

    private void skipBytes() {
        int length = (int) readLong();
        at += length;
    }

    private void skipOptionalLong() {
        if (readLong() != 0) {
            while (bytes[at++] < 0) {
                // the last byte of a number has its highest bit clear
            }
        }
    }

    private long readLong() {
        long bits = bytes[at++];
        if (bits >= 0) {
            return bits >>> 1 ^ -(bits & 1);
        }
        bits &= 0x7f;
        for (int shift = 7; shift < 64; shift += 7) {
            byte next = bytes[at++];
            bits |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                break;
            }
        }
        return bits >>> 1 ^ -(bits & 1);
    }
}
