package io.aegis.cli.demo;

import io.aegis.image.*;
import io.aegis.models.dadm.*;
import io.aegis.training.Schedule;
import io.aegis.training.dadm.*;
import io.aegis.training.data.*;
import io.aegis.training.metrics.*;
import io.aegis.training.report.ProgressBar;
import io.aegis.training.synthetic.*;
import java.nio.file.*;
import java.util.*;

public final class Exp {
    public static void main(String[] a) throws Exception {
        Map<String, String> o = new HashMap<>();
        for (String s : a) {
            String[] p = s.split("=");
            o.put(p[0], p[1]);
        }
        java.util.function.BiFunction<String, String, String> g = (k, d) -> o.getOrDefault(k, d);
        int n = Integer.parseInt(g.apply("n", "300")),
                D = Integer.parseInt(g.apply("D", "48")),
                L = Integer.parseInt(g.apply("L", "2")),
                G = Integer.parseInt(g.apply("G", "6")),
                P = Integer.parseInt(g.apply("P", "8")),
                ep = Integer.parseInt(g.apply("ep", "6")),
                bs = Integer.parseInt(g.apply("b", "12")),
                h1 = Integer.parseInt(g.apply("h1", "16")),
                ad = Integer.parseInt(g.apply("ad", "8"));
        double lr = Double.parseDouble(g.apply("lr", "1e-3"));
        SyntheticSource src = new SyntheticSource();
        List<Domain> ds = Domain.standard();
        int un = Integer.parseInt(g.apply("unseen", "3"));
        List<io.aegis.training.data.Sample> tr = new ArrayList<>(), dv = new ArrayList<>();
        List<String> names = new ArrayList<>();
        for (int i = 0; i < ds.size(); i++)
            if (i != un) {
                tr.addAll(src.draw("train-" + ds.get(i).name(), ds.get(i), 100 + i, n, 64)
                        .samples());
                dv.addAll(src.draw("dev-" + ds.get(i).name(), ds.get(i), 200 + i, 60, 64)
                        .samples());
                names.add(ds.get(i).name());
            }
        io.aegis.training.data.Split test = src.draw("test", ds.get(un), 300, 300, 64);
        DadmTrainingData data = new DadmTrainingData(
                new Domains(names),
                new io.aegis.training.data.Split("train", tr),
                new io.aegis.training.data.Split("development", dv),
                src);
        Set<Modality> ms = EnumSet.allOf(Modality.class);
        if (o.containsKey("m")) ms = EnumSet.of(Modality.valueOf(o.get("m")));
        Path out = Files.createTempDirectory("demo").resolve("run");
        DadmConfig cfg = new DadmConfig(D, 4, L, G, P, 2 * D, h1, ad, 5);
        DadmTrainingOptions op = DadmTrainingOptions.published(cfg, out)
                .withFit(new DadmTrainingOptions.Fit(
                        ep, bs, 1, lr, new Schedule.Cosine(0.01), Long.parseLong(g.apply("warm", "20")), 5e-5))
                .withRecipe(g.apply("recipe", "intended"))
                .withInput(new DadmTrainingOptions.Input(
                        Balance.valueOf(g.apply("bal", "DOMAIN_AND_LABEL")),
                        g.apply("aug", "1").equals("1")
                                ? new Augmentation(Integer.parseInt(g.apply("shift", "10")), 0.8, 1.25, 0.5, 1)
                                : Augmentation.NONE,
                        Optional.empty(),
                        ms))
                .withRun(new DadmTrainingOptions.Run(out, 0, 1));
        long t = System.nanoTime();
        DadmTrainer.Outcome r = DadmTrainer.train(op, data, ProgressBar.Surroundings.standard());
        double sec = (System.nanoTime() - t) / 1e9;
        try (Dadm d = Dadm.load(r.model())) {
            Scores s = DadmEvaluator.of(d, src, 1)
                    .scores(
                            test,
                            io.aegis.training.metrics.Split.TEST,
                            op.input().unused());
            System.out.printf(
                    "RESULT %s unseen AUC %.4f  dev AUC %.4f  %.1f s%n",
                    String.join(" ", a), RocCurve.of(s).auc(), r.development().auc(), sec);
            if (o.containsKey("v"))
                System.out.println(
                        Evaluation.of(s, DadmEvaluator.threshold(d.threshold().orElseThrow())));
        }
    }
}
