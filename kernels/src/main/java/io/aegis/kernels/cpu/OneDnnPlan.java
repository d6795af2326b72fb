package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.OneDnnFunctions.free;
import static io.aegis.kernels.cpu.OneDnnFunctions.owned;
import static io.aegis.kernels.cpu.OneDnnLibrary.check;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A product of one shape as oneDNN computes it: a primitive, and descriptions of its operands. It serves all threads at once;
 * what is the library's is freed when nobody holds the plan.
 *
 * @param implementation oneDNN's name of it
 * @param operands A, B, C, scratch memory, and then a bias and a residual where there are such
 * @param scratchpad bytes
 */
record OneDnnPlan(String implementation, MemorySegment primitive, List<Operand> operands, long scratchpad) {
    private static final int MATRIX = 2;
    private static final int USER_SCRATCHPAD = 1;
    private static final int IMPLEMENTATION_NAME = 8;
    private static final int SCRATCHPAD = 136;
    private static final int TYPE_OF_DESTINATION = 0;
    private static final int LINEAR = 0x26;
    private static final int BINARY_ADD = 0x1fff0;
    /** Numbers of arguments ({@code DNNL_ARG_...}). */
    private static final int A = 1;

    private static final int B = 33;
    private static final int C = 17;
    private static final int SCRATCH = 80;
    private static final int BIAS = 41;
    private static final int POST_OPERATION = 32768;
    private static final int SECOND = 2;

    private static final long ARGUMENT_BYTES = 16;

    /** @param argument oneDNN's number of it */
    record Operand(int argument, MemorySegment description) {}

    /** The plan for a shape; empty where oneDNN has nothing but its reference implementation, or refuses. */
    static Optional<OneDnnPlan> of(OneDnnLibrary library, DType dtype, OneDnnShape s) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment a = description(arena, dtype, s.m(), s.k(), s.stridesOfA());
            MemorySegment b = description(arena, dtype, s.k(), s.n(), s.stridesOfB());
            MemorySegment c = description(arena, DType.F32, s.m(), s.n(), s.ldc(), 1);
            MemorySegment bias = s.bias() ? description(arena, DType.F32, 1, s.n(), s.n(), 1) : MemorySegment.NULL;
            MemorySegment residual = s.hasResidual() ? description(arena, DType.F32, s.m(), s.n(), s.ldr(), 1) : null;
            List<Operand> operands = new ArrayList<>(List.of(new Operand(A, a), new Operand(B, b), new Operand(C, c)));
            MemorySegment out = arena.allocate(ADDRESS);
            MemorySegment attributes = attributes(arena, s, residual);
            int status = (int) OneDnnFunctions.PLAN.invokeExact(out, library.engine(), a, b, bias, c, attributes);
            free(OneDnnFunctions.DESTROY_ATTRIBUTES, attributes);
            if (status != 0) {
                return Optional.empty();
            }
            MemorySegment plan = out.get(ADDRESS, 0);
            check("asking a name", (int) OneDnnFunctions.QUERY.invokeExact(plan, IMPLEMENTATION_NAME, 0, out));
            String name = out.get(ADDRESS, 0).reinterpret(256).getString(0);
            MemorySegment scratch = (MemorySegment) OneDnnFunctions.QUERY_DESCRIPTION.invokeExact(plan, SCRATCHPAD, 0);
            check("a copy", (int) OneDnnFunctions.COPY_DESCRIPTION.invokeExact(out, scratch));
            long bytes = (long) OneDnnFunctions.SIZE.invokeExact(scratch);
            operands.add(new Operand(SCRATCH, owned(out.get(ADDRESS, 0), OneDnnFunctions.DESTROY_DESCRIPTION)));
            check("a primitive", (int) OneDnnFunctions.CREATE.invokeExact(out, plan));
            free(OneDnnFunctions.DESTROY_PLAN, plan);
            MemorySegment primitive = owned(out.get(ADDRESS, 0), OneDnnFunctions.DESTROY_PRIMITIVE);
            if (s.bias()) {
                operands.add(new Operand(BIAS, bias));
            }
            if (s.hasResidual()) {
                operands.add(new Operand(POST_OPERATION * (postOperations(s) + 1) | SECOND, residual));
            }
            return name.contains("ref")
                    ? Optional.empty()
                    : Optional.of(new OneDnnPlan(name, primitive, List.copyOf(operands), bytes));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private static MemorySegment description(
            SegmentAllocator arena, DType type, long rows, long columns, long... strides) throws Throwable {
        MemorySegment out = arena.allocate(ADDRESS);
        MemorySegment sizes = arena.allocateFrom(JAVA_LONG, rows, columns);
        MemorySegment steps = arena.allocateFrom(JAVA_LONG, strides);
        check("a matrix of " + rows + " x " + columns, (int)
                OneDnnFunctions.DESCRIBE.invokeExact(out, MATRIX, sizes, code(type), steps));
        return owned(out.get(ADDRESS, 0), OneDnnFunctions.DESTROY_DESCRIPTION);
    }

    /** Post-operations before a residual's. */
    private static int postOperations(OneDnnShape s) {
        return (s.alpha() != 1 ? 1 : 0) + (s.add() ? 1 : 0) + (s.activation() != Activation.NONE ? 1 : 0);
    }

    /** Scratch memory is ours, so that threads do not share it; a factor, a sum, a function and a residual are post-operations. */
    private static MemorySegment attributes(SegmentAllocator arena, OneDnnShape s, MemorySegment residual)
            throws Throwable {
        MemorySegment out = arena.allocate(ADDRESS);
        check("attributes", (int) OneDnnFunctions.CREATE_ATTRIBUTES.invokeExact(out));
        MemorySegment attributes = out.get(ADDRESS, 0);
        check("scratch memory", (int) OneDnnFunctions.SCRATCHPAD_MODE.invokeExact(attributes, USER_SCRATCHPAD));
        if (postOperations(s) == 0 && residual == null) {
            return attributes;
        }
        check("post-operations", (int) OneDnnFunctions.CREATE_POST.invokeExact(out));
        MemorySegment post = out.get(ADDRESS, 0);
        if (s.alpha() != 1) {
            check("a factor", (int) OneDnnFunctions.APPEND_ELEMENTWISE.invokeExact(post, LINEAR, s.alpha(), 0f));
        }
        if (s.add()) {
            check("a sum", (int) OneDnnFunctions.APPEND_SUM.invokeExact(post, 1f, 0, TYPE_OF_DESTINATION));
        }
        if (s.activation() != Activation.NONE) {
            int f = OneDnnShape.eltwise(s.activation());
            float factor = OneDnnShape.factor(s.activation());
            check("a function", (int) OneDnnFunctions.APPEND_ELEMENTWISE.invokeExact(post, f, factor, 0f));
        }
        if (residual != null) {
            check("a residual", (int) OneDnnFunctions.APPEND_BINARY.invokeExact(post, BINARY_ADD, residual));
        }
        check("post-operations", (int) OneDnnFunctions.SET_POST.invokeExact(attributes, post));
        free(OneDnnFunctions.DESTROY_POST, post);
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

    /**
     * @param bias null where the plan has none
     * @param residual null where the plan has none
     */
    void execute(
            OneDnnLibrary library,
            MemorySegment a,
            MemorySegment b,
            MemorySegment c,
            MemorySegment bias,
            MemorySegment residual) {
        int count = operands.size();
        MemorySegment scratch = Scratch.floats(Scratch.ONE_DNN, Math.ceilDiv(scratchpad, Float.BYTES));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment arguments = arena.allocate(count * ARGUMENT_BYTES, 8);
            MemorySegment out = arena.allocate(ADDRESS);
            int made = 0;
            try {
                for (; made < count; made++) {
                    Operand o = operands.get(made);
                    MemorySegment memory =
                            switch (o.argument) {
                                case A -> a;
                                case B -> b;
                                case C -> c;
                                case SCRATCH -> scratch;
                                case BIAS -> bias;
                                default -> residual;
                            };
                    check("an operand", (int)
                            OneDnnFunctions.CREATE_MEMORY.invokeExact(out, o.description, library.engine(), memory));
                    arguments.set(JAVA_INT, made * ARGUMENT_BYTES, o.argument);
                    arguments.set(ADDRESS, made * ARGUMENT_BYTES + 8, out.get(ADDRESS, 0));
                }
                check("a product", (int)
                        OneDnnFunctions.EXECUTE.invokeExact(primitive, library.stream(), count, arguments));
            } finally {
                for (int i = 0; i < made; i++) {
                    free(OneDnnFunctions.DESTROY_MEMORY, arguments.get(ADDRESS, i * ARGUMENT_BYTES + 8));
                }
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }
}
