package troth.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.util.Arrays;

/**
 * The bench's side of a peer: commands on standard input, answers on standard output, one a line.
 *
 * <pre>
 *   run TOPIC NAME REDIS PREFIX COUNT,COUNT,...   caught-up STANDINGS ROWS   all is read and what moved is in Redis
 *   memory                                        heap BYTES                 in use after full collections
 *   finish                                        published                  every score is in Redis
 *   end                                           ended                      what the run has made is gone
 * </pre>
 *
 * <p>The runs of one process share its compiled code: so a peer is warm from its second run on.
 */
final class Control {
    /** A framework that can read telemetry with Scorers. */
    interface Peer {
        /** Starts reading; returns what ends it. */
        AutoCloseable start(Run run) throws Exception;
    }

    private Control() {
    }

    static void serve(Peer peer) throws Exception {
        PrintStream out = System.out;
        System.setOut(System.err); // what frameworks say must not be taken for an answer
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        AutoCloseable running = null;
        Run run = null;
        out.println("ready");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "run":
                    run = new Run(words[1], words[2], words[3], words[4],
                            Arrays.stream(words[5].split(",")).mapToLong(Long::parseLong).toArray());
                    running = peer.start(run);
                    run.caughtUp.await();
                    out.println("caught-up " + run.standings.get() + " " + run.rows.get());
                    break;
                case "memory":
                    out.println("heap " + heapInUse());
                    break;
                case "finish":
                    run.finishing = true;
                    run.published.await();
                    out.println("published");
                    break;
                case "end":
                    running.close();
                    run = null;
                    running = null;
                    out.println("ended");
                    break;
                default:
                    throw new IOException("no such command: " + line);
            }
        }
        System.exit(0);
    }

    private static long heapInUse() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }
}
