/**
 * Pictures: read from files, resized as Pillow and OpenCV do it, described by gray levels, binary patterns, oriented
 * gradients and pattern of local gravitational force, and laid out as a model wants them.
 *
 * <p>A picture is an {@link io.aegis.image.Image}; everything else is a function of it.
 */
package io.aegis.image;
