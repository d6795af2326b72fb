package io.aegis.kernels.scalar;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import java.util.Objects;

/** Pointwise work, one element after the other; integers are copied as integers, everything else passes as double. */
final class ScalarElementwise implements Elementwise {
    @Override
    public void fill(View y, double value) {
        for (Walk w = new Walk(y); w.more(); w.next()) {
            y.setAt(w.at(0), value);
        }
    }

    @Override
    public void copy(View x, View y) {
        boolean integers = !x.dtype().isFloating() && !y.dtype().isFloating();
        for (Walk w = new Walk(x, y); w.more(); w.next()) {
            if (integers) {
                y.setLongAt(w.at(1), x.getLongAt(w.at(0)));
            } else {
                y.setAt(w.at(1), x.getAt(w.at(0)));
            }
        }
    }

    @Override
    public void binary(Binary op, View a, View b, View y) {
        for (Walk w = new Walk(a, b, y); w.more(); w.next()) {
            double left = a.getAt(w.at(0));
            double right = b.getAt(w.at(1));
            y.setAt(
                    w.at(2),
                    switch (op) {
                        case ADD -> left + right;
                        case SUBTRACT -> left - right;
                        case MULTIPLY -> left * right;
                        case DIVIDE -> left / right;
                    });
        }
    }

    @Override
    public void affine(View x, double scale, double shift, View y) {
        for (Walk w = new Walk(x, y); w.more(); w.next()) {
            y.setAt(w.at(1), scale * x.getAt(w.at(0)) + shift);
        }
    }

    @Override
    public void addScaled(View x, double scale, View y) {
        for (Walk w = new Walk(x, y); w.more(); w.next()) {
            y.setAt(w.at(1), y.getAt(w.at(1)) + scale * x.getAt(w.at(0)));
        }
    }

    @Override
    public void activate(Activation f, View x, View y) {
        for (Walk w = new Walk(x, y); w.more(); w.next()) {
            y.setAt(w.at(1), f.value(x.getAt(w.at(0))));
        }
    }

    @Override
    public void activateBackward(Activation f, View x, View dy, View dx) {
        for (Walk w = new Walk(x, dy, dx); w.more(); w.next()) {
            dx.setAt(w.at(2), dy.getAt(w.at(1)) * f.derivative(x.getAt(w.at(0))));
        }
    }

    @Override
    public void siluGate(View gate, View up, View y) {
        for (Walk w = new Walk(gate, up, y); w.more(); w.next()) {
            y.setAt(w.at(2), Activation.SILU.value(gate.getAt(w.at(0))) * up.getAt(w.at(1)));
        }
    }

    @Override
    public void siluGateBackward(View gate, View up, View dy, View dgate, View dup) {
        for (Walk w = new Walk(gate, up, dy, dgate == null ? dy : dgate, dup == null ? dy : dup); w.more(); w.next()) {
            double g = gate.getAt(w.at(0));
            double d = dy.getAt(w.at(2));
            if (dgate != null) {
                dgate.setAt(w.at(3), d * up.getAt(w.at(1)) * Activation.SILU.derivative(g));
            }
            if (dup != null) {
                dup.setAt(w.at(4), d * Activation.SILU.value(g));
            }
        }
    }

    @Override
    public void dropout(View x, double p, long seed, View step, View samples, long site, View y) {
        long now = step.getLong(0);
        for (long b = 0; b < x.size(0); b++) {
            View row = x.select(0, b);
            long sample = samples.getLong(b);
            long element = 0;
            for (Walk w = new Walk(row, y.select(0, b)); w.more(); w.next(), element++) {
                boolean dropped = Philox.uniform(seed, now, sample, site, element) < p;
                y.setAt(w.at(1), dropped ? 0 : x.getAt(w.at(0)) / (1 - p));
            }
        }
    }

    @Override
    public void gather(View x, View index, View y) {
        for (long i = 0; i < index.size(0); i++) {
            copy(x.select(0, Objects.checkIndex(index.getLong(i), x.size(0))), y.select(0, i));
        }
    }

    @Override
    public void scatterAdd(View y, View index, View x) {
        for (long i = 0; i < index.size(0); i++) {
            addScaled(y.select(0, i), 1, x.select(0, Objects.checkIndex(index.getLong(i), x.size(0))));
        }
    }
}
