package peer;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;

/** Folds events into playlists and forwards labels: at once, or in batches that end at the latest before a commit. */
final class Labelling implements Processor<String, byte[], String, byte[]> {
    static final String PLAYLISTS = "playlists";
    private static final Duration LONGEST_WAIT = Duration.ofMillis(20);
    private static final ObjectReader READER = new ObjectMapper()
        .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false).readerFor(Event.class);

    /** A playlist event. */
    public static final class Event {
        public String user;
        public String at;
        public String[] add = {};
        public String[] remove = {};
    }

    private record Waiting(Record<String, byte[]> record, int[] rows, int partition, long offset, String at) {}

    private final Model model;
    private final int batch;
    private final List<Waiting> waiting = new ArrayList<>();
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, byte[]> playlists;

    Labelling(Model model, int batch) {
        this.model = model;
        this.batch = batch;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        playlists = context.getStateStore(PLAYLISTS);
        if (batch > 1) {
            BeforeCommit.run(context, this::labelWaiting);
            context.schedule(LONGEST_WAIT, PunctuationType.WALL_CLOCK_TIME, now -> labelWaiting());
        }
    }

    @Override
    public void process(Record<String, byte[]> record) {
        Event event = read(record.value());
        int[] rows = changed(playlists.get(record.key()), event, model.rows);
        playlists.put(record.key(), bytes(rows));
        RecordMetadata source = context.recordMetadata().orElseThrow();
        String at = event.at != null ? event.at : Instant.ofEpochMilli(record.timestamp()).toString();
        waiting.add(new Waiting(record, rows, source.partition(), source.offset(), at));
        if (waiting.size() >= batch) {
            labelWaiting();
        }
    }

    private void labelWaiting() {
        if (waiting.isEmpty()) {
            return;
        }
        Model.Answers answers = model.run(waiting.stream().map(Waiting::rows).toList());
        for (int i = 0; i < waiting.size(); i++) {
            Waiting one = waiting.get(i);
            byte[] label = model.words.label(one.record.key(), answers.gender()[i], answers.cluster()[i],
                one.rows.length, one.partition, one.offset, one.at);
            context.forward(one.record.withValue(label));
        }
        waiting.clear();
    }

    private static Event read(byte[] value) {
        try {
            return READER.readValue(value);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static int[] changed(byte[] state, Event event, Map<String, Integer> known) {
        int[] before = state == null ? new int[0] : ints(state);
        int count = before.length;
        int[] rows = Arrays.copyOf(before, count + event.add.length);
        for (String song : event.remove) {
            int at = find(rows, count, known.get(song));
            if (at >= 0) {
                rows[at] = rows[--count];
            }
        }
        for (String song : event.add) {
            Integer row = known.get(song);
            if (row != null && find(rows, count, row) < 0) {
                rows[count++] = row;
            }
        }
        return count == rows.length ? rows : Arrays.copyOf(rows, count);
    }

    private static int find(int[] rows, int count, Integer row) {
        if (row != null) {
            for (int i = 0; i < count; i++) {
                if (rows[i] == row) {
                    return i;
                }
            }
        }
        return -1;
    }

    private static int[] ints(byte[] bytes) {
        int[] ints = new int[bytes.length / 4];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(ints);
        return ints;
    }

    private static byte[] bytes(int[] ints) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * ints.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asIntBuffer().put(ints);
        return buffer.array();
    }
}
