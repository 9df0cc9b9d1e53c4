package peer;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Labels as JSON, with the fields that the worker writes. */
final class Words {
    private final List<String> genders = new ArrayList<>();
    private final List<String> clusters = new ArrayList<>();
    private final float threshold;
    private final int minSongs;
    private final String version;

    Words(File bundle) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        JsonNode calibration = mapper.readTree(new File(bundle, "calibration.json"));
        calibration.get("genders").forEach(gender -> genders.add(gender.toString()));
        threshold = calibration.get("threshold").floatValue();
        minSongs = calibration.get("min_known_songs").intValue();
        mapper.readTree(new File(bundle, "clusters.json")).forEach(one -> clusters.add(one.get("name").toString()));
        version = mapper.readTree(new File(bundle, "manifest.json")).get("version").toString();
    }

    byte[] label(String user, float[] gender, float[] cluster, int songs, int partition, long offset, String at) {
        int likely = largest(gender);
        int near = largest(cluster);
        boolean sure = gender[likely] >= threshold && songs >= minSongs;
        StringBuilder label = new StringBuilder(320).append("{\"user\":\"");
        JsonStringEncoder.getInstance().quoteAsString(user, label);
        label.append("\",\"gender\":{\"label\":").append(sure ? genders.get(likely) : "null")
            .append(",\"probability\":").append(fourDecimals(gender[likely]))
            .append("},\"cluster\":{\"id\":").append(near).append(",\"name\":").append(clusters.get(near))
            .append(",\"probability\":").append(fourDecimals(cluster[near]))
            .append("},\"songs\":").append(songs).append(",\"known_songs\":").append(songs)
            .append(",\"model\":").append(version)
            .append(",\"source\":{\"partition\":").append(partition).append(",\"offset\":").append(offset)
            .append("},\"reason\":\"event\",\"at\":\"").append(at).append("\"}");
        return label.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static double fourDecimals(float probability) {
        return Math.round(probability * 10_000.0) / 10_000.0;
    }

    private static int largest(float[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            if (values[i] > values[best]) {
                best = i;
            }
        }
        return best;
    }
}
