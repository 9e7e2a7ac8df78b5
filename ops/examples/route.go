// A router in Go: asks Redis who may do a piece of work, hears of narrowings, bears Redis being away.
//
//	route [-redis HOST:PORT] [-prefix P] [-capability C] [-tasks N] [-every DURATION]
//
// A task a second, without end; or N of them. Redis and prefix: else $TROTH_REDIS_ADDRESS (127.0.0.1:6379)
// and $TROTH_PREFIX (troth). In a folder of its own: go mod init route && go get github.com/redis/go-redis/v9
// && go run . Rules: schemas/redis.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

type agent struct {
	name, score, rung     string
	traffic               float64
	goodUntil, offerUntil int64
}

type router struct {
	redis                  *redis.Client
	route, stream, channel string
	last                   string // the last entry of the stream that was read
	lock                   sync.Mutex
	known                  []agent // what was answered last, for when Redis is away
}

// mayStill: without Redis, its share of the work, until then; its scope past good_until is not known here.
func (a agent) mayStill() bool {
	until := a.offerUntil
	if a.rung == "clear" || a.rung == "warn" {
		until = min(until, a.goodUntil)
	}
	return time.Now().UnixMicro() < until && rand.Float64() < a.traffic
}

// pick returns an agent that may be given the work now (nil: nobody may have it), and whether Redis said so.
func (r *router) pick(ctx context.Context) (*agent, bool) {
	random := strconv.FormatUint(rand.Uint64(), 10)
	found, err := r.redis.Do(ctx, "FCALL_RO", "troth_route", 1, r.route, 8, random).Slice()
	r.lock.Lock()
	defer r.lock.Unlock()
	if err != nil { // away, or just back and not filled yet
		fmt.Fprintln(os.Stderr, "route.go:", err)
		for _, i := range rand.Perm(len(r.known)) {
			if r.known[i].mayStill() {
				return &r.known[i], false
			}
		}
		return nil, false
	}
	r.known = nil
	for _, row := range found {
		text := make([]string, 8)
		for i := range text {
			text[i], _ = row.([]any)[i].(string)
		}
		a := agent{name: text[0], score: text[1], rung: text[2]}
		a.traffic, _ = strconv.ParseFloat(text[3], 64)
		a.goodUntil, _ = strconv.ParseInt(text[6], 10, 64)
		a.offerUntil, _ = strconv.ParseInt(text[7], 10, 64)
		r.known = append(r.known, a)
	}
	if len(r.known) == 0 {
		return nil, true
	}
	return &r.known[0], true
}

// forget: what is known of an agent ("": of all) is not true any more.
func (r *router) forget(name string) {
	r.lock.Lock()
	defer r.lock.Unlock()
	var kept []agent
	for _, a := range r.known {
		if name != "" && a.name != name {
			kept = append(kept, a)
		}
	}
	r.known = kept
}

type intervention struct{ Agent, From, To string }

// catchUp hears what the channel did not tell: a message may be lost, an entry is not, until it is cut off.
func (r *router) catchUp(ctx context.Context) error {
	if r.last == "" { // the first time: from now on
		newest, err := r.redis.XRevRangeN(ctx, r.stream, "+", "-", 1).Result()
		if err != nil {
			return err
		}
		r.last = "0-0"
		if len(newest) > 0 {
			r.last = newest[0].ID
		}
	}
	entries, err := r.redis.XRangeN(ctx, r.stream, r.last, "+", 1000).Result()
	if err == nil && r.last != "0-0" && (len(entries) == 0 || entries[0].ID != r.last) {
		fmt.Println("gap: entries may be missing, so nothing is known any more")
		r.forget("")
		r.last = "0-0"
	}
	for err == nil && len(entries) > 0 {
		for _, entry := range entries {
			var told intervention // stays empty where the entry is `restated`: all is forgotten
			if record, ok := entry.Values["record"].(string); ok {
				err = json.Unmarshal([]byte(record), &told)
			}
			r.forget(told.Agent)
			r.last = entry.ID
		}
		entries, err = r.redis.XRangeN(ctx, r.stream, "("+r.last, "+", 1000).Result()
	}
	return err
}

func (r *router) listen(ctx context.Context) {
	messages := r.redis.Subscribe(ctx, r.channel).Channel() // it connects again by itself
	second := time.Tick(time.Second)
	for {
		_ = r.catchUp(ctx) // where Redis is away, the next one has it
		select {
		case message := <-messages:
			var told intervention
			if json.Unmarshal([]byte(message.Payload), &told) == nil {
				r.forget(told.Agent)
				fmt.Printf("narrowed: %s %s -> %s\n", told.Agent, told.From, told.To)
			}
		case <-second:
		}
	}
}

func environment(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

func main() {
	address := flag.String("redis", environment("TROTH_REDIS_ADDRESS", "127.0.0.1:6379"), "HOST:PORT")
	prefix := flag.String("prefix", environment("TROTH_PREFIX", "troth"), "of the keys")
	capability := flag.String("capability", "refund", "that the work needs")
	tasks := flag.Int("tasks", 0, "0: without end")
	every := flag.Duration("every", time.Second, "between two tasks")
	flag.Parse()
	ctx := context.Background()
	r := &router{redis: redis.NewClient(&redis.Options{Addr: *address, MaxRetries: -1}),
		route: *prefix + ":route:" + *capability, stream: *prefix + ":interventions", channel: *prefix + ":narrowed"}
	go r.listen(ctx)
	for task := 1; task <= *tasks || *tasks == 0; task++ {
		picked, asked := r.pick(ctx)
		who, memory := "nobody may have it now", ""
		if picked != nil {
			who = fmt.Sprintf("%s (%s, score %s)", picked.name, picked.rung, picked.score)
		}
		if !asked {
			memory = ", from memory"
		}
		fmt.Printf("task %d: %s%s\n", task, who, memory)
		time.Sleep(*every)
	}
}
