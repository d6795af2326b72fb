/** What a run looks like: charts, heat maps, a report in one file, a progress bar. No fonts, scripts or window system. */
package io.aegis.training.report;
