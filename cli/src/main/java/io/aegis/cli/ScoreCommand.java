package io.aegis.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.image.Box;
import io.aegis.image.Image;
import io.aegis.image.ImageException;
import io.aegis.image.Images;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.dadm.Dadm;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** One face: the probability that it is bona fide, and the decision at the model's threshold. */
@Command(name = "score", description = "Scores one face.", mixinStandardHelpOptions = true)
final class ScoreCommand implements Callable<Integer> {
    @Option(names = "--model", required = true, paramLabel = "DIR", description = "a model folder, such as run/best")
    Path model;

    @Option(names = "--rgb", paramLabel = "FILE", description = "the colour picture")
    Path rgb;

    @Option(names = "--depth", paramLabel = "FILE", description = "the depth map")
    Path depth;

    @Option(names = "--ir", paramLabel = "FILE", description = "the infrared picture")
    Path infrared;

    @Option(
            names = "--box",
            paramLabel = "X,Y,W,H",
            description = "the face, in pixels; all pictures given are cut to it and must be of one size")
    String box;

    @Option(
            names = "--depth-range",
            paramLabel = "NEAR,FAR",
            description = "for 16-bit depth maps: the values that become black and white, such as 0,4000 millimetres;"
                    + " without it the upper eight bits count")
    String depthRange;

    @Option(names = "--json", description = "print one JSON object")
    boolean json;

    @Mixin
    DeviceOptions computing = new DeviceOptions();

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        computing.choose();
        if (rgb == null && depth == null && infrared == null) {
            throw new ParameterException(spec.commandLine(), "give at least one of --rgb, --depth and --ir");
        }
        Image colour = read(rgb);
        Image near = read(depth);
        Image ir = read(infrared);
        if (box != null) {
            requireOneSize(colour, near, ir);
            Box cut = Box.parse(box);
            colour = crop(rgb, colour, cut);
            near = crop(depth, near, cut);
            ir = crop(infrared, ir, cut);
        }
        near = window(near);
        try (Dadm dadm = Dadm.load(model)) {
            double live = dadm.score(colour, near, ir);
            print(live, dadm.threshold());
        }
        return 0;
    }

    private static Image read(Path file) {
        return file == null ? null : Images.read(file);
    }

    /** A box is in pixels, so in pictures of two sizes it would be two different faces. */
    private void requireOneSize(Image colour, Image near, Image ir) {
        Path[] files = {rgb, depth, infrared};
        Image[] images = {colour, near, ir};
        int first = -1;
        for (int i = 0; i < images.length; i++) {
            if (images[i] == null) {
                continue;
            }
            if (first < 0) {
                first = i;
            } else if (images[i].width() != images[first].width() || images[i].height() != images[first].height()) {
                throw new IllegalArgumentException(files[i] + ": is " + size(images[i]) + " and " + files[first]
                        + " is " + size(images[first]) + "; with --box all pictures must be of one size");
            }
        }
    }

    private static String size(Image image) {
        return image.width() + "x" + image.height();
    }

    private static Image crop(Path file, Image image, Box cut) {
        if (image == null) {
            return null;
        }
        try {
            return image.crop(cut);
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
        }
    }

    private Image window(Image image) {
        if (depthRange == null) {
            return image;
        }
        if (image == null) {
            throw new ParameterException(spec.commandLine(), "--depth-range is for --depth, which is not given");
        }
        if (image.bits() != 16) {
            throw new IllegalArgumentException(
                    depth + ": has " + image.bits() + "-bit samples; --depth-range is for 16-bit depth maps");
        }
        String[] ends = depthRange.split(",", -1);
        try {
            if (ends.length == 2) {
                return image.window(Integer.parseInt(ends[0].strip()), Integer.parseInt(ends[1].strip()));
            }
        } catch (NumberFormatException _) {
            // Said below.
        } catch (ImageException e) {
            throw new IllegalArgumentException("--depth-range " + depthRange + ": " + e.getMessage(), e);
        }
        throw new ParameterException(
                spec.commandLine(), "--depth-range " + depthRange + ": expected two whole numbers such as 0,4000");
    }

    private void print(double live, Optional<DecisionThreshold> threshold) throws Exception {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("bona_fide_probability", live);
        threshold.ifPresent(t -> {
            result.put("decision", t.accepts(live) ? "bona fide" : "attack");
            result.put("threshold", t.value());
            result.put("threshold_origin", t.origin());
        });
        result.put(
                "missing",
                java.util.stream.Stream.of("rgb", "depth", "ir")
                        .filter(m -> (m.equals("rgb") ? rgb : m.equals("depth") ? depth : infrared) == null)
                        .toList());
        var out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper().writeValueAsString(result));
        } else if (threshold.isPresent()) {
            out.printf(
                    Locale.ROOT,
                    "%s  (probability of bona fide %.4f, threshold %.4f: %s)%n",
                    result.get("decision"),
                    live,
                    threshold.get().value(),
                    threshold.get().origin());
        } else {
            out.printf(Locale.ROOT, "probability of bona fide %.4f  (the model has no threshold)%n", live);
        }
        out.flush();
    }
}
