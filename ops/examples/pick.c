/*
 * A router in C, over libtroth: asks for an agent for each task, and says who gets it.
 *
 *   cc -o pick pick.c $(pkg-config --cflags --libs troth)
 *   ./pick HOST:PORT CAPABILITY [TASKS [PREFIX]]
 *
 * A task every 100 ms; 20 of them, or as many as are said.
 * Exit status: 0 each task was given to somebody, 1 not each, 2 wrong use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <troth.h>

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Gives one task away. Returns whether somebody got it. */
static bool give(struct troth_client *client, const char *capability)
{
    struct troth_client_question question;
    struct troth_client_agent agent;
    char problem[TROTH_CLIENT_PROBLEM_MAX];
    troth_client_question_init(&question, capability);
    const enum troth_client_status status = troth_client_pick(client, &question, &agent);
    if (status != TROTH_CLIENT_OK) {
        troth_client_problem(client, NULL, problem);
        printf("nobody: %s %s\n", troth_client_status_name(status), problem);
        return false;
    }
    printf("%s, score %u, %s, %.9g of its traffic, at most %lld micros, for %lld s%s\n", agent.name,
           agent.score, troth_client_rung_name(agent.rung), agent.traffic,
           (long long)agent.max_cost_micros,
           (long long)((agent.offer_until_us - now_us()) / 1000000),
           agent.cached ? " (Redis is away)" : "");
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: pick HOST:PORT CAPABILITY [TASKS [PREFIX]]\n");
        return 2;
    }
    struct troth_client_options options;
    troth_client_options_init(&options);
    options.address = argv[1];
    if (argc > 4) {
        options.prefix = argv[4];
    }
    struct troth_client *client = NULL;
    if (troth_client_open(&options, &client) != TROTH_CLIENT_OK) {
        char problem[TROTH_CLIENT_PROBLEM_MAX];
        troth_client_problem(NULL, &options, problem);
        fprintf(stderr, "pick: %s\n", problem);
        return 2;
    }
    const long tasks = argc > 3 ? strtol(argv[3], NULL, 10) : 20;
    long given = 0;
    for (long i = 0; i < tasks; i++) {
        given += give(client, argv[2]);
        if (i + 1 < tasks) {
            nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        }
    }
    troth_client_close(client);
    return given == tasks ? 0 : 1;
}
