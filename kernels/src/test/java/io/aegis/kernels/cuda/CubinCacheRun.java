package io.aegis.kernels.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;

/** A process of {@link CubinCacheTest}: asks a shared cache for a few keys again and again, and now and then cuts a file. */
final class CubinCacheRun {
    private static final int ROUNDS = 400;
    private static final int KEYS = 4;

    private CubinCacheRun() {}

    public static void main(String[] args) throws IOException {
        CubinCache cache = new CubinCache(Path.of(args[0]), line -> {});
        Random random = new Random(Integer.parseInt(args[1]));
        for (int round = 0; round < ROUNDS; round++) {
            int which = random.nextInt(KEYS);
            String key = Integer.toString(which).repeat(64);
            byte[] right = new byte[20_000 + which];
            Arrays.fill(right, (byte) which);
            Cubin got = cache.get(key, () -> new Cubin("c" + which, "", right));
            if (!Arrays.equals(got.code(), right) || !got.compiler().equals("c" + which)) {
                throw new AssertionError("round " + round + ": wrong bytes of " + key);
            }
            if (random.nextInt(10) == 0) {
                Path file = cache.folder().resolve(key + ".cubin");
                try {
                    Files.write(file, new byte[] {1, 2, 3}, StandardOpenOption.TRUNCATE_EXISTING);
                } catch (java.nio.file.NoSuchFileException e) {
                    // Another process has deleted it just now.
                    continue;
                }
            }
        }
        System.out.println("right every time");
    }
}
