/** The {@code aegis} command. */
module io.aegis.cli {
    requires io.aegis.tokenizer;
    requires io.aegis.training;
    requires info.picocli;
    requires java.management;
    requires jdk.management;

    opens io.aegis.cli to
            info.picocli;
    opens io.aegis.cli.bench to
            info.picocli;
    opens io.aegis.cli.gpu to
            info.picocli;
    opens io.aegis.cli.gpu.bench to
            info.picocli;
}
