package io.aegis.cli.faceshield;

import io.aegis.image.Box;
import io.aegis.image.Corners;
import io.aegis.image.Image;
import io.aegis.image.PillowResize;
import io.aegis.image.Png;
import io.aegis.models.HeatValues;
import io.aegis.models.faceshield.ImportanceMaps;
import io.aegis.models.faceshield.Selection;
import io.aegis.models.vit.VitConfig;
import io.aegis.training.report.HeatMap;
import io.aegis.training.report.HtmlReport;
import java.util.List;
import java.util.stream.IntStream;

/** Pictures that explain a verdict. */
public final class VerdictPictures {
    /** Longer side of a picture as it was given, in a report. */
    private static final int LARGEST = 480;

    private static final double STRENGTH = 0.7;
    private static final int[] FRAME = {230, 30, 30};
    private static final List<String> STREAMS = List.of("the picture", "its auxiliary picture");

    private VerdictPictures() {}

    /** A picture, not larger than a report needs, with a red frame where a box is. */
    public static Image framed(Image picture, Corners box) {
        double scale = Math.min(1, (double) LARGEST / Math.max(picture.width(), picture.height()));
        int w = Math.max(1, (int) Math.round(picture.width() * scale));
        int h = Math.max(1, (int) Math.round(picture.height() * scale));
        Image small = PillowResize.resize(picture.rgb(), w, h, PillowResize.Filter.BICUBIC);
        if (box == null) {
            return small;
        }
        byte[] out = small.bytes().clone();
        int left = pixel(box.x1() * scale, w);
        int right = pixel(box.x2() * scale, w);
        int top = pixel(box.y1() * scale, h);
        int bottom = pixel(box.y2() * scale, h);
        for (int y = top; y <= bottom; y++) {
            for (int x = left; x <= right; x++) {
                boolean edge = x - left < 2 || right - x < 2 || y - top < 2 || bottom - y < 2;
                for (int c = 0; edge && c < 3; c++) {
                    out[(y * w + x) * 3 + c] = (byte) FRAME[c];
                }
            }
        }
        return Image.of(w, h, 3, out);
    }

    private static int pixel(double at, int side) {
        return Math.clamp((long) at, 0, side - 1);
    }

    /** S of each stream as a heat map over what the tower saw of the colours, named for a person. */
    public static List<HtmlReport.Picture> importance(Image seen, VitConfig tower, Selection selection) {
        Image covered = covered(seen, tower);
        List<HeatValues> maps = ImportanceMaps.of(selection);
        return IntStream.range(0, maps.size())
                .mapToObj(i -> {
                    HeatValues m = maps.get(i);
                    byte[] warm = new HeatMap(m.rows(), m.columns(), m.values())
                            .over(covered.bytes(), covered.width(), covered.height(), 3, STRENGTH);
                    return picture(
                            Image.of(covered.width(), covered.height(), 3, warm), "importance, " + title(maps, i));
                })
                .toList();
    }

    /** The tokens that are kept, of each stream: the others are dark. */
    public static List<HtmlReport.Picture> kept(Image seen, VitConfig tower, Selection selection, String caption) {
        Image covered = covered(seen, tower);
        List<HeatValues> maps = ImportanceMaps.kept(selection);
        return IntStream.range(0, maps.size())
                .mapToObj(i -> picture(darkened(covered, maps.get(i), tower.patch()), caption + ", " + title(maps, i)))
                .toList();
    }

    private static String title(List<HeatValues> maps, int stream) {
        return maps.size() == 1 ? "both pictures in one" : STREAMS.get(stream);
    }

    private static HtmlReport.Picture picture(Image image, String caption) {
        return new HtmlReport.Picture(Png.encode(image), caption);
    }

    /** What of a picture is in tokens: patches do not fill it to the right and bottom. */
    private static Image covered(Image seen, VitConfig tower) {
        int side = tower.grid() * tower.patch();
        return seen.crop(new Box(0, 0, side, side));
    }

    private static Image darkened(Image image, HeatValues kept, int patch) {
        float[] keep = kept.values();
        byte[] out = image.bytes().clone();
        for (int y = 0; y < image.height(); y++) {
            for (int x = 0; x < image.width(); x++) {
                if (keep[y / patch * kept.columns() + x / patch] == 0) {
                    for (int c = 0; c < 3; c++) {
                        int i = (y * image.width() + x) * 3 + c;
                        out[i] = (byte) ((out[i] & 0xff) / 6);
                    }
                }
            }
        }
        return Image.of(image.width(), image.height(), 3, out);
    }
}
