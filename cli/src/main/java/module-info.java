/** The {@code aegis} command. */
module io.aegis.cli {
    requires io.aegis.training;
    requires info.picocli;
}
