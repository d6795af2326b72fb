/**
 * Synthetic faces: parametric heads in RGB, depth and infrared with presentation attacks, drawn from a seed.
 *
 * <p>The way of a picture: {@link io.aegis.training.synthetic.SyntheticFaces} draws a person and a light, paints them on a
 * surface of heights and reflectances, lets an attack alter that surface, and shows it to the three sensors of a domain.
 * All three pictures come from the same geometry, so that what contradicts between them is the attack.
 */
package io.aegis.training.synthetic;
