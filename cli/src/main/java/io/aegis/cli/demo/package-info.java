/** {@code aegis demo}: synthetic faces, two trained models, one report. */
package io.aegis.cli.demo;
