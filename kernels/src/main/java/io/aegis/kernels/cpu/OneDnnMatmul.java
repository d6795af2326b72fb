package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.aegis.kernels.DType;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * oneDNN's matmul primitive for operands of one type, with sums and results in float32. A primitive is planned, and its code
 * generated, once for each shape and layout (about a millisecond), and then used by all threads; operands are described as
 * they lie, so that the mapped weights of a checkpoint are read in place. A shape for which there is no implementation but the
 * reference one is left to another {@link Gemm}.
 */
final class OneDnnMatmul implements Gemm {
    private static final int MATRIX = 2;
    private static final int USER_SCRATCHPAD = 1;
    private static final int IMPLEMENTATION_NAME = 8;
    private static final int SCRATCHPAD = 136;
    private static final int TYPE_OF_DESTINATION = 0;
    private static final int LINEAR = 0x26;
    private static final int[] ARGUMENTS = {1, 33, 17, 80};
    private static final long ARGUMENT_BYTES = 16;
    /** Plans that are kept; prompts of ever new lengths must not fill memory. */
    private static final int MOST = 512;

    private final OneDnnLibrary library;
    private final DType dtype;
    private final Gemm otherwise;
    private final Functions f;
    private final ConcurrentHashMap<Shape, Optional<Plan>> plans = new ConcurrentHashMap<>();

    /**
     * @param dtype of both operands: F32, BF16, F16 or I8
     * @param otherwise what computes shapes that oneDNN has no implementation for; null makes those an error
     */
    OneDnnMatmul(OneDnnLibrary library, DType dtype, Gemm otherwise) {
        this.library = library;
        this.dtype = dtype;
        this.otherwise = otherwise;
        f = new Functions(library);
    }

    /** Everything that a plan depends on. */
    private record Shape(
            long m,
            long n,
            long k,
            boolean aByColumns,
            long lda,
            boolean bByColumns,
            long ldb,
            float alpha,
            boolean add,
            long ldc) {
        static Shape of(Operand a, Operand b, float alpha, boolean add, long ldc) {
            return new Shape(
                    a.rows(),
                    b.columns(),
                    a.columns(),
                    a.byColumns(),
                    a.leading(),
                    b.byColumns(),
                    b.leading(),
                    alpha,
                    add,
                    ldc);
        }

        long[] a() {
            return aByColumns ? new long[] {1, lda} : new long[] {lda, 1};
        }

        long[] b() {
            return bByColumns ? new long[] {1, ldb} : new long[] {ldb, 1};
        }
    }

    /** A primitive, and descriptions of its operands, in the order of {@link #ARGUMENTS}; freed when nobody holds them. */
    private record Plan(String implementation, MemorySegment primitive, MemorySegment[] operands, long scratchpad) {}

    @Override
    public void multiply(Operand a, Operand b, float alpha, boolean add, Part c) {
        Shape shape = Shape.of(a, b, alpha, add, c.ldc());
        Optional<Plan> plan = plan(shape);
        if (plan.isPresent()) {
            int bytes = dtype.bytes();
            execute(
                    plan.get(),
                    a.memory().asSlice(a.offset() * bytes),
                    b.memory().asSlice(b.offset() * bytes),
                    c.c().asSlice(c.start() << 2));
        } else if (otherwise != null) {
            otherwise.multiply(a, b, alpha, add, c);
        } else {
            throw new IllegalStateException("oneDNN has nothing for " + dtype + " products of " + shape);
        }
    }

    @Override
    public Operand operand(Operand x, int slot) {
        return dtype == DType.BF16 ? x.rounded(slot) : x;
    }

    @Override
    public String description() {
        return "oneDNN " + library.version() + ", " + library.isa();
    }

    /** Which implementation multiplies [m, k] by a weight that is stored [n, k]; empty where there is none. */
    Optional<String> implementation(long m, long n, long k) {
        return plan(new Shape(m, n, k, false, k, true, k, 1, false, n)).map(Plan::implementation);
    }

    private Optional<Plan> plan(Shape shape) {
        library.useOneThread();
        Optional<Plan> found = plans.get(shape);
        if (found == null) {
            if (plans.size() >= MOST) {
                plans.clear();
            }
            found = plans.computeIfAbsent(shape, this::make);
        }
        return found;
    }

    private Optional<Plan> make(Shape s) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment a = description(arena, dtype, s.m, s.k, s.a());
            MemorySegment b = description(arena, dtype, s.k, s.n, s.b());
            MemorySegment c = description(arena, DType.F32, s.m, s.n, new long[] {s.ldc, 1});
            MemorySegment attributes = attributes(arena, s.alpha, s.add);
            MemorySegment out = arena.allocate(ADDRESS);
            MemorySegment none = MemorySegment.NULL;
            int status = (int) f.plan.invokeExact(out, library.engine(), a, b, none, c, attributes);
            f.free(f.destroyAttributes, attributes);
            if (status != 0) {
                return Optional.empty();
            }
            MemorySegment plan = out.get(ADDRESS, 0);
            OneDnnLibrary.check("asking a name", (int) f.query.invokeExact(plan, IMPLEMENTATION_NAME, 0, out));
            String name = out.get(ADDRESS, 0).reinterpret(256).getString(0);
            MemorySegment scratch = (MemorySegment) f.queryDescription.invokeExact(plan, SCRATCHPAD, 0);
            MemorySegment copy = arena.allocate(ADDRESS);
            OneDnnLibrary.check("a copy", (int) f.copyDescription.invokeExact(copy, scratch));
            long bytes = (long) f.size.invokeExact(scratch);
            MemorySegment[] operands = {a, b, c, f.owned(copy.get(ADDRESS, 0), f.destroyDescription)};
            OneDnnLibrary.check("a primitive", (int) f.create.invokeExact(out, plan));
            f.free(f.destroyPlan, plan);
            MemorySegment primitive = f.owned(out.get(ADDRESS, 0), f.destroyPrimitive);
            return name.contains("ref") ? Optional.empty() : Optional.of(new Plan(name, primitive, operands, bytes));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private MemorySegment description(SegmentAllocator arena, DType type, long rows, long columns, long[] strides)
            throws Throwable {
        MemorySegment out = arena.allocate(ADDRESS);
        MemorySegment sizes = arena.allocateFrom(JAVA_LONG, rows, columns);
        MemorySegment steps = arena.allocateFrom(JAVA_LONG, strides);
        OneDnnLibrary.check("a matrix of " + rows + " x " + columns, (int)
                f.describe.invokeExact(out, MATRIX, sizes, code(type), steps));
        return f.owned(out.get(ADDRESS, 0), f.destroyDescription);
    }

    /** Scratch memory is ours, so that threads do not share it; a factor and then a sum are post-operations. */
    private MemorySegment attributes(SegmentAllocator arena, float alpha, boolean add) throws Throwable {
        MemorySegment out = arena.allocate(ADDRESS);
        OneDnnLibrary.check("attributes", (int) f.createAttributes.invokeExact(out));
        MemorySegment attributes = out.get(ADDRESS, 0);
        OneDnnLibrary.check("scratch memory", (int) f.scratchpadMode.invokeExact(attributes, USER_SCRATCHPAD));
        if (alpha != 1 || add) {
            OneDnnLibrary.check("post-operations", (int) f.createPost.invokeExact(out));
            MemorySegment post = out.get(ADDRESS, 0);
            if (alpha != 1) {
                OneDnnLibrary.check("a factor", (int) f.appendElementwise.invokeExact(post, LINEAR, alpha, 0f));
            }
            if (add) {
                OneDnnLibrary.check("a sum", (int) f.appendSum.invokeExact(post, 1f, 0, TYPE_OF_DESTINATION));
            }
            OneDnnLibrary.check("post-operations", (int) f.setPost.invokeExact(attributes, post));
            f.free(f.destroyPost, post);
        }
        return attributes;
    }

    private static int code(DType type) {
        return switch (type) {
            case F16 -> 1;
            case BF16 -> 2;
            case F32 -> 3;
            case I8 -> 5;
            default -> throw new IllegalArgumentException("no products of " + type);
        };
    }

    private void execute(Plan plan, MemorySegment a, MemorySegment b, MemorySegment c) {
        MemorySegment scratch = Scratch.floats(Scratch.ONE_DNN, Math.ceilDiv(plan.scratchpad, Float.BYTES));
        MemorySegment[] data = {a, b, c, scratch};
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment arguments = arena.allocate(ARGUMENTS.length * ARGUMENT_BYTES, 8);
            MemorySegment out = arena.allocate(ADDRESS);
            int made = 0;
            try {
                for (; made < ARGUMENTS.length; made++) {
                    OneDnnLibrary.check("an operand", (int)
                            f.createMemory.invokeExact(out, plan.operands[made], library.engine(), data[made]));
                    arguments.set(JAVA_INT, made * ARGUMENT_BYTES, ARGUMENTS[made]);
                    arguments.set(ADDRESS, made * ARGUMENT_BYTES + 8, out.get(ADDRESS, 0));
                }
                OneDnnLibrary.check("a product", (int)
                        f.execute.invokeExact(plan.primitive, library.stream(), ARGUMENTS.length, arguments));
            } finally {
                for (int i = 0; i < made; i++) {
                    f.free(f.destroyMemory, arguments.get(ADDRESS, i * ARGUMENT_BYTES + 8));
                }
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    /** The functions of the library that products need. */
    private static final class Functions {
        private static final AddressLayout P = ADDRESS;

        private final MethodHandle describe;
        private final MethodHandle copyDescription;
        private final MethodHandle destroyDescription;
        private final MethodHandle size;
        private final MethodHandle createAttributes;
        private final MethodHandle destroyAttributes;
        private final MethodHandle scratchpadMode;
        private final MethodHandle createPost;
        private final MethodHandle destroyPost;
        private final MethodHandle appendElementwise;
        private final MethodHandle appendSum;
        private final MethodHandle setPost;
        private final MethodHandle plan;
        private final MethodHandle destroyPlan;
        private final MethodHandle query;
        private final MethodHandle queryDescription;
        private final MethodHandle create;
        private final MethodHandle destroyPrimitive;
        private final MethodHandle createMemory;
        private final MethodHandle destroyMemory;
        private final MethodHandle execute;

        Functions(OneDnnLibrary library) {
            describe = library.handle("dnnl_memory_desc_create_with_strides", status(P, JAVA_INT, P, JAVA_INT, P));
            copyDescription = library.handle("dnnl_memory_desc_clone", status(P, P));
            destroyDescription = library.handle("dnnl_memory_desc_destroy", status(P));
            size = library.handle("dnnl_memory_desc_get_size", FunctionDescriptor.of(JAVA_LONG, P));
            createAttributes = library.handle("dnnl_primitive_attr_create", status(P));
            destroyAttributes = library.handle("dnnl_primitive_attr_destroy", status(P));
            scratchpadMode = library.handle("dnnl_primitive_attr_set_scratchpad_mode", status(P, JAVA_INT));
            createPost = library.handle("dnnl_post_ops_create", status(P));
            destroyPost = library.handle("dnnl_post_ops_destroy", status(P));
            appendElementwise =
                    library.handle("dnnl_post_ops_append_eltwise", status(P, JAVA_INT, JAVA_FLOAT, JAVA_FLOAT));
            appendSum = library.handle("dnnl_post_ops_append_sum", status(P, JAVA_FLOAT, JAVA_INT, JAVA_INT));
            setPost = library.handle("dnnl_primitive_attr_set_post_ops", status(P, P));
            plan = library.handle("dnnl_matmul_primitive_desc_create", status(P, P, P, P, P, P, P));
            destroyPlan = library.handle("dnnl_primitive_desc_destroy", status(P));
            query = library.handle("dnnl_primitive_desc_query", status(P, JAVA_INT, JAVA_INT, P));
            queryDescription =
                    library.handle("dnnl_primitive_desc_query_md", FunctionDescriptor.of(P, P, JAVA_INT, JAVA_INT));
            create = library.handle("dnnl_primitive_create", status(P, P));
            destroyPrimitive = library.handle("dnnl_primitive_destroy", status(P));
            createMemory = library.handle("dnnl_memory_create", status(P, P, P, P));
            destroyMemory = library.handle("dnnl_memory_destroy", status(P));
            execute = library.handle("dnnl_primitive_execute", status(P, P, JAVA_INT, P));
        }

        private static FunctionDescriptor status(MemoryLayout... parameters) {
            return FunctionDescriptor.of(JAVA_INT, parameters);
        }

        /** A handle that the library's function frees once it cannot be reached. */
        MemorySegment owned(MemorySegment handle, MethodHandle destroy) {
            return handle.reinterpret(Arena.ofAuto(), h -> free(destroy, h));
        }

        /** Cannot fail: the handle is the library's own. */
        void free(MethodHandle destroy, MemorySegment handle) {
            try {
                int ignored = (int) destroy.invokeExact(handle);
            } catch (Throwable t) {
                throw new IllegalStateException(t);
            }
        }
    }
}
