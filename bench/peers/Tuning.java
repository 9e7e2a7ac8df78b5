package troth.peers;

/** Settings that `bench/peers/measure --try` sets to other values than those found best: -Dtroth.NAME=VALUE. */
final class Tuning {
    private Tuning() {
    }

    static int get(String name, int best) {
        return Integer.getInteger("troth." + name, best);
    }
}
