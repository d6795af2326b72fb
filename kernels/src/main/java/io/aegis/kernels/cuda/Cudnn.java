package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/**
 * NVIDIA's library of deep learning, cuDNN 9, where it is installed; nothing needs it. Its backend interface is bound directly: opaque
 * descriptors, whose attributes are set one by one and which are then finished. {@link CudnnPlan} has what is said with it.
 *
 * <p>Of one thread at a time, which holds this as a lock: a handle has one stream. Constants are those of {@code cudnn_graph.h}.
 */
final class Cudnn implements AutoCloseable {
    /** A folder that holds the library, or {@code none}. */
    static final String PROPERTY = "aegis.cudnn";

    /** {@code cudnnBackendAttributeType_t}. */
    enum Type {
        HANDLE(0),
        DATA_TYPE(1),
        BOOLEAN(2),
        INT64(3),
        VOID_PTR(6),
        HEUR_MODE(8),
        POINTWISE_MODE(14),
        BACKEND_DESCRIPTOR(15),
        REDUCTION_OPERATOR(18),
        CHAR(24);

        final int code;

        Type(int code) {
            this.code = code;
        }
    }

    /**
     * 9.15.1: 9.10.0 and 9.10.1 are known for wrong attention, and up to 9.15.0 a backward pass over a number of keys that is no multiple of
     * 128 wants a mask (cudnn-frontend).
     */
    private static final int OLDEST = 91501;

    private static final int DEVICEPROP_DESCRIPTOR = 38;
    private static final int DEVICEPROP_JSON_REPRESENTATION = 2702;
    private static final int MESSAGE_BYTES = 4096;

    private final String name;
    private final int version;
    private final MethodHandle create;
    private final MethodHandle destroy;
    private final MethodHandle setStream;
    private final MethodHandle createDescriptor;
    private final MethodHandle destroyDescriptor;
    private final MethodHandle setAttribute;
    private final MethodHandle getAttribute;
    private final MethodHandle finish;
    private final MethodHandle execute;
    private final Optional<MethodHandle> lastError;
    /** What lives as long as the handle. */
    private final Deque<AutoCloseable> kept = new ArrayDeque<>();

    private long handle;
    private long deviceProperties;

    private Cudnn(Library library) {
        name = library.name();
        version = version(library);
        if (version < OLDEST || version >= OLDEST / 10000 * 10000 + 10000) {
            throw new CudaException(
                    name + " is cuDNN " + text(version) + "; " + text(OLDEST) + " or newer of version 9 is bound");
        }
        create = library.function("cudnnCreate", ADDRESS);
        destroy = library.function("cudnnDestroy", JAVA_LONG);
        setStream = library.function("cudnnSetStream", JAVA_LONG, JAVA_LONG);
        createDescriptor = library.function("cudnnBackendCreateDescriptor", JAVA_INT, ADDRESS);
        destroyDescriptor = library.function("cudnnBackendDestroyDescriptor", JAVA_LONG);
        setAttribute = library.function(
                "cudnnBackendSetAttribute",
                JAVA_LONG, // descriptor
                JAVA_INT, // attribute
                JAVA_INT, // its type
                JAVA_LONG, // how many elements
                ADDRESS); // elements
        getAttribute = library.function(
                "cudnnBackendGetAttribute",
                JAVA_LONG, // descriptor
                JAVA_INT, // attribute
                JAVA_INT, // its type
                JAVA_LONG, // how many elements there is room for
                ADDRESS, // how many there are
                ADDRESS); // elements
        finish = library.function("cudnnBackendFinalize", JAVA_LONG);
        execute = library.function(
                "cudnnBackendExecute",
                JAVA_LONG, // handle
                JAVA_LONG, // plan
                JAVA_LONG); // variant pack
        lastError = library.optional("cudnnGetLastErrorString", ADDRESS, JAVA_LONG);
    }

    /** What was found, or why nothing was. */
    record Found(Cudnn library, String reason) {}

    /** Looks for the library, and for what it needs; opens no device. Never throws. */
    static Found find() {
        return find(System.getProperty(PROPERTY));
    }

    /** @param wanted a folder, {@code none}, or null for where toolkits are and the system's loader looks */
    static Found find(String wanted) {
        if ("none".equals(wanted)) {
            return new Found(null, "switched off by " + PROPERTY + "=none");
        }
        return Library.first(CudnnFiles.candidates(wanted), file -> true, Cudnn::usable, Found::new);
    }

    private static Cudnn usable(String file) {
        Library library = Library.open(file);
        Cudnn found = new Cudnn(library);
        CudnnFiles.requireProducts(library);
        return found;
    }

    /** As {@link #find()}, for the device whose context is current. Never throws. */
    static Found open() {
        Found found = find();
        if (found.library == null) {
            return found;
        }
        try {
            found.library.handle = found.library.out("cudnnCreate", found.library.create);
            return found;
        } catch (CudaException e) {
            return new Found(null, e.getMessage());
        }
    }

    private static int version(Library library) {
        return CudnnFiles.integer(library.function("cudnnGetVersion"));
    }

    private static String text(int version) {
        return version / 10000 + "." + version / 100 % 100 + "." + version % 100;
    }

    /** The library's file. */
    String name() {
        return name;
    }

    int version() {
        return version;
    }

    /** As 9.24.0. */
    String versionText() {
        return text(version);
    }

    /** 0 until a device was opened. */
    long handle() {
        return handle;
    }

    /** A finished descriptor of {@link #describeDevice}; 0 where a handle says what the device is. */
    long deviceProperties() {
        return deviceProperties;
    }

    /**
     * Plans are made for a device that is not here.
     *
     * @param json CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION
     */
    void describeDevice(String json) {
        Descriptors own = new Descriptors(this);
        kept.push(own);
        long d = own.create(DEVICEPROP_DESCRIPTOR, "device");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocateFrom(json);
            own.set(d, DEVICEPROP_JSON_REPRESENTATION, Type.CHAR, text.byteSize(), text);
        }
        own.finish(d);
        deviceProperties = d;
    }

    /** Closes something with the handle, before it. */
    void keep(AutoCloseable what) {
        kept.push(what);
    }

    /** Queues a plan. */
    void execute(long stream, long plan, long pack) {
        check("cudnnSetStream", () -> (int) setStream.invokeExact(handle, stream));
        check("cudnnBackendExecute", () -> (int) execute.invokeExact(handle, plan, pack));
    }

    long create(int kind, String what) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment p = arena.allocate(JAVA_LONG);
            check("creating the " + what, () -> (int) createDescriptor.invokeExact(kind, p));
            return p.get(JAVA_LONG, 0);
        }
    }

    void destroy(long descriptor) {
        check("cudnnBackendDestroyDescriptor", () -> (int) destroyDescriptor.invokeExact(descriptor));
    }

    void set(long descriptor, String what, int attribute, Type type, long count, MemorySegment values) {
        int code = type.code;
        check("attribute " + attribute + " of the " + what, () ->
                (int) setAttribute.invokeExact(descriptor, attribute, code, count, values));
    }

    void finish(long descriptor, String what) {
        check("finishing the " + what, () -> (int) finish.invokeExact(descriptor));
    }

    /**
     * Reads an attribute.
     *
     * @param values room for {@code most}
     * @return how many there are; of descriptors how many were filled
     */
    long get(long descriptor, String what, int attribute, Type type, long most, MemorySegment values) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(JAVA_LONG);
            int code = type.code;
            check("reading attribute " + attribute + " of the " + what, () ->
                    (int) getAttribute.invokeExact(descriptor, attribute, code, most, count, values));
            return count.get(JAVA_LONG, 0);
        }
    }

    private long out(String what, MethodHandle creation) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment p = arena.allocate(JAVA_LONG);
            check(what, () -> (int) creation.invokeExact(p));
            return p.get(JAVA_LONG, 0);
        }
    }

    private void check(String what, Library.Call call) {
        int status = Library.status(call);
        if (status != 0) {
            throw new CudaException(what + ": status " + status + " of cuDNN " + text(version) + lastError());
        }
    }

    private String lastError() {
        if (lastError.isEmpty()) {
            return "";
        }
        MethodHandle read = lastError.get();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment message = arena.allocate(MESSAGE_BYTES);
            // It returns nothing; what a register holds is not looked at.
            Library.status(() -> (int) read.invokeExact(message, (long) MESSAGE_BYTES));
            String said = message.getString(0).strip();
            return said.isEmpty() ? "" : ", " + said;
        }
    }

    @Override
    public void close() throws Exception {
        for (AutoCloseable k : kept) {
            k.close();
        }
        kept.clear();
        if (handle != 0) {
            long closing = handle;
            handle = 0;
            check("cudnnDestroy", () -> (int) destroy.invokeExact(closing));
        }
    }
}
