package peer;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The model, safe to run in several threads. */
final class Model implements AutoCloseable {
    /** Probabilities, one row per playlist. */
    record Answers(float[][] gender, float[][] cluster) {}

    /** Direct buffers for the model's inputs, one set per thread, that grow with the largest batch. */
    private static final class Inputs {
        IntBuffer songRows = ints(4096);
        IntBuffer userRows = ints(4096);
        FloatBuffer songCounts = floats(512);

        void fill(List<int[]> playlists) {
            int songs = playlists.stream().mapToInt(rows -> rows.length).sum();
            if (songRows.capacity() < songs) {
                songRows = ints(2 * songs);
                userRows = ints(2 * songs);
            }
            if (songCounts.capacity() < playlists.size()) {
                songCounts = floats(2 * playlists.size());
            }
            songRows.clear();
            userRows.clear();
            songCounts.clear();
            int user = 0;
            for (int[] rows : playlists) {
                songRows.put(rows);
                for (int i = 0; i < rows.length; i++) {
                    userRows.put(user);
                }
                songCounts.put(rows.length);
                user++;
            }
            songRows.flip();
            userRows.flip();
            songCounts.flip();
        }
    }

    final Map<String, Integer> rows = new HashMap<>();
    final Words words;
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;
    private final ThreadLocal<Inputs> inputs = ThreadLocal.withInitial(Inputs::new);

    Model(String folder) throws IOException, OrtException {
        File bundle = new File(folder, "bundle");
        OrtSession.SessionOptions options = new OrtSession.SessionOptions();
        options.setIntraOpNumThreads(1);
        options.setInterOpNumThreads(1);
        options.setMemoryPatternOptimization(false);
        session = environment.createSession(new File(folder, "merged.onnx").getPath(), options);
        for (JsonNode song : new ObjectMapper().readTree(new File(bundle, "songs.json")).get("ids")) {
            rows.put(song.asText(), rows.size());
        }
        words = new Words(bundle);
    }

    Answers run(List<int[]> playlists) {
        Inputs in = inputs.get();
        in.fill(playlists);
        long[] songs = {in.songRows.remaining()};
        long[] users = {playlists.size()};
        try (OnnxTensor songRows = OnnxTensor.createTensor(environment, in.songRows, songs);
            OnnxTensor userRows = OnnxTensor.createTensor(environment, in.userRows, songs);
            OnnxTensor songCounts = OnnxTensor.createTensor(environment, in.songCounts, users);
            OrtSession.Result result = session.run(
                Map.of("song_rows", songRows, "user_rows", userRows, "song_counts", songCounts))) {
            return new Answers((float[][]) result.get("gender").orElseThrow().getValue(),
                (float[][]) result.get("cluster").orElseThrow().getValue());
        } catch (OrtException error) {
            throw new IllegalStateException(error);
        }
    }

    @Override
    public void close() throws OrtException {
        session.close();
    }

    private static IntBuffer ints(int count) {
        return ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder()).asIntBuffer();
    }

    private static FloatBuffer floats(int count) {
        return ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder()).asFloatBuffer();
    }
}
