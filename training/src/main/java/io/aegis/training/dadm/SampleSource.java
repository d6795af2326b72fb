package io.aegis.training.dadm;

import io.aegis.image.DadmPictures;
import io.aegis.training.data.Sample;

/**
 * Where a sample's pictures come from: files, or a generator that draws them. Loader threads call it at once, so it
 * shares no state that changes; the same sample gives the same pictures every time, or a run cannot be repeated.
 */
@FunctionalInterface
public interface SampleSource {
    /** Decodes the files that a sample names, cut to its box. */
    SampleSource FILES = new PictureFileSource();

    /**
     * The pictures of a sample, of any size. What the sample lacks ({@link Sample#picture} is empty) is ignored when it is
     * given all the same. A sample without RGB still needs some picture in its place.
     *
     * @throws Exception that ends the run; its message should name the picture
     */
    DadmPictures.Files read(Sample sample) throws Exception;
}
