package io.aegis.training.report;

/**
 * Colours of charts. Elements carry the light colours as attributes, which every viewer understands; a style sheet
 * replaces them where a dark page is preferred. The series differ in lightness as well as in hue, so that they stay
 * apart for colour-blind eyes.
 */
final class Palette {
    /** Whatever the viewer's interface uses: no font is shipped. */
    static final String FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

    private static final String[] LIGHT = {
        "#2563c9", "#d9541e", "#0f8a5f", "#8b45c4", "#b07d00", "#0886a3", "#c2185b", "#5b6675"
    };
    private static final String[] DARK = {
        "#6ea8ff", "#ff8a5c", "#3fcf9c", "#c08cf5", "#e3b93f", "#3ec7e6", "#ff6fa5", "#a3afbf"
    };
    private static final String[][] ROLES = {
        {"surface", "#ffffff", "#161b22"},
        {"ink", "#1c2430", "#e6eaf0"},
        {"muted", "#566170", "#9aa6b6"},
        {"grid", "#e4e8ee", "#2a323d"},
        {"axis", "#9aa5b4", "#5b6675"},
        {"mark", "#1c2430", "#e6eaf0"},
    };

    private Palette() {}

    /** Colour of the n-th series on a light page; after the last colour the first again. */
    static String series(int n) {
        return LIGHT[n % LIGHT.length];
    }

    /** Dashes that tell series apart once colours repeat. */
    static String dashes(int n) {
        return switch (n / LIGHT.length % 3) {
            case 0 -> "none";
            case 1 -> "6 3";
            default -> "2 3";
        };
    }

    /** Class of what is stroked in the n-th series' colour. */
    static String stroke(int n) {
        return "s" + n % LIGHT.length;
    }

    /** Class of what is filled in the n-th series' colour. */
    static String fill(int n) {
        return "f" + n % LIGHT.length;
    }

    /** The light colour of a role: surface, ink, muted, grid, axis or mark. */
    static String light(String role) {
        for (String[] r : ROLES) {
            if (r[0].equals(role)) {
                return r[1];
            }
        }
        throw new IllegalArgumentException("no colour for " + role);
    }

    /** The dark colours, as CSS. */
    static String darkStyle() {
        StringBuilder css = new StringBuilder("@media (prefers-color-scheme:dark){");
        for (String[] r : ROLES) {
            boolean line = r[0].equals("grid") || r[0].equals("axis") || r[0].equals("mark");
            rule(css, r[0], line ? "stroke" : "fill", r[2]);
        }
        for (int n = 0; n < DARK.length; n++) {
            rule(css, stroke(n), "stroke", DARK[n]);
            rule(css, fill(n), "fill", DARK[n]);
        }
        return css.append('}').toString();
    }

    private static void rule(StringBuilder css, String name, String property, String colour) {
        css.append(".aegis-chart .").append(name).append('{').append(property).append(':');
        css.append(colour).append('}');
    }
}
