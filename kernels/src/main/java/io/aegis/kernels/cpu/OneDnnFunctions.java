package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The functions of oneDNN that products need, for who has found the library. */
final class OneDnnFunctions {
    private static final AddressLayout P = ADDRESS;
    private static final OneDnnLibrary LIBRARY = OneDnnLibrary.find();

    static final MethodHandle DESCRIBE = status("dnnl_memory_desc_create_with_strides", P, JAVA_INT, P, JAVA_INT, P);
    static final MethodHandle COPY_DESCRIPTION = status("dnnl_memory_desc_clone", P, P);
    static final MethodHandle DESTROY_DESCRIPTION = status("dnnl_memory_desc_destroy", P);
    static final MethodHandle SIZE = LIBRARY.handle("dnnl_memory_desc_get_size", FunctionDescriptor.of(JAVA_LONG, P));

    static final MethodHandle CREATE_ATTRIBUTES = status("dnnl_primitive_attr_create", P);
    static final MethodHandle DESTROY_ATTRIBUTES = status("dnnl_primitive_attr_destroy", P);
    static final MethodHandle SCRATCHPAD_MODE = status("dnnl_primitive_attr_set_scratchpad_mode", P, JAVA_INT);
    static final MethodHandle CREATE_POST = status("dnnl_post_ops_create", P);
    static final MethodHandle DESTROY_POST = status("dnnl_post_ops_destroy", P);
    static final MethodHandle APPEND_ELEMENTWISE =
            status("dnnl_post_ops_append_eltwise", P, JAVA_INT, JAVA_FLOAT, JAVA_FLOAT);
    static final MethodHandle APPEND_SUM = status("dnnl_post_ops_append_sum", P, JAVA_FLOAT, JAVA_INT, JAVA_INT);
    static final MethodHandle APPEND_BINARY = status("dnnl_post_ops_append_binary", P, JAVA_INT, P);
    static final MethodHandle SET_POST = status("dnnl_primitive_attr_set_post_ops", P, P);

    static final MethodHandle PLAN = status("dnnl_matmul_primitive_desc_create", P, P, P, P, P, P, P);
    static final MethodHandle DESTROY_PLAN = status("dnnl_primitive_desc_destroy", P);
    static final MethodHandle QUERY = status("dnnl_primitive_desc_query", P, JAVA_INT, JAVA_INT, P);
    static final MethodHandle QUERY_DESCRIPTION =
            LIBRARY.handle("dnnl_primitive_desc_query_md", FunctionDescriptor.of(P, P, JAVA_INT, JAVA_INT));
    static final MethodHandle CREATE = status("dnnl_primitive_create", P, P);
    static final MethodHandle DESTROY_PRIMITIVE = status("dnnl_primitive_destroy", P);
    static final MethodHandle CREATE_MEMORY = status("dnnl_memory_create", P, P, P, P);
    static final MethodHandle DESTROY_MEMORY = status("dnnl_memory_destroy", P);
    static final MethodHandle EXECUTE = status("dnnl_primitive_execute", P, P, JAVA_INT, P);

    private OneDnnFunctions() {}

    private static MethodHandle status(String name, MemoryLayout... parameters) {
        return LIBRARY.handle(name, FunctionDescriptor.of(JAVA_INT, parameters));
    }

    /** A handle that the library's function frees once it cannot be reached. */
    static MemorySegment owned(MemorySegment handle, MethodHandle destroy) {
        return handle.reinterpret(Arena.ofAuto(), h -> free(destroy, h));
    }

    /** Cannot fail: the handle is the library's own. */
    static void free(MethodHandle destroy, MemorySegment handle) {
        try {
            int ignored = (int) destroy.invokeExact(handle);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }
}
