package io.aegis.kernels.cuda;

/** A kernel that is loaded on a device, and what its launches may ask for. */
final class DriverFunction implements Engine.Kernel {
    private static final int FREE_SHARED_BYTES = 48 << 10;
    private static final int MAX_THREADS = 1024;
    private static final int WARP = 32;
    private static final long MAX_GRID_X = Integer.MAX_VALUE;
    private static final long MAX_GRID_YZ = 65535;

    private final Driver driver;
    private final Variant variant;
    private final String entry;
    private final long handle;
    private final int fixedShared;
    private final int mostShared;
    private final long parameterBytes;
    private volatile boolean allowed;

    /**
     * Looks for an entry; the context is current.
     *
     * @param module loaded machine code of the variant
     * @param sharedBytes the most that a block of the device can ask for
     */
    DriverFunction(Driver driver, Variant variant, long module, String entry, int sharedBytes) {
        this.driver = driver;
        this.variant = variant;
        this.entry = entry;
        this.handle = driver.function(module, entry);
        this.fixedShared = driver.functionAttribute(handle, Driver.FUNCTION_SHARED_BYTES);
        this.mostShared = sharedBytes - fixedShared;
        this.parameterBytes = driver.parameterBytes(handle);
    }

    @Override
    public Variant variant() {
        return variant;
    }

    @Override
    public String entry() {
        return entry;
    }

    /** The driver's. */
    long handle() {
        return handle;
    }

    /** For people. */
    String name() {
        return entry + " of " + variant;
    }

    /** What the driver would refuse in fewer words, or not at all. */
    void check(Engine.Grid g, long argumentBytes) {
        String wrong = null;
        if (g.x() < 1 || g.y() < 1 || g.z() < 1 || g.x() > MAX_GRID_X || g.y() > MAX_GRID_YZ || g.z() > MAX_GRID_YZ) {
            wrong = "1 to 2147483647 x 65535 x 65535 blocks are possible";
        } else if (g.threads() < WARP || g.threads() > MAX_THREADS || g.threads() % WARP != 0) {
            wrong = "blocks of a multiple of 32 threads, up to 1024, are possible";
        } else if (g.shared() < 0 || g.shared() > mostShared) {
            wrong = "the device has " + mostShared + " bytes of shared memory left for it";
        } else if (parameterBytes >= 0 && (parameterBytes + Long.BYTES - 1 & -Long.BYTES) != argumentBytes) {
            wrong = "its struct has " + parameterBytes + " bytes, " + argumentBytes + " were packed";
        }
        if (wrong != null) {
            throw new CudaException(new LaunchHistory.Launch(this, g) + ": " + wrong);
        }
    }

    /** More shared memory than every kernel may have, its fixed arrays included, has to be asked for, once. */
    void allow(int shared) {
        if (shared > FREE_SHARED_BYTES - fixedShared && !allowed) {
            driver.setFunctionAttribute(handle, Driver.FUNCTION_MAX_DYNAMIC_SHARED_BYTES, mostShared);
            allowed = true;
        }
    }
}
