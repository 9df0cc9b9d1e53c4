import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Keep the latest label of every user: java -cp KAFKA_CLIENTS Consume.java BROKERS TOPIC [COUNT] */
public class Consume {
    public static void main(String[] args) {
        long count = args.length > 2 ? Long.parseLong(args[2]) : Long.MAX_VALUE;
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", args[0],
                "group.id", "example-java-" + args[1],
                "isolation.level", "read_committed", // not Java's default
                "auto.offset.reset", "earliest",
                "key.deserializer", StringDeserializer.class.getName(),
                "value.deserializer", StringDeserializer.class.getName());
        Map<String, String> labels = new HashMap<>();
        try (var consumer = new KafkaConsumer<String, String>(settings)) {
            consumer.subscribe(List.of(args[1]));
            for (long seen = 0; seen < count; ) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    seen++;
                    if (record.value() == null) { // erased, or objecting: forget the label
                        labels.remove(record.key());
                        System.out.println(record.key() + " has no label any more");
                    } else {
                        labels.put(record.key(), record.value());
                        System.out.println(record.key() + " " + record.value());
                    }
                }
            }
        }
        System.out.println("users with a label: " + labels.size());
    }
}
