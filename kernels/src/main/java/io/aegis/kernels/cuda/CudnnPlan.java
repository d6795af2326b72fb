package io.aegis.kernels.cuda;

import io.aegis.kernels.cuda.Cudnn.Type;
import io.aegis.kernels.cuda.CudnnGraph.Node;
import io.aegis.kernels.cuda.CudnnGraph.Place;
import io.aegis.kernels.cuda.CudnnGraph.Pointwise;
import io.aegis.kernels.cuda.CudnnGraph.Product;
import io.aegis.kernels.cuda.CudnnGraph.Reduction;
import io.aegis.kernels.cuda.CudnnGraph.Reshape;
import io.aegis.kernels.cuda.CudnnGraph.Tensor;
import java.util.HashMap;
import java.util.Map;

/** A {@link CudnnGraph} in cuDNN's descriptors, and its plan: the first of its heuristics' configurations that it can make. */
final class CudnnPlan implements CudnnGraph.Plan {
    // cudnnBackendDescriptorType_t of cudnn_graph.h
    private static final int POINTWISE = 0;
    private static final int ENGINE_CONFIGURATION = 3;
    private static final int ENGINE_HEURISTICS = 4;
    private static final int EXECUTION_PLAN = 5;
    private static final int OPERATION_POINTWISE = 13;
    private static final int OPERATION_GRAPH = 15;
    private static final int VARIANT_PACK = 16;
    private static final int TENSOR = 17;
    private static final int MATMUL = 18;
    private static final int OPERATION_MATMUL = 19;
    private static final int REDUCTION = 21;
    private static final int OPERATION_REDUCTION = 22;
    private static final int OPERATION_RESHAPE = 31;

    // cudnnBackendAttributeName_t of cudnn_graph.h
    private static final int POINTWISE_MODE = 0;
    private static final int POINTWISE_MATH_PREC = 1;
    private static final int POINTWISE_AXIS = 9;
    private static final int ENGINEHEUR_MODE = 200;
    private static final int ENGINEHEUR_OPERATION_GRAPH = 201;
    private static final int ENGINEHEUR_RESULTS = 202;
    private static final int ENGINEHEUR_DEVICEPROP = 204;
    private static final int EXECUTION_PLAN_HANDLE = 400;
    private static final int EXECUTION_PLAN_ENGINE_CONFIG = 401;
    private static final int EXECUTION_PLAN_WORKSPACE_SIZE = 402;
    private static final int OPERATION_POINTWISE_PW_DESCRIPTOR = 750;
    private static final int OPERATION_POINTWISE_XDESC = 751;
    private static final int OPERATION_POINTWISE_BDESC = 752;
    private static final int OPERATION_POINTWISE_YDESC = 753;
    private static final int OPERATION_POINTWISE_TDESC = 758;
    private static final int OPERATIONGRAPH_HANDLE = 800;
    private static final int OPERATIONGRAPH_OPS = 801;
    private static final int TENSOR_BYTE_ALIGNMENT = 900;
    private static final int TENSOR_DATA_TYPE = 901;
    private static final int TENSOR_DIMENSIONS = 902;
    private static final int TENSOR_STRIDES = 903;
    private static final int TENSOR_UNIQUE_ID = 906;
    private static final int TENSOR_IS_VIRTUAL = 907;
    private static final int TENSOR_IS_BY_VALUE = 908;
    private static final int VARIANT_PACK_UNIQUE_IDS = 1000;
    private static final int VARIANT_PACK_DATA_POINTERS = 1001;
    private static final int VARIANT_PACK_WORKSPACE = 1003;
    private static final int MATMUL_COMP_TYPE = 1500;
    private static final int OPERATION_MATMUL_ADESC = 1520;
    private static final int OPERATION_MATMUL_BDESC = 1521;
    private static final int OPERATION_MATMUL_CDESC = 1522;
    private static final int OPERATION_MATMUL_DESC = 1523;
    private static final int REDUCTION_OPERATOR = 1600;
    private static final int REDUCTION_COMP_TYPE = 1601;
    private static final int OPERATION_REDUCTION_XDESC = 1610;
    private static final int OPERATION_REDUCTION_YDESC = 1611;
    private static final int OPERATION_REDUCTION_DESC = 1612;
    private static final int OPERATION_RESHAPE_XDESC = 2200;
    private static final int OPERATION_RESHAPE_YDESC = 2201;

    /** {@code CUDNN_HEUR_MODE_A}. */
    private static final int MODE_A = 3;

    private static final int ALIGNMENT = 16;
    /** Of the configurations, best first, how many are tried. */
    private static final int TRIED = 8;

    private final Cudnn cudnn;
    private final long plan;
    private final long workspaceBytes;

    private CudnnPlan(Cudnn cudnn, long plan, long workspaceBytes) {
        this.cudnn = cudnn;
        this.plan = plan;
        this.workspaceBytes = workspaceBytes;
    }

    /**
     * A plan for the handle's device, which lives as long as the handle.
     *
     * @throws CudaException when cuDNN refuses the graph, or has no engine for it
     */
    static CudnnPlan of(Cudnn cudnn, CudnnGraph graph) {
        synchronized (cudnn) {
            return make(cudnn, graph);
        }
    }

    private static CudnnPlan make(Cudnn cudnn, CudnnGraph graph) {
        Descriptors own = new Descriptors(cudnn);
        boolean made = false;
        try {
            long[] configurations = configurations(cudnn, own, graph);
            if (configurations.length == 0) {
                throw new CudaException("no engine of cuDNN " + cudnn.versionText() + " takes it");
            }
            CudaException problem = null;
            for (long configuration : configurations) {
                try {
                    long p = own.create(EXECUTION_PLAN, "execution plan");
                    own.setLongs(p, EXECUTION_PLAN_HANDLE, Type.HANDLE, cudnn.handle());
                    own.setLongs(p, EXECUTION_PLAN_ENGINE_CONFIG, Type.BACKEND_DESCRIPTOR, configuration);
                    own.finish(p);
                    CudnnPlan plan = new CudnnPlan(cudnn, p, own.readLong(p, EXECUTION_PLAN_WORKSPACE_SIZE));
                    cudnn.keep(own);
                    made = true;
                    return plan;
                } catch (CudaException e) {
                    problem = problem == null ? e : problem;
                }
            }
            throw problem;
        } finally {
            if (!made) {
                own.close();
            }
        }
    }

    /** How many configurations cuDNN says are able to compute a graph; plans are not made. */
    static int configurations(Cudnn cudnn, CudnnGraph graph) {
        try (Descriptors own = new Descriptors(cudnn)) {
            return configurations(cudnn, own, graph).length;
        }
    }

    private static long[] configurations(Cudnn cudnn, Descriptors own, CudnnGraph graph) {
        Map<Long, Long> tensors = new HashMap<>();
        long[] operations = graph.nodes().stream()
                .mapToLong(node -> operation(own, tensors, node))
                .toArray();
        long g = own.create(OPERATION_GRAPH, "operation graph");
        if (cudnn.handle() != 0) {
            own.setLongs(g, OPERATIONGRAPH_HANDLE, Type.HANDLE, cudnn.handle());
        }
        own.setLongs(g, OPERATIONGRAPH_OPS, Type.BACKEND_DESCRIPTOR, operations);
        own.finish(g);
        long h = own.create(ENGINE_HEURISTICS, "engine heuristics");
        own.setLongs(h, ENGINEHEUR_OPERATION_GRAPH, Type.BACKEND_DESCRIPTOR, g);
        own.setInt(h, ENGINEHEUR_MODE, Type.HEUR_MODE, MODE_A);
        if (cudnn.deviceProperties() != 0) {
            own.setLongs(h, ENGINEHEUR_DEVICEPROP, Type.BACKEND_DESCRIPTOR, cudnn.deviceProperties());
        }
        own.finish(h);
        return own.readDescriptors(h, ENGINEHEUR_RESULTS, ENGINE_CONFIGURATION, "engine configuration", TRIED);
    }

    private static long operation(Descriptors own, Map<Long, Long> tensors, Node node) {
        return switch (node) {
            case Product p -> {
                long how = own.create(MATMUL, "matmul");
                own.setInt(how, MATMUL_COMP_TYPE, Type.DATA_TYPE, CudnnGraph.Type.F32.code);
                own.finish(how);
                long d = own.create(OPERATION_MATMUL, "matmul operation");
                put(own, tensors, d, OPERATION_MATMUL_ADESC, p.a());
                put(own, tensors, d, OPERATION_MATMUL_BDESC, p.b());
                put(own, tensors, d, OPERATION_MATMUL_CDESC, p.c());
                yield done(own, d, OPERATION_MATMUL_DESC, how);
            }
            case Pointwise p -> {
                long how = own.create(POINTWISE, "pointwise " + p.function());
                own.setInt(how, POINTWISE_MODE, Type.POINTWISE_MODE, p.function().code);
                boolean compares = p.function() == CudnnGraph.Function.NOT_LESS;
                CudnnGraph.Type in = compares ? CudnnGraph.Type.BOOL : CudnnGraph.Type.F32;
                own.setInt(how, POINTWISE_MATH_PREC, Type.DATA_TYPE, in.code);
                if (p.axis() >= 0) {
                    own.setLongs(how, POINTWISE_AXIS, Type.INT64, p.axis());
                }
                own.finish(how);
                long d = own.create(OPERATION_POINTWISE, "pointwise operation " + p.function());
                put(own, tensors, d, OPERATION_POINTWISE_XDESC, p.x());
                put(own, tensors, d, OPERATION_POINTWISE_BDESC, p.b());
                put(own, tensors, d, OPERATION_POINTWISE_TDESC, p.chosen());
                put(own, tensors, d, OPERATION_POINTWISE_YDESC, p.y());
                yield done(own, d, OPERATION_POINTWISE_PW_DESCRIPTOR, how);
            }
            case Reduction r -> {
                long how = own.create(REDUCTION, "reduction");
                own.setInt(how, REDUCTION_OPERATOR, Type.REDUCTION_OPERATOR, r.fold().code);
                own.setInt(how, REDUCTION_COMP_TYPE, Type.DATA_TYPE, CudnnGraph.Type.F32.code);
                own.finish(how);
                long d = own.create(OPERATION_REDUCTION, "reduction operation");
                put(own, tensors, d, OPERATION_REDUCTION_XDESC, r.x());
                put(own, tensors, d, OPERATION_REDUCTION_YDESC, r.y());
                yield done(own, d, OPERATION_REDUCTION_DESC, how);
            }
            case Reshape r -> {
                long d = own.create(OPERATION_RESHAPE, "reshape operation");
                put(own, tensors, d, OPERATION_RESHAPE_XDESC, r.x());
                put(own, tensors, d, OPERATION_RESHAPE_YDESC, r.y());
                own.finish(d);
                yield d;
            }
        };
    }

    private static long done(Descriptors own, long operation, int attribute, long how) {
        own.setLongs(operation, attribute, Type.BACKEND_DESCRIPTOR, how);
        own.finish(operation);
        return operation;
    }

    private static void put(Descriptors own, Map<Long, Long> tensors, long operation, int attribute, Tensor t) {
        if (t != null) {
            Long known = tensors.get(t.id());
            long d = known == null ? tensor(own, t) : known;
            tensors.put(t.id(), d);
            own.setLongs(operation, attribute, Type.BACKEND_DESCRIPTOR, d);
        }
    }

    private static long tensor(Descriptors own, Tensor t) {
        long d = own.create(TENSOR, "tensor " + t.id());
        own.setInt(d, TENSOR_DATA_TYPE, Type.DATA_TYPE, t.type().code);
        own.setLongs(d, TENSOR_DIMENSIONS, Type.INT64, t.sizes());
        own.setLongs(d, TENSOR_STRIDES, Type.INT64, t.strides());
        own.setLongs(d, TENSOR_UNIQUE_ID, Type.INT64, t.id());
        own.setLongs(d, TENSOR_BYTE_ALIGNMENT, Type.INT64, ALIGNMENT);
        if (t.place() == Place.NOWHERE) {
            own.setTrue(d, TENSOR_IS_VIRTUAL);
        }
        if (t.place() == Place.HOST) {
            own.setTrue(d, TENSOR_IS_BY_VALUE);
        }
        own.finish(d);
        return d;
    }

    @Override
    public long workspaceBytes() {
        return workspaceBytes;
    }

    @Override
    public void run(long stream, long[] ids, long[] addresses, long workspace) {
        synchronized (cudnn) {
            queue(stream, ids, addresses, workspace);
        }
    }

    private void queue(long stream, long[] ids, long[] addresses, long workspace) {
        try (Descriptors own = new Descriptors(cudnn)) {
            long pack = own.create(VARIANT_PACK, "variant pack");
            own.setLongs(pack, VARIANT_PACK_UNIQUE_IDS, Type.INT64, ids);
            own.setLongs(pack, VARIANT_PACK_DATA_POINTERS, Type.VOID_PTR, addresses);
            own.setLongs(pack, VARIANT_PACK_WORKSPACE, Type.VOID_PTR, workspace);
            own.finish(pack);
            cudnn.execute(stream, plan, pack);
        }
    }
}
