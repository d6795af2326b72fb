package io.aegis.training.report;

/** How reports look. */
final class StyleSheet {
    static final String CSS = """
            :root { color-scheme: light dark; --page: #f6f7f9; --surface: #ffffff; --ink: #1c2430; --muted: #566170;
              --line: #dfe4ea; --accent: #2563c9; --note: #fff6e0; --note-line: #d99a00; }
            @media (prefers-color-scheme: dark) { :root { --page: #0e1218; --surface: #161b22; --ink: #e6eaf0;
              --muted: #9aa6b6; --line: #2a323d; --accent: #6ea8ff; --note: #2b2410; --note-line: #e3b93f; } }
            * { box-sizing: border-box; }
            body { margin: 0; background: var(--page); color: var(--ink);
              font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
            main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 80px; }
            h1 { font-size: 30px; line-height: 1.2; margin: 0 0 16px; letter-spacing: -0.01em; }
            h2 { font-size: 21px; margin: 48px 0 12px; padding-top: 16px; border-top: 1px solid var(--line); }
            h3 { font-size: 16px; margin: 28px 0 8px; }
            p { margin: 8px 0 16px; max-width: 75ch; }
            a { color: var(--accent); text-decoration: none; }
            a:hover { text-decoration: underline; }
            nav { display: flex; flex-wrap: wrap; gap: 4px 20px; font-size: 14px; }
            .note { background: var(--note); border-left: 3px solid var(--note-line); border-radius: 4px; padding: 10px 14px; }
            pre { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px;
              overflow-x: auto; font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
            .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; }
            .figures div { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; }
            .figures dt { color: var(--muted); font-size: 13px; }
            .figures dd { margin: 2px 0 0; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; }
            .scroll { overflow-x: auto; margin: 12px 0 24px; }
            table { border-collapse: collapse; background: var(--surface); border: 1px solid var(--line); font-size: 14px;
              font-variant-numeric: tabular-nums; }
            th, td { padding: 7px 16px; text-align: left; border-bottom: 1px solid var(--line); }
            tbody tr:last-child td { border-bottom: 0; }
            th { color: var(--muted); font-weight: 600; font-size: 13px; white-space: nowrap; }
            .number { text-align: right; }
            figure { margin: 16px 0; }
            figcaption { color: var(--muted); font-size: 14px; margin-top: 6px; }
            .aegis-chart { max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: 8px; display: block; }
            .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 16px;
              margin: 16px 0; align-items: start; }
            figure .aegis-chart { width: min(100%, 680px); }
            .charts .aegis-chart { width: 100%; }
            .pictures { display: flex; flex-wrap: wrap; gap: 16px; margin: 16px 0; }
            .pictures figure { margin: 0; max-width: 100%; }
            .pictures figcaption { max-width: 240px; font-size: 13px; line-height: 1.35; }
            img { max-width: 100%; height: auto; border-radius: 6px; display: block; }
            .enlarged { image-rendering: pixelated; }
            @media print { body { background: #fff; } figure, table, .figures { break-inside: avoid; } }
            """;

    private StyleSheet() {}
}
