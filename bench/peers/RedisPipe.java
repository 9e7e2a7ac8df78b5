package troth.peers;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Rows of scores to Redis, pipelined, the commands built by hand into one buffer. What was sent is answered at the
 * latest when the next batch is sent, so nobody waits for a round trip. Used by one thread.
 */
final class RedisPipe implements AutoCloseable {
    private static final int SEND_AT = 1 << 16;
    private static final byte[] HEAD = ascii("*12\r\n$4\r\nHSET\r\n$");
    private static final byte[] AS_OF = ascii("$5\r\nas_of\r\n$16\r\n");
    private static final byte[] SCORE = ascii("$5\r\nscore\r\n$");
    private static final byte[][] TERM = {ascii("$8\r\nresolves\r\n$11\r\n"), ascii("$6\r\nprompt\r\n$11\r\n"),
        ascii("$7\r\nunaided\r\n$11\r\n")};

    private final byte[] prefix;
    private final Socket socket;
    private final OutputStream out;
    private final InputStream in;
    private final byte[] answers = new byte[1 << 16];
    private byte[] buffer = new byte[SEND_AT + 4096];
    private int used;
    private int waiting; // commands in the buffer
    private long unanswered; // commands that were sent

    RedisPipe(String address, String prefix) throws IOException {
        int colon = address.lastIndexOf(':');
        this.prefix = ascii(prefix + ":agent:");
        socket = new Socket();
        socket.connect(new InetSocketAddress(address.substring(0, colon),
                Integer.parseInt(address.substring(colon + 1))));
        socket.setTcpNoDelay(true);
        out = socket.getOutputStream();
        in = socket.getInputStream();
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** In confidence: by term, times 1e9. */
    void put(byte[] agent, int score, long[] confidence, long asOfUs) throws IOException {
        if (used >= SEND_AT) {
            send();
        }
        add(HEAD);
        addNumber(prefix.length + agent.length, 1);
        addEnd();
        add(prefix);
        add(agent);
        addEnd();
        add(SCORE);
        buffer[used++] = (byte) ('0' + (score < 10 ? 1 : score < 100 ? 2 : score < 1000 ? 3 : 4));
        addEnd();
        addNumber(score, 1);
        addEnd();
        for (int term = 0; term < Standing.TERMS; term++) {
            add(TERM[term]);
            addNumber(confidence[term] / 1_000_000_000, 1);
            buffer[used++] = '.';
            addNumber(confidence[term] % 1_000_000_000, 9);
            addEnd();
        }
        add(AS_OF);
        addNumber(asOfUs, 16);
        addEnd();
        waiting++;
    }

    private void add(byte[] bytes) {
        System.arraycopy(bytes, 0, buffer, used, bytes.length);
        used += bytes.length;
    }

    private void addEnd() {
        buffer[used++] = '\r';
        buffer[used++] = '\n';
    }

    private void addNumber(long value, int leastDigits) {
        int digits = leastDigits;
        for (long bound = pow10(leastDigits); digits < 18 && value >= bound; bound *= 10) {
            digits++;
        }
        for (int i = used + digits - 1; i >= used; i--) {
            buffer[i] = (byte) ('0' + value % 10);
            value /= 10;
        }
        used += digits;
    }

    private static long pow10(int exponent) {
        long power = 1;
        for (int i = 0; i < exponent; i++) {
            power *= 10;
        }
        return power;
    }

    /** Sends what was put; first takes the answers to what was sent before. */
    void send() throws IOException {
        if (waiting == 0) {
            return;
        }
        await();
        out.write(buffer, 0, used);
        unanswered = waiting;
        used = 0;
        waiting = 0;
    }

    /** Takes all answers that are owed. An error of Redis ends the peer: its rows would be wrong. */
    void await() throws IOException {
        while (unanswered > 0) {
            int length = in.read(answers);
            if (length < 0) {
                throw new EOFException("Redis closed the connection");
            }
            for (int i = 0; i < length; i++) {
                if (answers[i] == '-') {
                    throw new IOException("Redis: " + new String(Arrays.copyOfRange(answers, i, length),
                            StandardCharsets.UTF_8));
                }
                unanswered -= answers[i] == '\n' ? 1 : 0;
            }
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
