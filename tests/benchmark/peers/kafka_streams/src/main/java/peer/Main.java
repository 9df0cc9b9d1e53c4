package peer;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams: exactly once, playlists in RocksDB, the model per event or per batch of events. */
public final class Main {
    private static final int CACHE_BYTES = 64 << 20;

    public static void main(String[] arguments) throws Exception {
        Map<String, String> job = System.getenv();
        try (Model model = new Model(job.get("BENCH_MODEL"))) {
            KafkaStreams streams = new KafkaStreams(topology(job, model), properties(job));
            CountDownLatch failed = new CountDownLatch(1);
            streams.setUncaughtExceptionHandler(error -> {
                error.printStackTrace();
                failed.countDown();
                return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
            });
            Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
            streams.start();
            failed.await();
            System.exit(1);
        }
    }

    static Topology topology(Map<String, String> job, Model model) {
        int batch = Integer.parseInt(job.get("BENCH_MICRO_BATCH"));
        Topology topology = new Topology();
        topology.addSource("events", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(),
            job.get("BENCH_EVENTS"));
        topology.addProcessor("label", () -> new Labelling(model, batch), "events");
        topology.addStateStore(
            Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(Labelling.PLAYLISTS), Serdes.String(), Serdes.ByteArray())
                .withCachingEnabled().withLoggingEnabled(Map.of()),
            "label");
        topology.addStateStore(new BeforeCommit.Builder(), "label");
        topology.addSink("labels", job.get("BENCH_LABELS"), Serdes.String().serializer(),
            Serdes.ByteArray().serializer(), "label");
        return topology;
    }

    static Properties properties(Map<String, String> job) {
        Properties properties = new Properties();
        properties.put("application.id", job.get("BENCH_GROUP"));
        properties.put("bootstrap.servers", job.get("BENCH_BROKERS"));
        properties.put("processing.guarantee", "exactly_once_v2");
        properties.put("num.stream.threads", job.get("BENCH_THREADS"));
        properties.put("commit.interval.ms", job.get("BENCH_COMMIT_MS"));
        properties.put("state.dir", job.get("BENCH_STATE"));
        properties.put("statestore.cache.max.bytes", CACHE_BYTES);
        properties.put("replication.factor", 1);
        properties.put("consumer.auto.offset.reset", "earliest");
        properties.put("consumer.max.poll.records", 5000);
        properties.put("producer.linger.ms", job.get("BENCH_LINGER_MS"));
        properties.put("producer.compression.type", "lz4");
        properties.put("producer.batch.size", 1 << 18);
        return properties;
    }
}
