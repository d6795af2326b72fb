package io.aegis.kernels.cuda;

import io.aegis.kernels.Device;
import io.aegis.kernels.Kernels;
import java.util.ArrayList;
import java.util.List;

/** GPUs of this machine, and the kernels that run on them. Asking is safe on every machine. */
public final class CudaBackend {
    private CudaBackend() {}

    /** What the driver shows; empty where there is none. Never throws. */
    public static List<DeviceReport> devices() {
        Driver driver = Driver.probe().driver();
        return driver == null ? List.of() : devices(driver);
    }

    static List<DeviceReport> devices(Driver driver) {
        List<DeviceReport> all = new ArrayList<>();
        int count = 0;
        try {
            count = driver.devices();
        } catch (CudaException e) {
            return List.of();
        }
        for (int i = 0; i < count; i++) {
            try {
                Engine.Properties p = DriverEngine.properties(driver, driver.device(i));
                String problem = null;
                try {
                    DriverEngine.requireSupported("cuda:" + i, p);
                } catch (CudaException e) {
                    problem = e.getMessage();
                }
                all.add(new DeviceReport(
                        i,
                        p.description(),
                        p.major() + "." + p.minor(),
                        DriverEngine.arch(p.major(), p.minor()),
                        p.memory(),
                        p.multiprocessors(),
                        problem));
            } catch (CudaException e) {
                all.add(new DeviceReport(i, "a GPU that does not answer", "", "", 0, 0, e.getMessage()));
            }
        }
        return all;
    }

    /** Why no GPU can be used, and what would help, in one sentence; null when one can. Never throws. */
    public static String unavailable() {
        Driver.Probe driver = Driver.probe();
        if (driver.driver() == null) {
            return driver.problem();
        }
        List<DeviceReport> devices = devices(driver.driver());
        if (devices.isEmpty()) {
            return "the driver shows no GPU to this process";
        }
        if (devices.stream().allMatch(d -> d.problem() != null)) {
            return devices.getFirst().problem();
        }
        return null;
    }

    /**
     * The kernels of a GPU; to be closed when they are no longer used.
     *
     * @param index of the GPU, from 0
     * @param precision what matrix products and attention round their operands to
     * @throws CudaException when there is no such GPU or it cannot be used: what is missing, and how to get it
     */
    public static Kernels open(int index, Precision precision) {
        Driver.Probe probe = Driver.probe();
        if (probe.driver() == null) {
            throw new CudaException("cuda:" + index + " cannot be used: " + probe.problem());
        }
        return open(probe.driver(), index, precision, Cubins.ofMachine());
    }

    static CudaKernels open(Driver driver, int index, Precision precision, Cubins cubins) {
        return new CudaKernels(new DriverEngine(driver, index, cubins), new Device(Device.Kind.CUDA, index), precision);
    }

    /**
     * The same kernels on the host, thread by thread: for tests, thousands of times slower.
     *
     * @throws CudaException when there is no host compiler for them
     */
    public static Kernels emulator(Precision precision) {
        return new CudaKernels(new EmulatorEngine(), new Device(Device.Kind.CUDA, 0), precision);
    }
}
