package troth.peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * The same job on Flink: a local cluster in this process, one slot, heap state, object reuse. An operator of its own
 * with the state of a key at hand is less than any function of the DataStream API costs.
 *
 * <p>FlinkPeer BOOTSTRAP DIRECTORY keyed|chained checkpoints|no-checkpoints
 *
 * <p>keyed: the source decodes, and what it found of an event goes to the task that has the agent's key, as it must
 * where there can be more than one task. chained: source and operator are one task and no record is ever serialized,
 * which is right only while there is but one. checkpoints: exactly once, with one each second; else nothing is kept.
 */
final class FlinkPeer implements Control.Peer {
    /** The operator is serialized on its way to the task, which is in this process. */
    private static volatile Run current;

    private final String bootstrap;
    private final Path directory;
    private final boolean chained;
    private final boolean checkpoints;

    private FlinkPeer(String[] words) {
        bootstrap = words[0];
        directory = Path.of(words[1]);
        chained = words[2].equals("chained");
        checkpoints = words[3].equals("checkpoints");
    }

    public static void main(String[] words) throws Exception {
        Control.serve(new FlinkPeer(words));
    }

    @Override
    public AutoCloseable start(Run run) throws Exception {
        current = run;
        Configuration settings = new Configuration();
        settings.setString("state.backend.type", "hashmap");
        settings.setString("pipeline.object-reuse", "true");
        settings.setString("taskmanager.numberOfTaskSlots", "1");
        settings.setString("pipeline.generic-types", "true");
        if (checkpoints) {
            settings.setString("execution.checkpointing.interval", "1s");
            settings.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
            settings.setString("execution.checkpointing.storage", "filesystem");
            settings.setString("execution.checkpointing.dir", directory.toUri().toString());
        }
        settings.setString("restart-strategy.type", "none");
        settings.setString("rest.port", "0");
        settings.setString("rest.bind-address", "127.0.0.1");
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(1, settings);
        if (chained) {
            DataStream<ConsumerRecord<byte[], byte[]>> records = read(environment, run, new AsItIs());
            DataStreamUtils.reinterpretAsKeyedStream(records, FlinkPeer::agentOf, Types.STRING)
                    .transform("score", Types.VOID, new ScoreRecords());
        } else {
            DataStream<Tuple4<String, Integer, Long, Long>> events = read(environment, run, new Decoded());
            events.keyBy(event -> event.f0, Types.STRING).transform("score", Types.VOID, new ScoreDecoded());
        }
        JobClient job = environment.executeAsync(run.name);
        job.getJobExecutionResult().whenComplete((result, failure) -> {
            if (current == run) {
                Run.fail(failure != null ? failure : new IllegalStateException("the job ended"));
            }
        });
        return () -> {
            current = null;
            job.cancel().get();
            environment.close();
        };
    }

    private <T> DataStream<T> read(StreamExecutionEnvironment environment, Run run,
            KafkaRecordDeserializationSchema<T> deserializer) {
        KafkaSource<T> source = KafkaSource.<T>builder()
                .setBootstrapServers(bootstrap)
                .setTopics(run.topic)
                .setGroupId(run.name)
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(deserializer)
                .setProperty("isolation.level", "read_committed")
                .setProperty("max.poll.records", "" + Tuning.get("max.poll.records", 4096))
                .setProperty("max.partition.fetch.bytes", "" + (Tuning.get("partition.fetch.kb", 4096) << 10))
                .setProperty("receive.buffer.bytes", "" + (1 << 20))
                .build();
        return environment.fromSource(source, WatermarkStrategy.noWatermarks(), "telemetry");
    }

    private static String agentOf(ConsumerRecord<byte[], byte[]> record) {
        return record.key() == null ? "" : new String(record.key(), StandardCharsets.UTF_8);
    }

    /** Gives the consumer's own record on. */
    private static final class AsItIs implements KafkaRecordDeserializationSchema<ConsumerRecord<byte[], byte[]>> {
        private static final long serialVersionUID = 1;

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record,
                Collector<ConsumerRecord<byte[], byte[]>> out) {
            out.collect(record);
        }

        @Override
        public TypeInformation<ConsumerRecord<byte[], byte[]>> getProducedType() {
            return TypeInformation.of(new org.apache.flink.api.common.typeinfo.TypeHint<>() {
            });
        }
    }

    /** Gives on agent, partition with verdict, when it happened and when it was recorded; always in the same tuple. */
    private static final class Decoded
            implements KafkaRecordDeserializationSchema<Tuple4<String, Integer, Long, Long>> {
        private static final long serialVersionUID = 1;
        private transient Evidence evidence;
        private transient Tuple4<String, Integer, Long, Long> event;

        @Override
        public void open(DeserializationSchema.InitializationContext context) {
            evidence = new Evidence();
            event = new Tuple4<>();
        }

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record,
                Collector<Tuple4<String, Integer, Long, Long>> out) {
            int verdict = Evidence.isApplicant(record.key()) ? evidence.read(record.value()) : Evidence.NOT_OURS;
            event.setFields(agentOf(record), record.partition() << 8 | verdict & 0xff, evidence.atUs,
                    record.timestamp() * 1000);
            out.collect(event);
        }

        @Override
        public TypeInformation<Tuple4<String, Integer, Long, Long>> getProducedType() {
            return Types.TUPLE(Types.STRING, Types.INT, Types.LONG, Types.LONG);
        }
    }

    private static final class ScoreDecoded extends Score<Tuple4<String, Integer, Long, Long>> {
        private static final long serialVersionUID = 1;

        @Override
        public void processElement(StreamRecord<Tuple4<String, Integer, Long, Long>> element) throws IOException {
            Tuple4<String, Integer, Long, Long> event = element.getValue();
            scorer(event.f1 >> 8).take((String) getCurrentKey(), (byte) (int) event.f1, event.f2, event.f3);
        }
    }

    private static final class ScoreRecords extends Score<ConsumerRecord<byte[], byte[]>> {
        private static final long serialVersionUID = 1;

        @Override
        public void processElement(StreamRecord<ConsumerRecord<byte[], byte[]>> element) throws IOException {
            ConsumerRecord<byte[], byte[]> record = element.getValue();
            scorer(record.partition()).take((String) getCurrentKey(), record.key(), record.value(),
                    record.timestamp() * 1000);
        }
    }

    /** The operator: the standings of all partitions, each scored by its partition's clock. */
    private abstract static class Score<T> extends AbstractStreamOperator<Void>
            implements OneInputStreamOperator<T, Void>, Scorer.States<String> {
        private static final long serialVersionUID = 1;
        private static final ValueStateDescriptor<byte[]> STANDING =
                new ValueStateDescriptor<>("standing", PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);

        private transient ValueState<byte[]> standing;
        private transient RedisPipe pipe;
        private transient List<Scorer<String>> scorers;

        @Override
        public void open() throws Exception {
            super.open();
            Run run = current;
            standing = getPartitionedState(STANDING);
            pipe = run.redis.equals("none") ? null : new RedisPipe(run.redis, run.prefix);
            scorers = new ArrayList<>();
            for (int partition = 0; partition < run.counts.length; partition++) {
                scorers.add(new Scorer<>(run, partition, this, pipe));
            }
            scheduleTick();
        }

        private void scheduleTick() {
            getProcessingTimeService().registerTimer(System.currentTimeMillis() + Scorer.tickMs(), now -> {
                for (Scorer<String> scorer : scorers) {
                    scorer.tick();
                }
                scheduleTick();
            });
        }

        Scorer<String> scorer(int partition) {
            return scorers.get(partition);
        }

        @Override
        public void close() throws Exception {
            if (pipe != null) {
                pipe.close();
            }
            super.close();
        }

        @Override
        public byte[] get(String agent) {
            if (agent != getCurrentKey()) {
                setCurrentKey(agent);
            }
            try {
                return standing.value();
            } catch (IOException failure) {
                throw new IllegalStateException(failure);
            }
        }

        /** The heap gives out what it keeps, or a copy that it keeps from now on while a snapshot is written. */
        @Override
        public void put(String agent, byte[] state, boolean isNew) {
            if (isNew) {
                try {
                    standing.update(state);
                } catch (IOException failure) {
                    throw new IllegalStateException(failure);
                }
            }
        }

        @Override
        public byte[] name(String agent) {
            return agent.getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public void each(BiConsumer<String, byte[]> take) {
            try {
                this.<String>getKeyedStateBackend().applyToAllKeys(VoidNamespace.INSTANCE,
                        VoidNamespaceSerializer.INSTANCE, STANDING,
                        (String agent, ValueState<byte[]> state) -> take.accept(agent, state.value()));
            } catch (Exception failure) {
                throw new IllegalStateException(failure);
            }
        }
    }
}
