package io.aegis.kernels.cuda;

/**
 * A device that the driver shows.
 *
 * @param name {@code cuda:0}
 * @param handle the driver's
 */
record DriverDevice(String name, int handle, Engine.Properties properties) {
    private static final int OLDEST_CAPABILITY = 8;

    /**
     * One that the kernels run on.
     *
     * @param index of those that the driver shows to this process, from 0
     * @throws CudaException when there is no such device, or the kernels do not run on it
     */
    static DriverDevice choose(Driver driver, int index) {
        int count = driver.devices();
        if (index < 0 || index >= count) {
            throw new CudaException("there is no cuda:" + index + ": the driver shows "
                    + (count == 0
                            ? "no GPU"
                            : count == 1 ? "one GPU, cuda:0" : count + " GPUs, cuda:0 to cuda:" + (count - 1)));
        }
        DriverDevice device = of(driver, index);
        device.requireSupported();
        return device;
    }

    /** Any, with what the driver says of it. */
    static DriverDevice of(Driver driver, int index) {
        int device = driver.device(index);
        Engine.Properties properties = new Engine.Properties(
                driver.deviceName(device),
                driver.attribute(device, Driver.CAPABILITY_MAJOR),
                driver.attribute(device, Driver.CAPABILITY_MINOR),
                driver.attribute(device, Driver.MULTIPROCESSORS),
                driver.deviceMemory(device),
                driver.attribute(device, Driver.SHARED_OPT_IN),
                driver.attribute(device, Driver.L2_BYTES));
        return new DriverDevice("cuda:" + index, device, properties);
    }

    /**
     * Whether the kernels run on it.
     *
     * @throws CudaException when they do not
     */
    void requireSupported() {
        if (properties.major() < OLDEST_CAPABILITY) {
            throw new CudaException(name + ", " + properties.description() + ", has compute capability "
                    + properties.major() + "." + properties.minor() + "; the kernels need 8.0 (Ampere) or newer");
        }
    }

    /** What its machine code is compiled for. */
    String arch() {
        return arch(properties.major(), properties.minor());
    }

    /** For a compute capability: with the features of its own generation only, where there are such. */
    static String arch(int major, int minor) {
        boolean specific = minor == 0 && major >= 9;
        return "sm_" + major + minor + (specific ? "a" : "");
    }
}
