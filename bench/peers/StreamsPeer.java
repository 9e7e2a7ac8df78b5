package troth.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The same job on Kafka Streams, by its Processor API: one store of bytes that are changed in place; or, with `map`, no
 * store at all but a hash table of the processor's own, which nothing restores: the least that Kafka Streams can cost.
 *
 * <p>StreamsPeer BOOTSTRAP DIRECTORY map|memory|rocksdb at_least_once|exactly_once_v2 changelog|no-changelog
 */
final class StreamsPeer implements Control.Peer {
    private static final String STORE = "standings";

    private final String bootstrap;
    private final Path directory;
    private final String kind;
    private final String guarantee;
    private final boolean changelog;

    private StreamsPeer(String[] words) {
        bootstrap = words[0];
        directory = Path.of(words[1]);
        kind = words[2];
        guarantee = words[3];
        changelog = words[4].equals("changelog");
    }

    public static void main(String[] words) throws Exception {
        Control.serve(new StreamsPeer(words));
    }

    /** Without a changelog and in memory the store gives out what it keeps: then nothing need be put back. */
    private boolean keepsWhatItGives() {
        return kind.equals("memory") && !changelog;
    }

    @Override
    public AutoCloseable start(Run run) {
        Topology topology = new Topology();
        topology.addSource("telemetry", new ByteArrayDeserializer(), new ByteArrayDeserializer(), run.topic);
        topology.addProcessor("score", () -> new Score(run), "telemetry");
        if (!kind.equals("map")) {
            topology.addStateStore(store(), "score");
        }
        KafkaStreams streams = new KafkaStreams(topology, settings(run));
        streams.setUncaughtExceptionHandler(failure -> {
            Run.fail(failure);
            return null;
        });
        streams.start();
        return () -> {
            streams.close(Duration.ofMinutes(1));
            streams.cleanUp();
            forget(run);
        };
    }

    private StoreBuilder<KeyValueStore<byte[], byte[]>> store() {
        KeyValueBytesStoreSupplier supplier = kind.equals("memory")
                ? Stores.inMemoryKeyValueStore(STORE) : Stores.persistentKeyValueStore(STORE);
        StoreBuilder<KeyValueStore<byte[], byte[]>> store =
                Stores.keyValueStoreBuilder(supplier, Serdes.ByteArray(), Serdes.ByteArray());
        if (!keepsWhatItGives()) {
            store = store.withCachingEnabled();
        }
        return changelog ? store.withLoggingEnabled(Map.of()) : store.withLoggingDisabled();
    }

    private Properties settings(Run run) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, run.name);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, directory.toString());
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Tuning.get("commit.interval.ms", 1000));
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, Tuning.get("cache.mb", 128) << 20);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, Tuning.get("buffered.records", 20000));
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.ISOLATION_LEVEL_CONFIG), "read_committed");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG),
                Tuning.get("max.poll.records", 4096));
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG),
                Tuning.get("partition.fetch.kb", 4096) << 10);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.RECEIVE_BUFFER_CONFIG), 1 << 20);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 1 << 18);
        settings.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
        return settings;
    }

    private void forget(Run run) throws Exception {
        if (changelog) {
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
                admin.deleteTopics(List.of(run.name + "-" + STORE + "-changelog")).all().get();
            }
        }
    }

    /** One task: a partition, with standings of its own. */
    private final class Score extends ContextualProcessor<byte[], byte[], Void, Void> {
        private final Run run;
        private RedisPipe pipe;
        private Taker taker;
        private Scorer<?> scorer;

        Score(Run run) {
            this.run = run;
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            super.init(context);
            try {
                pipe = run.redis.equals("none") ? null : new RedisPipe(run.redis, run.prefix);
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
            int partition = context.taskId().partition();
            if (kind.equals("map")) {
                Scorer<Bytes> own = new Scorer<>(run, partition, new InMap(), pipe);
                taker = (key, value, timestampUs) ->
                        own.take(key == null ? null : Bytes.wrap(key), key, value, timestampUs);
                scorer = own;
            } else {
                InStore states = new InStore(context.getStateStore(STORE), !keepsWhatItGives());
                Scorer<byte[]> own = new Scorer<>(run, partition, states, pipe);
                taker = (key, value, timestampUs) -> own.take(key, key, value, timestampUs);
                scorer = own;
            }
            context.schedule(Duration.ofMillis(Scorer.tickMs()), PunctuationType.WALL_CLOCK_TIME, now -> {
                try {
                    scorer.tick();
                } catch (IOException failure) {
                    throw new UncheckedIOException(failure);
                }
            });
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            try {
                taker.take(record.key(), record.value(), record.timestamp() * 1000);
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }

        @Override
        public void close() {
            try {
                if (pipe != null) {
                    pipe.close();
                }
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }
    }

    private interface Taker {
        void take(byte[] key, byte[] value, long timestampUs) throws IOException;
    }

    private static final class InStore implements Scorer.States<byte[]> {
        private final KeyValueStore<byte[], byte[]> store;
        private final boolean putsBack;

        InStore(KeyValueStore<byte[], byte[]> store, boolean putsBack) {
            this.store = store;
            this.putsBack = putsBack;
        }

        @Override
        public byte[] get(byte[] agent) {
            return store.get(agent);
        }

        @Override
        public void put(byte[] agent, byte[] state, boolean isNew) {
            if (isNew || putsBack) {
                store.put(agent, state);
            }
        }

        @Override
        public byte[] name(byte[] agent) {
            return agent;
        }

        @Override
        public void each(BiConsumer<byte[], byte[]> take) {
            try (KeyValueIterator<byte[], byte[]> all = store.all()) {
                while (all.hasNext()) {
                    KeyValue<byte[], byte[]> next = all.next();
                    take.accept(next.key, next.value);
                }
            }
        }
    }

    private static final class InMap implements Scorer.States<Bytes> {
        private final Map<Bytes, byte[]> map = new HashMap<>();

        @Override
        public byte[] get(Bytes agent) {
            return map.get(agent);
        }

        @Override
        public void put(Bytes agent, byte[] state, boolean isNew) {
            if (isNew) {
                map.put(agent, state);
            }
        }

        @Override
        public byte[] name(Bytes agent) {
            return agent.get();
        }

        @Override
        public void each(BiConsumer<Bytes, byte[]> take) {
            map.forEach(take);
        }
    }
}
