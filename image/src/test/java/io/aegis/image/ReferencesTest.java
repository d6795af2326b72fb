package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What Pillow, OpenCV and scikit-image computed from the formula picture: references.txt, made by make.py beside it. */
class ReferencesTest {
    static Stream<String> lines() {
        return new String(TestPictures.resource("references.txt"), StandardCharsets.US_ASCII).lines();
    }

    @ParameterizedTest
    @MethodSource("lines")
    void sameBytes(String line) {
        String[] f = line.split(" ");
        int w = Integer.parseInt(f[1]);
        int h = Integer.parseInt(f[2]);
        int outW = Integer.parseInt(f[4]);
        int outH = Integer.parseInt(f[5]);
        Image colour = TestPictures.formula(w, h, 3);
        Image gray = PillowGray.of(colour);
        Image source = TestPictures.formula(w, h, Integer.parseInt(f[3]));
        byte[] ours =
                switch (f[0]) {
                    case "opencv" -> OpenCvResize.linear(source, outW, outH).bytes();
                    case "gray_pillow" -> gray.bytes();
                    case "gray_opencv" -> OpenCvGray.of(colour).bytes();
                    case "lbp_default" ->
                        CircularLbp.of(gray, CircularLbp.Method.DEFAULT).bytes();
                    case "lbp_uniform" ->
                        CircularLbp.of(gray, CircularLbp.Method.UNIFORM).bytes();
                    default ->
                        f[0].startsWith("hog")
                                ? hog(f[0].split("_"), gray)
                                : PillowResize.resize(source, outW, outH, PillowResize.Filter.valueOf(f[0]))
                                        .bytes();
                };
        assertThat(TestPictures.crc(ours)).isEqualTo(f[6]);
    }

    /** Whole 64ths as 32-bit integers, so that the last bits of a sum do not decide. */
    private static byte[] hog(String[] name, Image gray) {
        Hog hog = new Hog(Integer.parseInt(name[1]), Integer.parseInt(name[2]), Integer.parseInt(name[3]));
        double[] picture = hog.picture(gray);
        ByteBuffer out = ByteBuffer.allocate(4 * picture.length).order(ByteOrder.LITTLE_ENDIAN);
        for (double v : picture) {
            out.putInt((int) Math.floor(v * 64 + 0.5));
        }
        return out.array();
    }
}
