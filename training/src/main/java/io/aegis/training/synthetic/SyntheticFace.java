package io.aegis.training.synthetic;

import io.aegis.image.Box;

/**
 * One sample: three square pictures of the same scene, row by row from the top, and what they show. The arrays belong to
 * the caller; two samples are equal only when they are the same.
 *
 * @param rgb red, green, blue of each pixel, size x size x 3
 * @param depth nearness of each pixel, size x size: bright is near, 0 is no answer
 * @param infrared infrared light from each pixel, size x size
 * @param attack what is presented
 * @param domain where and with what it was taken
 * @param face the head, from crown to chin
 * @param attacked the pixels that the attack can have changed; null for {@link Attack#BONA_FIDE}
 * @param covered the pixels that are the attack itself, without its shadow and blur; null for {@link Attack#BONA_FIDE}
 * @param evidence what a colour picture shows of it
 * @param seed what {@link SyntheticFaces#draw} needs to draw it again
 */
public record SyntheticFace(
        byte[] rgb,
        byte[] depth,
        byte[] infrared,
        Attack attack,
        Domain domain,
        Box face,
        Box attacked,
        Box covered,
        Evidence evidence,
        long seed) {
    /** Width and height of the pictures. */
    public int size() {
        return (int) Math.sqrt(depth.length);
    }
}
