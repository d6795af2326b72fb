package io.aegis.kernels.cuda;

import java.nio.file.Path;

/** Where what can be made again is kept for this user. */
final class UserCache {
    /** Names another folder. */
    static final String PROPERTY = "aegis.cache";

    private UserCache() {}

    /** The folder; it may not exist yet. */
    static Path folder() {
        String given = System.getProperty(PROPERTY);
        if (given != null) {
            return Path.of(given).toAbsolutePath();
        }
        Path home = Path.of(System.getProperty("user.home", "."));
        String os = System.getProperty("os.name", "");
        if (os.startsWith("Windows")) {
            return environment("LOCALAPPDATA", home.resolve("AppData/Local")).resolve("aegis");
        }
        if (os.startsWith("Mac")) {
            return home.resolve("Library/Caches/aegis");
        }
        return environment("XDG_CACHE_HOME", home.resolve(".cache")).resolve("aegis");
    }

    private static Path environment(String name, Path otherwise) {
        String value = System.getenv(name);
        return value == null || value.isBlank() ? otherwise : Path.of(value);
    }
}
