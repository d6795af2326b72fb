package io.aegis.cli.verify;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.tensor.Tensor;
import io.aegis.weights.Safetensors;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** The safetensors files of a directory of reference values. */
final class Golden implements AutoCloseable {
    private final Path directory;
    private final Map<String, Safetensors> files = new TreeMap<>();

    Golden(Path directory) throws IOException {
        this.directory = directory;
        List<Path> found;
        try (Stream<Path> list = Files.list(directory)) {
            found = list.filter(p -> p.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
        }
        try {
            for (Path p : found) {
                String name = p.getFileName().toString();
                files.put(name.substring(0, name.length() - ".safetensors".length()), Safetensors.open(p));
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    Path directory() {
        return directory;
    }

    List<String> files() {
        return new ArrayList<>(files.keySet());
    }

    boolean has(String file) {
        return files.containsKey(file);
    }

    boolean has(String file, String key) {
        return has(file) && files.get(file).has(key);
    }

    List<String> keys(String file) {
        return file(file).names();
    }

    /** What stands before {@code ending} in a file's keys, sorted. */
    SortedSet<String> groups(String file, String ending) {
        SortedSet<String> groups = new TreeSet<>();
        for (String key : keys(file)) {
            if (key.endsWith(ending)) {
                groups.add(key.substring(0, key.length() - ending.length()));
            }
        }
        return groups;
    }

    Safetensors file(String file) {
        Safetensors s = files.get(file);
        if (s == null) {
            throw new WeightsException(
                    directory + ": " + file + ".safetensors is missing; expected a directory of reference values");
        }
        return s;
    }

    View view(String file, String key) {
        return Views.of(file(file), key);
    }

    double[] doubles(String file, String key) {
        return view(file, key).toDoubles();
    }

    long[] longs(String file, String key) {
        View v = view(file, key);
        long[] out = new long[(int) v.elements()];
        for (int i = 0; i < out.length; i++) {
            out[i] = v.getLongAt(v.position(i));
        }
        return out;
    }

    /** A copy in the current scope. */
    Tensor tensor(String file, String key, DType dtype) {
        return Tensor.copyOf(view(file, key), dtype);
    }

    @Override
    public void close() {
        files.values().forEach(Safetensors::close);
    }
}
