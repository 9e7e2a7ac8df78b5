/*
 * Planted bugs: canaries. Each breaks one rule that the real thing keeps; the checks must find it,
 * or they prove nothing. Those listed here are in a simulated part, or in how the worker is told to
 * run. Those in tests/sim/canaries/ are in the product itself: a piece of one source is replaced
 * when the canary's own simulation is built (tests/sim/plant.cmake), so the product has no hooks.
 *
 *     what a worker may do wrong                      canaries
 *     events not skipped by offset                    known-again, given-again, told-again,
 *                                                     rejected-again
 *     an intervention's transaction unfenced          unfenced, empty-member, no-init; in Redis,
 *                                                     no-fence
 *     a claim that widens before catching up          widens-behind; that does not wait, any-claim
 *     a pause evicted                                 pause-evicted
 *     an id reused                                    one-id; made otherwise, era
 *     a tick applied before it is read back           tick-unread; given before, early-tick
 *     a wrong partitioner                             partitioner
 *     widening before commit                          widens-uncommitted; before it took effect,
 *                                                     early-answer
 */
#ifndef TROTH_TESTS_SIM_BUGS_H
#define TROTH_TESTS_SIM_BUGS_H

/* X(NAME, "name on the command line", "the rule that is broken") */
#define SIM_BUGS(X)                                                                                \
    X(NONE, "none", "nothing is")                                                                  \
    X(UNFENCED, "unfenced", "the group takes offsets of a generation that is over")                \
    X(EMPTY_MEMBER, "empty-member", "offsets bear no member id once the membership is lost")       \
    X(UNSTABLE, "unstable", "committed offsets are read past a transaction that is not decided")   \
    X(NO_INIT, "no-init", "a name that opens anew goes on with what its former self left open")    \
    X(SPLIT_COMMIT, "split-commit", "records are committed first, their offsets after")            \
    X(EARLY_ANSWER, "early-answer", "a commit is answered before it has taken effect")             \
    X(EARLY_TICK, "early-tick", "a tick is given before it is appended")                           \
    X(PARTITIONER, "partitioner", "one worker places agents otherwise")                            \
    X(SKIPPED, "skipped", "a partition that is started skips a record")                            \
    X(LATE_ABORT, "late-abort", "what was sent for lost partitions goes with the next commit")     \
    X(EARLY_END, "early-end", "END of the contracts comes before all of them are given")           \
    X(FORGOTTEN, "forgotten", "a store that broke says that nothing happened")                     \
    X(NO_FENCE, "no-fence", "Redis takes what a former owner of a partition sends")                \
    X(DIRTY_RECALL, "dirty-recall", "standings are given that were aborted, or are undecided")     \
    X(KEPT_ROWS, "kept-rows", "Redis keeps the row of a standing that has ended")                  \
    X(PAUSE_EVICTED, "pause-evicted", "a standing at pause is read as one that has ended")         \
    X(EVICTS_ALONE, "evicts-alone", "one worker evicts agents earlier than the others")            \
    X(ERA, "era", "one worker names its interventions otherwise")

#define SIM_ENUMERATE_BUG(NAME, text, rule) SIM_BUG_##NAME,
enum sim_bug { SIM_BUGS(SIM_ENUMERATE_BUG) SIM_BUG_COUNT };
#undef SIM_ENUMERATE_BUG

#endif
