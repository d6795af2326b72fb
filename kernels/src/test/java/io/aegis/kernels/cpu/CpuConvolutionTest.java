package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuConvolutionTest {
    private static final Convolution WITHOUT_BLAS =
            new CpuConvolution(Backends.scalar().convolution(), Twin.fast().elementwise(), new VectorGemm());

    @ParameterizedTest(name = "B{0} H{1} W{2} C{3} O{4} {5}x{6} stride {7} padding {8} groups {9}")
    @CsvSource({
        "1, 1, 1, 1, 1, 1, 1, 1, 0, 1",
        "2, 14, 14, 13, 17, 3, 3, 1, 1, 1",
        "1, 1, 1, 8, 8, 3, 3, 1, 1, 1",
        "3, 7, 5, 33, 16, 3, 3, 1, 1, 1",
        "2, 20, 20, 3, 65, 5, 5, 5, 0, 1",
        "1, 7, 6, 2, 2, 3, 2, 2, 1, 1",
        "2, 5, 5, 64, 63, 1, 1, 1, 0, 1",
        "2, 14, 14, 96, 96, 3, 3, 1, 1, 96",
        "1, 3, 4, 300, 300, 3, 3, 1, 1, 300",
        "2, 7, 7, 13, 13, 3, 3, 2, 1, 13",
        "1, 9, 9, 17, 17, 5, 5, 1, 2, 17",
        "1, 4, 4, 4, 6, 3, 3, 1, 2, 2",
        "0, 3, 3, 2, 2, 3, 3, 1, 1, 1",
        "3, 8, 8, 32, 16, 3, 3, 1, 1, 1",
        "2, 5, 7, 16, 96, 3, 3, 1, 1, 1",
        "1, 4, 6, 48, 48, 3, 3, 1, 0, 1",
        "2, 9, 5, 32, 48, 5, 5, 1, 2, 1",
        "0, 8, 8, 32, 32, 3, 3, 1, 1, 1",
    })
    void forwardAndBackward(int b, int h, int w, int c, int o, int kh, int kw, int stride, int padding, int groups) {
        Geometry g = new Geometry(stride, padding, groups);
        View x = random(1, b, h, w, c);
        View weight = channelsLast(random(2, o, c / groups, kh, kw));
        View bias = random(3, o);
        View y = garbage(b, g.out(h, kh), g.out(w, kw), o);
        View dy = random(4, y.shape());
        View dx = garbage(b, h, w, c);
        View dweight = channelsLast(garbage(o, c / groups, kh, kw));
        View wide = random(5, b, h, w, c + 3).slice(3, 1, 1 + c);
        Twin.compare("forward", to(y), (k, d) -> of(k).forward(x, weight, bias, g, d[0]));
        Twin.compare("no bias", to(y), (k, d) -> of(k).forward(x, weight, null, g, d[0]));
        Twin.compare("gaps in x", to(y), (k, d) -> of(k).forward(wide, weight, bias, g, d[0]));
        Twin.compare("as PyTorch stores it", to(y), (k, d) -> of(k).forward(
                        x, random(2, o, c / groups, kh, kw), bias, g, d[0]));
        Twin.compare("channels first", to(y), (k, d) -> of(k).forward(
                        random(1, b, c, h, w).permute(0, 2, 3, 1), weight, bias, g, d[0]));
        Twin.compare("dw as PyTorch stores it", to(garbage(o, c / groups, kh, kw)), (k, d) -> of(k).backwardWeight(
                        x, dy, g, d[0], null));
        Twin.compare("dx", to(dx), (k, d) -> of(k).backwardInput(dy, weight, g, d[0]));
        Twin.compare("dw", to(dweight, garbage(o)), (k, d) -> of(k).backwardWeight(x, dy, g, d[0], d[1]));
        Twin.compare("dw alone", to(dweight), (k, d) -> of(k).backwardWeight(x, dy, g, d[0], null));
        Twin.compare("dw gaps", to(dweight), (k, d) -> of(k).backwardWeight(wide, dy, g, d[0], null));
        Twin.compare("dw without BLAS", to(dweight), (k, d) -> (k.name().equals("cpu") ? WITHOUT_BLAS : of(k))
                .backwardWeight(x, dy, g, d[0], null));
        Twin.compare("forward without BLAS", to(y), (k, d) -> (k.name().equals("cpu") ? WITHOUT_BLAS : of(k))
                .forward(x, weight, bias, g, d[0]));
    }

    @Test
    void centralDifference() {
        View w = channelsLast(random(1, 8, 8, 3, 3));
        View like = channelsLast(garbage(8, 8, 3, 3));
        Twin.compare("kernel", to(like), (k, d) -> of(k).centralDifference(w, 0.7, d[0]));
        Twin.compare("kernel's slope", to(like), (k, d) -> of(k).centralDifferenceBackward(w, 0.7, d[0]));
    }

    private static Convolution of(io.aegis.kernels.Kernels k) {
        return k.convolution();
    }

    private static View channelsLast(View w) {
        View to = View.of(
                garbage(w.elements()).buffer(),
                w.dtype(),
                0,
                w.shape(),
                Convolution.channelsLast(w.size(0), w.size(1), w.size(2), w.size(3)));
        Backends.scalar().elementwise().copy(w, to);
        return to;
    }
}
