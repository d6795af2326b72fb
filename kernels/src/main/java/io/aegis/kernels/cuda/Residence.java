package io.aegis.kernels.cuda;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.Device;
import java.lang.foreign.MemorySegment;

/**
 * The two copies of one buffer. A copy is made when it is first asked for, and brought up to date when the other one has
 * changed since; a reader leaves both current, a writer leaves its own.
 */
final class Residence implements Buffer.Mirror {
    private final DeviceMemory memory;
    private final long bytes;
    /** Host memory that was there before, or is borrowed; null while nobody has asked. */
    private MemorySegment host;

    private boolean borrowed;
    private long address;
    private boolean onDevice;
    private boolean hostCurrent;
    private boolean deviceCurrent;

    /** Begins on the device, with any content. */
    Residence(DeviceMemory memory, long bytes) {
        this.memory = memory;
        this.bytes = bytes;
    }

    /** Begins on the host. */
    Residence(DeviceMemory memory, MemorySegment host) {
        this.memory = memory;
        this.bytes = host.byteSize();
        this.host = host;
        this.hostCurrent = true;
    }

    DeviceMemory memory() {
        return memory;
    }

    @Override
    public Device device() {
        return memory.device();
    }

    @Override
    public synchronized MemorySegment host(boolean writes) {
        if (writes && memory.recording() != null) {
            throw new CudaException("a graph is being recorded on " + device() + ", and the host asks to write " + bytes
                    + " bytes: it would not do so again when the graph runs");
        }
        if (host == null) {
            host = memory.takeHost(bytes);
            borrowed = true;
        }
        if (!hostCurrent && deviceCurrent && bytes > 0) {
            memory.engine().download(address, host.asSlice(0, bytes));
        }
        hostCurrent = true;
        if (writes) {
            deviceCurrent = false;
        }
        return host.byteSize() == bytes ? host : host.asSlice(0, bytes);
    }

    /** Address of the device's copy, current, for kernels that read it. */
    synchronized long reading() {
        return current(true);
    }

    /**
     * Address of the device's copy for kernels that write it.
     *
     * @param whole whether every byte is overwritten, so that what was there does not matter
     */
    synchronized long writing(boolean whole) {
        long at = current(!whole);
        hostCurrent = false;
        Capture capture = memory.recording();
        if (capture != null) {
            capture.writes(this);
        }
        return at;
    }

    /**
     * Makes the device's copy current for a graph that is about to run, as recording it did for what was queued then.
     *
     * @param recorded the address that the graph has
     * @param written whether the graph writes it
     * @throws IllegalStateException when the copy is gone, or another one
     */
    synchronized void replay(long recorded, boolean written) {
        if (!onDevice || address != recorded) {
            throw new IllegalStateException(
                    "a graph uses a buffer of " + bytes + " bytes of " + device() + " that has been given back since");
        }
        current(true);
        if (written) {
            hostCurrent = false;
        }
    }

    private long current(boolean contents) {
        if (!onDevice) {
            address = memory.take(bytes);
            onDevice = true;
        }
        if (contents && !deviceCurrent && hostCurrent && bytes > 0) {
            memory.engine().upload(host.asSlice(0, bytes), address);
        }
        deviceCurrent = true;
        Capture capture = memory.recording();
        if (capture != null) {
            capture.uses(this, address);
        }
        return address;
    }

    @Override
    public synchronized void discard() {
        if (onDevice) {
            memory.give(address, bytes);
            onDevice = false;
        }
        deviceCurrent = false;
        if (borrowed) {
            memory.giveHost(host);
            borrowed = false;
            host = null;
        }
        hostCurrent = host != null;
    }
}
